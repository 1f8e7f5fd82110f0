"""Photographs whose EXIF orientation turns them, and colours under transparency."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from problems import eight_bit, picture

from siren_sr import Fit, super_resolve
from siren_sr.grids import resampling
from siren_sr.signals.hidden_colours import fill_hidden
from siren_sr.signals.orientation import turn_back, turn_upright


def stored(path, orientation, height=10, width=14, mode="RGB"):
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(eight_bit(picture(height, width))).convert(mode).save(path, exif=exif)
    return path


def as_seen(image):
    return np.asarray(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_is_that_of_pillow(orientation, tmp_path):
    path = stored(tmp_path / "a.png", orientation)
    values = torch.from_numpy(np.asarray(Image.open(path)).copy()).permute(2, 0, 1)
    upright = turn_upright(values, orientation)
    assert np.array_equal(upright.permute(1, 2, 0).numpy(), as_seen(Image.open(path)))
    assert torch.equal(turn_back(upright, orientation), values)


@pytest.mark.parametrize("mode", ["RGB", "L", "LA"])
@pytest.mark.parametrize("orientation", [1, 2, 3, 5, 6, 7, 8])
def test_a_prior_sees_the_picture_upright(orientation, mode, tmp_path):
    path = stored(tmp_path / "a.png", orientation, mode=mode)
    seen = []

    def prior(image):
        seen.append(image)
        return resampling.resize(image, (2 * image.shape[2], 3 * image.shape[3]))

    result = super_resolve(path, (2, 3), prior=prior, steps=1)
    upright = as_seen(Image.open(path))
    shown = as_seen(result)
    assert tuple(seen[0].shape[2:]) == upright.shape[:2]
    first = torch.from_numpy(upright.copy()).float().reshape(*upright.shape[:2], -1).permute(2, 0, 1) / 255
    torch.testing.assert_close(seen[0][0], first)
    assert shown.shape[:2] == (2 * upright.shape[0], 3 * upright.shape[1])
    # Stored as it came, so that programs turn it as they turned the file.
    assert result.getexif()[274] == orientation
    small = resampling.resize(
        torch.from_numpy(shown.copy()).float().reshape(*shown.shape[:2], -1).permute(2, 0, 1), first.shape[1:]
    )
    torch.testing.assert_close(small / 255, first, rtol=0, atol=0.02)


def test_a_kernel_and_a_fit_are_meant_as_seen(tmp_path):
    path = stored(tmp_path / "a.png", 6)
    upright = as_seen(Image.open(path))  # 14 rows, 10 columns
    motion = np.array([[1.0, 1.0, 1.0, 1.0, 1.0]])
    options = {"kernel": motion, "quality": "fast", "steps": 2}
    result = as_seen(super_resolve(path, 2, **options))
    expected = super_resolve(np.ascontiguousarray(upright), 2, **options)
    assert result.shape == (28, 20, 3)
    assert np.abs(result.astype(int) - expected).max() <= 1
    fit = super_resolve(path, 2, return_fit=True, **options)
    fit.save(tmp_path / "a.safetensors")
    assert fit.shape == (14, 10)
    for one in (fit, Fit.load(tmp_path / "a.safetensors")):
        assert np.abs(as_seen(one.render(size=(28, 20))).astype(int) - expected).max() <= 1
        part = as_seen(one.render(scale=2, region=((0, 7), (0, 5))))
        assert np.abs(part.astype(int) - expected[:14, :10]).max() <= 1


@pytest.mark.parametrize("kind", ["pil", "file", "gray"])
def test_hidden_colours_do_not_bleed(kind, tmp_path):
    y, x = np.mgrid[:16, :16] - 7.5
    inside = x**2 + y**2 < 25
    image = np.zeros((16, 16, 4), np.uint8)
    image[inside] = (255, 0, 0, 255)
    given = Image.fromarray(image)
    if kind == "gray":
        image = np.zeros((16, 16, 2), np.uint8)
        image[inside] = (200, 255)
        given = Image.fromarray(image)
    if kind == "file":
        given.save(tmp_path / "a.png")
        given = tmp_path / "a.png"
    result = np.asarray(super_resolve(given, 4)) / 255
    over = result[..., :-1] * result[..., -1:] + 1 - result[..., -1:]
    darkest = [200 / 255] if kind == "gray" else [1, 0, 0]
    assert (over > np.array(darkest) - 0.05).all()
    assert abs(result[..., -1].mean() - inside.mean()) < 0.01


def test_what_is_seen_is_not_filled():
    image = torch.rand(4, 9, 12, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert fill_hidden(image) is image
    image[3, :, 5:] = -1
    filled = fill_hidden(image)
    assert torch.equal(filled[:, :, :5], image[:, :, :5])
    assert torch.equal(filled[3], image[3])
    low, high = image[:3, :, :5].amin((1, 2)), image[:3, :, :5].amax((1, 2))
    assert (filled[:3] >= low[:, None, None] - 1e-6).all()
    assert (filled[:3] <= high[:, None, None] + 1e-6).all()
    nothing = torch.full((4, 3, 3), -1.0)
    assert torch.equal(fill_hidden(nothing), nothing)
