"""A callback that returns True once ends the work, wherever that is; and modes of torch in which a user may be."""

import math

import pytest
import torch
from problems import picture

from siren_sr import Fit, derivatives, fit_signal, metrics, solve_poisson, super_resolve
from siren_sr.grids import resampling
from siren_sr.superres.picture import search
from siren_sr.superres.picture.quality import QUALITIES, Effort


def stages(image, **options):
    """The stage of every step."""
    seen = []
    super_resolve(image, 2, callback=lambda progress: seen.append(progress.stage), return_fit=True, **options)
    return seen


@pytest.mark.parametrize(("before", "after"), [("first", 1), ("first", 3), ("network", 0), ("network", 2)])
def test_a_callback_that_returns_true_once(before, after, tmp_path):
    image, seen = picture(12, 12), []
    searching = stages(image, steps=4).index("network")
    step = after + (searching if before == "network" else 0)

    def callback(progress):
        seen.append(progress.entry.step)
        return progress.entry.step == step

    fit = super_resolve(image, 2, steps=4, callback=callback, return_fit=True)
    assert seen == list(range(1, step + 1))
    assert fit.stopped
    assert len(fit.history) == max(0, step - searching)
    # What there is by then is no worse than bicubic interpolation, and explains the image.
    assert metrics.psnr(resampling.resize(fit.render(scale=2), (12, 12)), image) > 40
    fit.save(tmp_path / "a.safetensors")
    assert torch.equal(Fit.load(tmp_path / "a.safetensors").render(scale=2), fit.render(scale=2))
    seen.clear()
    torch.testing.assert_close(super_resolve(image, 2, steps=4, callback=callback), fit.render(scale=2))


@pytest.mark.parametrize("options", [{"prior": None}, {"strategy": "basic"}], ids=str)
def test_a_batch_stops_with_the_image_that_was_stopped(options):
    images, seen = torch.stack([picture(8, 8), picture(8, 8).flip(2), picture(8, 8).flip(1)]), []
    last = len(stages(images[0], steps=4, **options))

    def callback(progress):
        seen.append(progress.entry.step)
        return len(seen) == last + 2  # two steps into the second image

    fits = super_resolve(images, 2, steps=4, **options, callback=callback, return_fit=True)
    assert seen == [*range(1, last + 1), 1, 2]
    assert [fit.stopped for fit in fits] == [False, True, True]
    expected = resampling.resize(images[2], (16, 16)).clamp(0, 1)
    torch.testing.assert_close(fits[2].render(scale=2), expected)
    assert math.isnan(fits[2].psnr)
    seen.clear()
    super_resolve(images[0], 2, steps=4, **options, callback=lambda progress: seen.append(progress.entry.step))
    last = len(seen)  # fewer, where only a fit needs networks
    seen.clear()
    results = super_resolve(images, 2, steps=4, **options, callback=callback)
    assert seen == [*range(1, last + 1), 1, 2]
    torch.testing.assert_close(results, torch.stack([fit.render(scale=2) for fit in fits]), rtol=0, atol=1e-5)


def test_a_strategy_of_the_users_that_is_stopped_before_it_trains():
    from siren_sr.superres.published import basic

    def slow(problem):
        problem.monitor.plan("mine", 2)
        problem.monitor.step()
        return basic(problem)

    image = picture(8, 8)
    fit = super_resolve(image, 2, strategy=slow, steps=3, callback=lambda progress: True, return_fit=True)
    assert fit.stopped
    torch.testing.assert_close(fit.render(scale=1), image)


@pytest.mark.parametrize("strategy", ["consistent", "basic"])
def test_inference_mode(strategy):
    image = picture(8, 9)
    expected = super_resolve(image, 2, strategy=strategy, steps=2)
    prior = torch.nn.Upsample(scale_factor=2)
    given = super_resolve(image, 2, prior=prior, steps=1)
    with torch.inference_mode():
        for one in (image, image.clone(), torch.stack([image.clone()])):
            result = super_resolve(one, 2, strategy=strategy, steps=2)
            torch.testing.assert_close(result.reshape(expected.shape), expected)
        torch.testing.assert_close(super_resolve(image, 2, prior=prior, steps=1), given)
    with torch.no_grad():
        torch.testing.assert_close(super_resolve(image, 2, strategy=strategy, steps=2), expected)


def test_inference_mode_of_the_other_tasks():
    image = picture(8, 9)
    gradient = derivatives.image_gradient(image)
    options = {"hidden_features": 16, "steps": 2}
    fitted, solved = fit_signal(image, **options).reconstruction, solve_poisson(gradient=gradient, mean=0.5, **options)
    with torch.inference_mode():
        torch.testing.assert_close(fit_signal(image.clone(), **options).reconstruction, fitted)
        torch.testing.assert_close(solve_poisson(gradient=gradient.clone(), mean=0.5, **options), solved)


def test_autocast_changes_nothing(monkeypatch):
    short = Effort((("plain", 5), ("steered", 5)), prior_updates=0, tile_steps=2, correction_updates=10, versions=2)
    monkeypatch.setitem(QUALITIES, "standard", short)
    monkeypatch.setattr(search, "QUICK", short.rounds)
    image = picture(8, 9)
    gradient = derivatives.image_gradient(image)

    def everything():
        fit = fit_signal(image, hidden_features=16, steps=2)
        solved = solve_poisson(gradient=gradient, mean=0.5, hidden_features=16, steps=2)
        enlarged = [super_resolve(picture(16, 16), 2, quality=quality) for quality in ("fast", "standard")]
        return fit.psnr, fit.reconstruction, solved, *enlarged

    expected = everything()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = everything()
    for a, b in zip(expected, found, strict=True):
        assert torch.equal(torch.as_tensor(a), torch.as_tensor(b))
