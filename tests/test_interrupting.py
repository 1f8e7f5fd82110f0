"""Ctrl-C inside a task: what was reached comes with the KeyboardInterrupt."""

import itertools
import signal
import time

import pytest
import torch
from problems import picture

from siren_sr import Fit, derivatives, fit_signal, metrics, solve_poisson, super_resolve
from siren_sr.grids import resampling
from siren_sr.training.progress import Monitor

IMAGE = picture(16, 16)
SMALL = {"hidden_features": 32}
TASKS = {
    "one network": lambda **o: fit_signal(IMAGE, steps=10**6, **SMALL, **o),
    "tiles": lambda **o: fit_signal(picture(64, 64), steps=10**4, tiles=True, **o),
    "poisson": lambda **o: solve_poisson(
        gradient=derivatives.image_gradient(IMAGE), mean=0.5, steps=10**6, return_fit=True, **SMALL, **o
    ),
    "published": lambda **o: super_resolve(IMAGE, 2, strategy="basic", steps=10**6, return_fit=True, **o),
    "search": lambda **o: super_resolve(picture(64, 64), 2, prior=None, quality="best", return_fit=True, **o),
}


@pytest.mark.parametrize("task", TASKS)
def test_from_a_callback(task):
    def press(progress):
        if progress.entry.step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        TASKS[task](callback=press)
    interrupted = caught.value.result
    stopped = TASKS[task](callback=lambda progress: progress.entry.step == 7)
    assert interrupted.stopped
    assert isinstance(interrupted, Fit)
    torch.testing.assert_close(interrupted.reconstruction, stopped.reconstruction, rtol=0, atol=0)
    assert len(interrupted.history) == len(stopped.history)


@pytest.fixture
def timer():
    """Raises KeyboardInterrupt after so many seconds, wherever the work is then."""

    def press(*_):
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, press)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("seconds", [0.3, 0.45])
def test_from_a_signal(task, seconds, timer):
    first = []

    def started(progress):
        if not first:
            first.append(time.monotonic())
            timer(seconds)

    with pytest.raises(KeyboardInterrupt) as caught:
        TASKS[task](callback=started)
    fit = caught.value.result
    assert fit.stopped
    shown = fit.reconstruction
    assert bool(torch.isfinite(shown).all())
    if task in ("one network", "search"):
        wanted = IMAGE if task == "one network" else picture(64, 64)
        assert metrics.psnr(shown, wanted) > 15


def test_a_batch_without_fits_gives_images():
    images, count = torch.stack([picture(8, 8), picture(8, 8).flip(1)]), itertools.count()

    def press(progress):
        if next(count) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        super_resolve(images, 2, prior=None, callback=press)
    found = caught.value.result
    assert found.shape == (2, 3, 16, 16)
    torch.testing.assert_close(found[1], resampling.resize(images[1], (16, 16)).clamp(0, 1))


def test_a_second_one_is_raised_at_once():
    monitor = Monitor(lambda progress: True)
    monitor.step()
    with pytest.raises(KeyboardInterrupt), monitor.interruptible():
        raise KeyboardInterrupt
    assert monitor.interruption is None
