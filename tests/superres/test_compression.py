"""Super resolution of images that were compressed: what the file says is explained, and the rest is free."""

import dataclasses
import functools
import io

import numpy as np
import pytest
import torch
from PIL import Image
from problems import picture
from searching import low, solve

from siren_sr import super_resolve
from siren_sr.fitting.fit import Fit
from siren_sr.grids import resampling
from siren_sr.io import JpegTables, read_image
from siren_sr.metrics import psnr
from siren_sr.signals import as_signal
from siren_sr.superres.compression.finding import find
from siren_sr.superres.consistent import consistent
from siren_sr.superres.downsample import Downsample
from siren_sr.superres.picture.quality import QUICK, Effort


def encode(image, quality=50, **options):
    """The content of a JPEG file of a tensor (3, H, W) in [0, 1]."""
    stream = io.BytesIO()
    pixels = image.mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality, **options)
    return stream.getvalue()


def decode(content):
    return np.array(Image.open(io.BytesIO(content)))


def tensor(pixels):
    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1) / 255


def double(x):
    return torch.nn.functional.interpolate(x, scale_factor=2)


@pytest.mark.parametrize(
    "options",
    [{"quality": "fast"}, {"prior": None, "quality": "fast"}, {"prior": double}],
    ids=["photographs", "search", "own"],
)
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_the_picture_reduces_to_what_the_file_may_have_been_made_of(options, subsampling):
    content = encode(picture(40, 56), 30, subsampling=subsampling)
    shown = tensor(super_resolve(content, 2, **options))
    known = find(content, as_signal(content, dims=2), "auto")
    down = Downsample.between((80, 112), (40, 56), like=shown)
    # What is left is the rounding to 8 bits, and the slack that a picture in red, green and blue needs where it clips.
    assert known.members.distance(down(shown)[None]) < 4
    unaware = tensor(super_resolve(decode(content), 2, **options))
    assert (down(unaware) - tensor(decode(content))).abs().mean() < (down(shown) - tensor(decode(content))).abs().mean()


@pytest.mark.parametrize("scale", [1, 1.1, 2])
def test_the_picture_is_nearer_to_the_original(scale):
    large = picture(round(48 * scale), round(64 * scale))
    small = Downsample.between(large.shape[1:], (48, 64), like=large)(large).clamp(0, 1)
    content = encode(small, 30)
    aware, unaware = (
        psnr(tensor(super_resolve(content, size=large.shape[1:], compression=known, quality="fast")), large)
        for known in ("auto", None)
    )
    assert aware > unaware + 0.5


def test_all_ways_to_give_a_file_are_one(tmp_path):
    enlarge = functools.partial(super_resolve, scale=2, quality="fast")
    content = encode(picture(32, 48) / 2 + 0.25, 60)
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    wanted = np.asarray(enlarge(path))
    for image in (str(path), content, io.BytesIO(content), read_image(path)):
        np.testing.assert_array_equal(enlarge(image), wanted)
    tables = find(content, as_signal(content, dims=2), "auto").tables
    for image, known in ((Image.open(path), "auto"), (decode(content), tables), (Image.open(path), "jpeg")):
        np.testing.assert_allclose(np.asarray(enlarge(image, compression=known), int), wanted, atol=2)
    # Only a file is believed unasked: arrays are what they are.
    plain = np.asarray(enlarge(decode(content)))
    np.testing.assert_array_equal(enlarge(path, compression=None), plain)
    assert np.abs(plain.astype(int) - wanted).max() > 5


@pytest.mark.parametrize("options", [{}, {"prior": None}], ids=["photographs", "search"])
def test_what_was_not_compressed_comes_out_as_without(options, tmp_path):
    image = Image.fromarray((picture(24, 32) * 255).byte().permute(1, 2, 0).numpy())
    image.save(tmp_path / "photo.png")
    image.save(tmp_path / "photo.jpg", quality=100, subsampling=0)
    for name in ("photo.png", "photo.jpg"):
        with_it, without = (
            super_resolve(tmp_path / name, 2, quality="fast", compression=known, **options) for known in ("auto", None)
        )
        np.testing.assert_array_equal(with_it, without)


def test_a_batch_of_compressed_images_is_each_of_them():
    pixels = np.stack([decode(encode(picture(32, 48) / 2 + shade, 40, subsampling=0)) for shade in (0.2, 0.3)])
    tables = JpegTables.of_quality(40, subsampling="4:4:4")
    both = super_resolve(pixels, 2, compression=tables, quality="fast")
    for one, alone in zip(both, pixels, strict=True):
        np.testing.assert_allclose(
            one.astype(int), super_resolve(alone, 2, compression=tables, quality="fast").astype(int), atol=1
        )


