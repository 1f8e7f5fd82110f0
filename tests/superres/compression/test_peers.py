"""The decoders that `benchmarks.photographs` compares with do what their authors describe."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import jpeg2png_like, tv_jpeg
from benchmarks.jpeg2png_like import roughness, smoothest, subgradient
from siren_sr import metrics
from siren_sr.signals import as_signal
from siren_sr.superres.compression.finding import find


def disc(*, channels=3, quality=15, subsampling="4:2:0", size=(48, 64)):
    """A disc on even ground: the original (C, H, W) in [0, 1], and what a file knows of it."""
    y, x = np.mgrid[: size[0], : size[1]]
    inside = np.hypot(y - 22, x - 30) < 15
    pixels = np.where(inside[..., None], [200, 90, 60], [70, 110, 160])[..., :channels].astype(np.uint8)
    stream = io.BytesIO()
    options = {"subsampling": subsampling} if channels == 3 else {}
    Image.fromarray(pixels if channels == 3 else pixels[..., 0]).save(stream, "JPEG", quality=quality, **options)
    data = as_signal(stream.getvalue(), dims=2)
    known = find(stream.getvalue(), data, "auto")
    assert known is not None
    return torch.from_numpy(pixels).permute(2, 0, 1) / 255, data.unit, known


def written_out(x, second_order):
    """The sum of jpeg2png's description, pixel by pixel."""
    channels, height, width = x.shape

    def across(c, i, j):
        return x[c, i, j + 1] - x[c, i, j] if j < width - 1 else 0.0

    def down(c, i, j):
        return x[c, i + 1, j] - x[c, i, j] if i < height - 1 else 0.0

    total = 0.0
    for i in range(height):
        for j in range(width):
            first = second = 0.0
            for c in range(channels):
                first += across(c, i, j) ** 2 + down(c, i, j) ** 2
                xx = across(c, i, j) - across(c, i, j - 1) if j else 0.0
                yx = down(c, i, j) - down(c, i, j - 1) if j else 0.0
                xy = across(c, i, j) - across(c, i - 1, j) if i else 0.0
                yy = down(c, i, j) - down(c, i - 1, j) if i else 0.0
                second += xx**2 + 2 * ((xy + yx) / 2) ** 2 + yy**2
            total += (first**0.5 + second_order / 2**0.5 * second**0.5) / channels**0.5
    return total


@pytest.mark.parametrize("channels", [1, 3])
def test_roughness_and_its_slope(channels):
    random = np.random.default_rng(0)
    x, step = random.normal(0, 20, (channels, 5, 6)), 1e-5
    assert roughness(torch.from_numpy(x), 0.3).item() == pytest.approx(written_out(x, 0.3))
    slope = subgradient(torch.from_numpy(x), 0.3)
    for place in [(0, 0, 0), (0, 2, 3), (channels - 1, 4, 5), (channels - 1, 4, 0)]:
        moved = np.zeros_like(x)
        moved[place] = step
        found = (written_out(x + moved, 0.3) - written_out(x - moved, 0.3)) / (2 * step)
        assert slope[place].item() == pytest.approx(found, rel=1e-4)


def test_even_ground_has_no_slope():
    assert not subgradient(torch.full((3, 8, 8), 7.0), 0.3).any()


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_the_slope_towards_the_middle(subsampling):
    _, image, known = disc(subsampling=subsampling)
    members = known.members

    def total(x):
        # The distances are those of a set whose intervals have no width, found by its own projection.
        narrow = known.narrowed(0).members
        seen = jpeg2png_like._components(narrow.project(jpeg2png_like._image(x, members)[None])[0], members) - x
        result = 0.0
        for plane, (v, h), radius in zip(seen, members.factors, members.radii, strict=True):
            blocks = plane.unflatten(-1, (-1, h)).unflatten(-3, (-1, v)).mean((-1, -3))
            blocks = blocks.unflatten(-1, (-1, 8)).unflatten(-3, (-1, 8)).transpose(-2, -3).numpy()
            cosines = np.cos((2 * np.arange(8) + 1) * np.arange(8)[:, None] * np.pi / 16) / 2
            cosines[0] /= 2**0.5
            rows, columns = radius.shape[1:3]
            away = (cosines @ blocks @ cosines.T)[:rows, :columns] / (2 * radius[0].numpy())
            result += (away**2).sum() / 2
        return result

    x = jpeg2png_like._components(image.double(), members)
    members = known.to(x).members
    known = known.to(x)
    slope = jpeg2png_like._from_middle(x, members)
    for place in [(0, 3, 5), (0, 17, 40), (1, 20, 21), (2, 9, 50)]:
        moved = torch.zeros_like(x)
        moved[place] = 1e-3
        found = (total(x + moved) - total(x - moved)) / 2e-3
        assert slope[place].item() == pytest.approx(found, rel=1e-3, abs=1e-7)


@pytest.mark.parametrize("options", [{}, {"subsampling": "4:4:4"}, {"channels": 1}], ids=str)
def test_what_they_find_is_a_member_and_nearer_to_a_picture_without_texture(options):
    original, image, known = disc(**options)
    for found in (smoothest(image, known.members, steps=30), tv_jpeg.decompress(image, known, steps=60)):
        assert known.members.contains(found[None]).all()
        assert metrics.psnr(found, original) > metrics.psnr(image, original) + 0.3


def test_the_weight_of_the_middle_keeps_the_decoded_image():
    _, image, known = disc(channels=1)
    free, held = (smoothest(image, known.members, middle=middle) for middle in (0.0, 10.0))
    assert (held - image).square().mean() < (free - image).square().mean() / 2
