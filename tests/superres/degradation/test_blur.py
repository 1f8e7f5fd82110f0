"""The Gaussian that made an image small is found, and bicubic images have none."""

import math

import numpy as np
import pytest
import torch
from skimage import data as pictures

from siren_sr import super_resolve
from siren_sr.superres.degradation.blur import WINDOW, WINDOWS, estimate
from siren_sr.superres.downsample import Downsample

PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "rocket")


def reduced(name: str, kernel, scale: int = 2) -> torch.Tensor:
    picture = torch.from_numpy(getattr(pictures, name)()[:288, :384, :3] / 255).movedim(-1, 0)
    down = Downsample.between(picture.shape[1:], [n // scale for n in picture.shape[1:]], kernel=kernel)
    return (down(picture).clamp(0, 1) * 255).round() / 255


def size(image: torch.Tensor, scale: int = 2) -> list[int]:
    return [n * scale for n in image.shape[1:]]


def widths(kernel) -> list[float]:
    """Standard deviations down and across."""
    if isinstance(kernel, float):
        return [kernel, kernel]
    assert float(kernel.sum()) == pytest.approx(1)
    sums = (kernel.sum(1), kernel.sum(0))
    places = [torch.arange(len(s), dtype=torch.float64) - (len(s) - 1) / 2 for s in sums]
    return [math.sqrt(float((s * p**2).sum())) for s, p in zip(sums, places, strict=True)]


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_what_bicubic_reduced_is_not_blurred(name, scale):
    image = reduced(name, "bicubic", scale)
    assert estimate(image, size(image, scale)) == "bicubic"


@pytest.mark.parametrize("sigma", [2.0, 3.0])
@pytest.mark.parametrize("name", PHOTOGRAPHS[:3])
def test_a_wide_gaussian_is_found(name, sigma):
    image = reduced(name, sigma)
    assert np.mean(widths(estimate(image, size(image)))) == pytest.approx(sigma, rel=0.2)


@pytest.mark.parametrize("sigma", [0.8, 1.2, 1.6, 2.0, 3.0])
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_what_is_found_is_hardly_ever_too_wide(name, sigma):
    image = reduced(name, sigma)
    found = estimate(image, size(image))
    if found != "bicubic":
        assert 0.5 * sigma < np.mean(widths(found)) < 1.15 * sigma
    else:
        assert sigma < 1.6


def test_one_that_is_wider_in_one_direction_too():
    offsets = torch.arange(16, dtype=torch.float64) - 7.5
    down, across = (torch.exp(-0.5 * (offsets / sigma) ** 2) for sigma in (3.0, 1.2))
    for name in PHOTOGRAPHS[:2]:
        image = reduced(name, down[:, None] * across)
        found = widths(estimate(image, size(image)))
        assert found[0] > 1.5 * found[1]
        assert 1.8 < found[0] < 3.2  # rather too narrow than too wide


def test_the_unit_is_a_pixel_of_the_result():
    image = reduced("astronaut", 2.5)
    twice, four_times = (np.mean(widths(estimate(image, size(image, scale)))) for scale in (2, 4))
    assert four_times == pytest.approx(2 * twice, rel=0.02)


def test_noise_hides_no_blur():
    image = reduced("astronaut", 2.5)
    noisy = image + 5 / 255 * torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    assert np.mean(widths(estimate(noisy, size(image), noise=5 / 255))) == pytest.approx(2.5, rel=0.25)


@pytest.mark.parametrize(
    "image", [torch.zeros(3, 100, 100), torch.full((3, 20, 20), 0.5), torch.full((1, 64, 64), 0.3)]
)
def test_what_tells_nothing_counts_as_bicubic(image):
    assert estimate(image, size(image)) == "bicubic"


def test_parts_of_a_large_image_are_looked_at():
    image = reduced("astronaut", 2.5)
    large = torch.cat([image, image.flip(2)] * 4, 2)
    assert large.shape[2] > WINDOWS * WINDOW
    found = estimate(large, size(large))
    assert np.mean(widths(found)) == pytest.approx(np.mean(widths(estimate(image, size(image)))), rel=0.2)


def test_strong_noise_tells_nothing():
    image = reduced("astronaut", 2.5)
    assert estimate(image, size(image), noise=0.2) == "bicubic"


def test_super_resolution_uses_it():
    image = reduced("coffee", 2.5)[:, 20:76, 60:116].float()
    options = {"quality": "fast", "steps": 1}
    fit = super_resolve(image, 2, kernel="estimate", return_fit=True, **options)
    assert np.mean(widths(fit.degradation.kernel)) == pytest.approx(2.5, rel=0.25)
    given = super_resolve(image, 2, kernel=fit.degradation.kernel, **options)
    torch.testing.assert_close(super_resolve(image, 2, kernel="estimate", **options), given, rtol=0, atol=1e-6)
    sharp = reduced("coffee", "bicubic")[:, 20:76, 60:116].float()
    torch.testing.assert_close(
        super_resolve(sharp, 2, kernel="estimate", **options), super_resolve(sharp, 2, **options), rtol=0, atol=0
    )