def test_a_turned_file_is_worked_on_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    image = picture(32, 48) / 2 + 0.25
    turned = tensor(super_resolve(encode(image, 40, exif=exif), 2, quality="fast"))
    assert psnr(turned, tensor(super_resolve(encode(image, 40), 2, quality="fast"))) > 45
    own = tensor(super_resolve(encode(image, 40, exif=exif), 2, prior=lambda x: double(x) * 0 + x.mean()))
    assert own.shape == (3, 64, 96)


def test_it_is_told_in_the_fit_and_remembered_in_a_checkpoint(tmp_path):
    content = encode(picture(24, 32) / 2 + 0.25, 60, subsampling=0)
    tables = JpegTables.of_quality(60, subsampling="4:4:4")
    options = {"scale": 2, "return_fit": True, "steps": 1, "checkpoint": tmp_path / "reached.safetensors"}
    fit = super_resolve(decode(content), compression=tables, **options)
    again = super_resolve(decode(content), compression=tables, **options)
    assert (fit.render(size=(48, 64)) == again.render(size=(48, 64))).all()
    fit.save(tmp_path / "fit.safetensors")
    assert Fit.load(tmp_path / "fit.safetensors").made["compression"]["tables"][0] == tables.tables[0].tolist()
    assert super_resolve(content, 2, return_fit=True, steps=1, compression=None).made["compression"] is None


def test_what_cannot_be_is_refused():
    pixels = decode(encode(picture(24, 32)))
    for compression, error, text in (
        ("png", ValueError, "compression='png' is unknown: use one of ['auto', 'jpeg']"),
        (75, TypeError, 'compression must be "auto", "jpeg", siren_sr.io.JpegTables or None, got int'),
        (JpegTables.of_quality(75, colour="CMYK"), ValueError, "CMYK is not supported"),
        (JpegTables(np.ones((3, 8, 8)), ((3, 3), (2, 2), (2, 2))), ValueError, "reduced by whole numbers"),
        ("jpeg", ValueError, "is no JPEG file and shows no certain traces"),
    ):
        with pytest.raises(error) as refused:
            super_resolve(pixels[1:], 2, compression=compression)
        assert text in str(refused.value)
    with pytest.raises(ValueError, match="is as published and knows no compression"):
        super_resolve(pixels, 2, strategy="basic", compression="jpeg")
    options = {"strategy": "basic", "steps": 1}
    np.testing.assert_array_equal(
        super_resolve(encode(picture(24, 32)), 2, **options), super_resolve(pixels, 2, compression=None, **options)
    )


def test_a_strategy_of_the_users_is_told():
    seen = []

    def strategy(problem):
        seen.append(problem.compressed)
        return dataclasses.replace(consistent(problem), prior=None)

    super_resolve(encode(picture(24, 32)), 2, strategy=strategy)
    assert seen[0].tables.quality == 50
    assert seen[0].shape == (3, 24, 32)


def test_the_set_of_a_file_counts_as_memory():
    content = encode(picture(48, 64), 40)
    assert super_resolve(content, 1, quality="fast", compression=None, noise=0, max_memory=600e3).size == (64, 48)
    with pytest.raises(ValueError, match=r"995\.3 kB of memory are needed to enlarge it to 48x64"):
        super_resolve(content, 1, quality="fast", max_memory=600e3)


@pytest.mark.parametrize("power", [1.3, 1.6])
def test_the_search_leaves_texture_alone(power):
    # Clouds have no edges, which is all that total variation knows of pictures: it would flatten them.
    frequencies = torch.fft.fftfreq(96)
    length = (frequencies[:, None] ** 2 + frequencies**2).sqrt().clamp(min=1 / 96)
    noise = torch.fft.fft2(torch.randn(96, 96, generator=torch.Generator().manual_seed(0)))
    clouds = torch.fft.ifft2(noise / length**power).real
    large = (0.5 + 0.15 * clouds / clouds.std()).clamp(0, 1).expand(3, -1, -1)
    content = encode(Downsample.between((96, 96), (48, 48), like=large)(large).clamp(0, 1), 50)
    enlarged = resampling.resize(tensor(decode(content)), (96, 96))
    found = tensor(super_resolve(content, 2, prior=None, quality="fast"))
    assert psnr(found, large) > psnr(enlarged, large) - 0.25


def test_learning_what_the_search_gets_wrong_does_a_compressed_image_no_harm():
    large = picture(96, 96)
    content = encode(low(large, (48, 48)), 50, subsampling="4:4:4")
    data = as_signal(content, dims=2)
    known = find(content, data, "auto")
    rough, corrected = (
        psnr(solve(data.unit, (96, 96), Effort(QUICK, 0, 1, updates), compressed=known), large) for updates in (0, 500)
    )
    assert rough > psnr(resampling.resize(data.unit, (96, 96)), large) + 0.3
    assert corrected > rough - 0.1
