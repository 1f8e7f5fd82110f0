"""To go on training a finished fit."""

import itertools
from dataclasses import replace

import pytest
import torch
from problems import picture

from siren_sr import Fit, derivatives, fit_signal, solve_poisson, super_resolve
from siren_sr.training import optimizers

IMAGE = picture(12, 14)
SMALL = {"hidden_features": 24}


def same_weights(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.model.parameters(), b.model.parameters(), strict=True))


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize("corners", [False, True])
def test_it_goes_on(loaded, corners, tmp_path):
    fit = first = fit_signal(IMAGE, steps=30, align_corners=corners, **SMALL)
    if loaded:
        fit.save(tmp_path / "a.safetensors")
        fit = Fit.load(tmp_path / "a.safetensors")
    before = fit.render()
    further = fit.resume(IMAGE, steps=60)
    assert further.psnr > fit.psnr + 1
    assert [e.step for e in further.history] == list(range(1, 91))
    assert [e.stage for e in further.history] == [0] * 30 + [1] * 60
    timed = further.history[30 if loaded else 0 :]  # a file does not hold seconds
    assert all(a.seconds < b.seconds for a, b in itertools.pairwise(timed))
    for a, b in zip(further.history, first.history, strict=False):
        assert replace(a, seconds=b.seconds) == b
    assert further.history[30].psnr == pytest.approx(fit.psnr, abs=0.5)
    assert further.align_corners is corners
    assert torch.equal(fit.render(), before)
    assert not further.stopped


def test_plain_descent_does_not_notice():
    """Where the optimizer has no memory, two trainings are as one."""
    plain = {
        "optimizer": lambda p: torch.optim.SGD(p, lr=1e-3),
        "scheduler": lambda optimizer: torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0),
    }
    whole = fit_signal(IMAGE, steps=20, **plain, **SMALL)
    parts = fit_signal(IMAGE, steps=12, **plain, **SMALL).resume(IMAGE, steps=8, **plain)
    assert same_weights(whole, parts)
    assert [e.loss for e in whole.history] == [e.loss for e in parts.history]


def test_kinds_and_types_are_kept():
    levels = (IMAGE * 255).round().to(torch.uint8)
    for signal, options in [
        (levels, {}),
        (levels.numpy().transpose(1, 2, 0), {}),
        (IMAGE.double(), {}),
        (torch.sin(torch.linspace(0, 40, 300))[None], {"sample_rate": 8000}),
        (torch.rand(4, 5, 6, generator=torch.Generator().manual_seed(0)), {"dims": 3}),
    ]:
        fit = fit_signal(signal, steps=3, **options, **SMALL)
        further = fit.resume(signal, steps=2)
        assert type(further.render()) is type(signal)
        assert further.model.dtype == fit.model.dtype
        assert further.origin == fit.origin
        assert further.psnr == pytest.approx(further.measure(fit_values(signal, **options)))


def fit_values(signal, **options):
    from siren_sr.signals import as_signal

    return as_signal(signal, **options).values


def test_a_checkpoint_serves(tmp_path):
    fit, path = fit_signal(IMAGE, steps=3, **SMALL), tmp_path / "c.safetensors"
    options = {"steps": 9, "optimizer": optimizers.adam(1e-3), "checkpoint": path, "every": 0}
    stopped = fit.resume(IMAGE, callback=lambda progress: progress.entry.step == 4, **options)
    assert stopped.stopped
    seen = []
    resumed = fit.resume(IMAGE, callback=lambda progress: seen.append(progress.entry.step), **options)
    assert seen == [5, 6, 7, 8, 9]
    assert same_weights(resumed, fit.resume(IMAGE, steps=9, optimizer=optimizers.adam(1e-3)))


def test_what_cannot_be_resumed():
    fit = fit_signal(IMAGE, steps=2, **SMALL)
    for other in (IMAGE[:, 1:], IMAGE[:1], (IMAGE * 255).to(torch.uint8)):
        with pytest.raises(ValueError, match="a fit is resumed with the signal to which it was fitted, of shape"):
            fit.resume(other)
    gradient = derivatives.image_gradient(IMAGE)
    with pytest.raises(ValueError, match="a fit of solve_poisson cannot be resumed"):
        solve_poisson(gradient=gradient, steps=2, return_fit=True, **SMALL).resume(IMAGE)
    for tiled in (
        fit_signal(IMAGE, tiles=True, steps=1),
        super_resolve(IMAGE, 2, prior=None, quality="fast", return_fit=True),
    ):
        with pytest.raises(ValueError, match="only a fit of one network can be resumed"):
            tiled.resume(IMAGE)
    with pytest.raises(ValueError, match="steps must be >= 1"):
        fit.resume(IMAGE, steps=0)
