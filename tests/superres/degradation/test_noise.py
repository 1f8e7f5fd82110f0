"""The noise of an image is estimated, and clean images have none."""

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from skimage import data as pictures

from siren_sr.grids.resampling import resize
from siren_sr.superres.degradation.noise import LEAST, estimate


def tensor(array: np.ndarray) -> torch.Tensor:
    array = array[..., None] if array.ndim == 2 else array
    return torch.from_numpy(array.astype(np.float32) / 255).movedim(-1, 0)


def rounded(image: torch.Tensor) -> torch.Tensor:
    return (image.clamp(0, 1) * 255).round() / 255


def reduced(name: str, times: int = 2) -> torch.Tensor:
    image = tensor(getattr(pictures, name)()[:512, :512, :3])
    return rounded(resize(image, [n // times for n in image.shape[1:]]))


def noisy(image: torch.Tensor, levels: float) -> torch.Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    return rounded(image + levels / 255 * noise)


def drawn(draw) -> torch.Tensor:
    image = Image.new("RGB", (160, 120), (240, 230, 210))
    draw(ImageDraw.Draw(image))
    return tensor(np.asarray(image))


def compressed(image: torch.Tensor, quality: int) -> torch.Tensor:
    stream = io.BytesIO()
    Image.fromarray((255 * image).round().byte().movedim(0, -1).numpy()).save(stream, "JPEG", quality=quality)
    return tensor(np.asarray(Image.open(stream)))


PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "rocket")


@pytest.mark.parametrize("levels", [2, 5, 10, 25])
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_the_noise_of_photographs_is_found(name, levels):
    assert estimate(noisy(reduced(name), levels)) * 255 == pytest.approx(levels, rel=0.2)


@pytest.mark.parametrize("levels", [3, 10, 25])
def test_gray_photographs_too(levels):
    assert estimate(noisy(reduced("astronaut")[1:2], levels)) * 255 == pytest.approx(levels, rel=0.2)


@pytest.mark.parametrize("times", [2, 3, 4])
@pytest.mark.parametrize("name", [*PHOTOGRAPHS, "immunohistochemistry", "hubble_deep_field"])
def test_photographs_without_noise_have_exactly_none(name, times):
    assert estimate(reduced(name, times)) == 0
    assert estimate(reduced(name, times)[1:2]) == 0


@pytest.mark.parametrize("name", ["grass", "gravel", "brick", "page", "text", "moon"])
def test_textures_and_scans_have_none(name):
    image = tensor(getattr(pictures, name)())
    assert estimate(image) == 0
    assert estimate(rounded(resize(image, [n // 2 for n in image.shape[1:]]))) == 0


@pytest.mark.parametrize("quality", [50, 75, 90, 95])
def test_what_jpeg_does_is_no_noise(quality):
    for name in PHOTOGRAPHS:
        assert estimate(compressed(reduced(name), quality)) == 0


def test_drawings_have_none():
    colours = np.random.default_rng(0).integers(0, 256, (24, 3)).astype(np.uint8)
    places = np.random.default_rng(1).integers(0, 24, (40, 40))
    assert estimate(drawn(lambda d: None)) == 0
    assert estimate(drawn(lambda d: d.text((4, 4), "letters in a line\nand another", fill=(30, 10, 60)))) == 0
    assert estimate(tensor(colours[places])) == 0  # as white as noise, but of 24 colours
    assert estimate(tensor(colours[places].repeat(3, 0).repeat(3, 1))) == 0
    ramp = np.linspace(0, 255, 160).round().astype(np.uint8)
    assert estimate(tensor(np.broadcast_to(ramp, (120, 160)))) == 0


def test_a_flat_image_tells_its_noise():
    flat = torch.full((3, 200, 200), 0.5)
    for levels in (2, 8, 30):
        assert estimate(noisy(flat, levels)) * 255 == pytest.approx(levels, rel=0.1)
    assert estimate(noisy(flat, 1)) == 0  # below LEAST
    assert LEAST > 1 / 255


def test_clipped_pixels_are_not_believed():
    image = torch.full((3, 120, 240), 0.5)
    image[:, :, 60:] = 1.2  # three quarters of it are overexposed
    assert estimate(noisy(image, 10)) * 255 == pytest.approx(10, rel=0.1)


def test_the_unit_and_offset_are_those_of_the_image():
    image = noisy(0.3 + 0.4 * reduced("astronaut"), 10)  # nothing is clipped
    assert estimate(0.1 + 0.8 * image) == pytest.approx(0.8 * estimate(image), rel=1e-4)


def test_a_large_image_is_looked_at_in_parts():
    large = noisy(torch.full((1, 1500, 1400), 0.5), 6)
    large[:, :700] = 0.3  # as if something had been pasted in
    assert estimate(large) == 0
    assert estimate(noisy(torch.full((1, 1500, 1400), 0.5), 6)) * 255 == pytest.approx(6, rel=0.03)


@pytest.mark.parametrize("shape", [(3, 1, 1), (3, 5, 200), (1, 12, 12), (4, 20, 20)])
def test_small_images_tell_nothing(shape):
    assert estimate(torch.rand(shape, generator=torch.Generator().manual_seed(0))) == 0


@pytest.mark.parametrize("name", ["astronaut", "coffee"])
@pytest.mark.parametrize("quality", [95, 98])
def test_of_a_file_with_reduced_colours_the_noise_in_brightness_is_found(name, quality):
    clean = reduced(name)
    found = []
    for image in (clean, noisy(clean, 10)):
        file = io.BytesIO()
        pixels = (image.movedim(0, -1) * 255).round().byte().numpy()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=2)
        found.append(255 * estimate(tensor(np.asarray(Image.open(file)))))
    assert found[0] == 0
    # What a weighted mean leaves of independent noise in three channels; black and white cut some of it off.
    left = 10 * math.hypot(0.299, 0.587, 0.114)
    assert 0.5 * left < found[1] < 1.15 * left


def test_noise_in_brightness_alone_is_found():
    clean = reduced("astronaut")
    noise = torch.randn(clean.shape[1:], generator=torch.Generator().manual_seed(0))
    assert 255 * estimate(rounded(clean + 8 / 255 * noise)) == pytest.approx(8, rel=0.25)
