"""The strategy "consistent": its result is better than bicubic, and seen through the downsampling it is the image."""

import pytest
import torch
from problems import picture
from searching import low

from siren_sr import metrics, super_resolve
from siren_sr.grids import resampling
from siren_sr.network.tiled import TiledSiren
from siren_sr.superres.downsample import Downsample

DIAGONAL = torch.eye(5) + 0.3 * torch.ones(5, 5)  # no outer product


@pytest.mark.parametrize("quality", ["fast", "standard"])
@pytest.mark.parametrize(("scale", "kernel"), [(2, 2.0), (2, 1.2), (1, 1.6), (1, 0.8), (2, DIAGONAL), (1, DIAGONAL)])
def test_blurring_kernels_at_small_scales(scale, kernel, quality):
    hr = picture(40, 40) * 0.8 + 0.1
    lr = low(hr, (40 // scale,) * 2, kernel=kernel)
    result = super_resolve(lr, scale, kernel=kernel, quality=quality)
    assert metrics.psnr(result, hr) > metrics.psnr(resampling.resize(lr, (40, 40)).clamp(0, 1), hr) + 1
    down = Downsample.between((40, 40), lr.shape[1:], kernel=kernel, like=lr)
    assert metrics.psnr(down(result), lr) > 58  # but for its rounding to 8 bits


def test_networks_are_fitted_where_a_fit_is_asked_for(monkeypatch):
    image, calls, stages = picture(10, 12), [], []
    on_grid = TiledSiren.on_grid
    monkeypatch.setattr(TiledSiren, "on_grid", lambda self, axes: calls.append(1) or on_grid(self, axes))
    options = {
        "prior": None,
        "quality": "fast",
        "callback": lambda progress: stages.append((progress.stage, progress.steps)),
    }
    result = super_resolve(image, 3, **options)
    assert calls == []
    assert {stage for stage, _ in stages} == {"pixels"}
    assert {steps for _, steps in stages} == {len(stages)}
    fit = super_resolve(image, 3, steps=2, prior=None, quality="fast", return_fit=True)
    torch.testing.assert_close(fit.render(scale=3), result, rtol=0, atol=1e-5)


def test_what_is_learned_from_smaller_versions_reaches_the_result():
    # The whole way through the task: corrections that are learned, but from stale weights, would cost what they gain.
    hr = picture(64, 64)
    lr = low(hr, (32, 32))
    fast, standard = (
        metrics.psnr(super_resolve(lr, 2, prior=None, quality=quality), hr) for quality in ("fast", "standard")
    )
    assert standard > fast + 0.5


def tinted(image):
    """An upscaler that sees red everywhere."""
    red = torch.tensor([0.1, 0.0, 0.0])[:, None, None]
    return torch.nn.functional.interpolate(image + red, scale_factor=2).clamp(0, 1)


@pytest.mark.parametrize("options", [{}, {"prior": None, "quality": "fast"}, {"prior": tinted}])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_gray_images_of_three_channels_stay_gray(options, dtype):
    letters = (torch.rand(1, 20, 24, generator=torch.Generator().manual_seed(0)) > 0.7).float().expand(3, -1, -1)
    image = (letters * 255).to(dtype) if dtype == torch.uint8 else letters
    found = super_resolve(image, 2, **options)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    assert found.float().std() > 0.1  # and is no constant


def test_white_around_letters_stays_white():
    """A reduction that overshoots is cut off at white: a picture that says so has no halos in its enlargement."""
    page = torch.ones(3, 72, 72)
    page[:, 12:60, 15:21] = page[:, 33:39, 15:54] = page[:, 12:60, 48:54] = 0  # an H
    small = Downsample.between((72, 72), (24, 24), like=page)(page).clamp(0, 1)
    array = (small * 255).round().byte()
    found = super_resolve(array, 3, prior=lambda image: page[None]).float() / 255
    assert (found - page).abs().max() <= 1.5 / 255
    # A prior's mistakes are mended all the same.
    found = super_resolve(array, 3, prior=lambda image: 0.9 * page[None]).float() / 255
    assert (found - page).abs().max() < 0.1
