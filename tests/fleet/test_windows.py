import contextlib
import pickle
import struct
from dataclasses import replace
from io import BytesIO

import errands
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from problems import picture, texture

from siren_sr import fleet, io, super_resolve
from siren_sr.fleet.processes import Failed, attempt
from siren_sr.fleet.staff import Staff
from siren_sr.fleet.windows import LONGEST, cut
from siren_sr.superres.learned import photographs


class Here:
    """A worker without a process, which starts at once. Messages are pickled as for any other."""

    def wait(self):
        pass

    def do(self, errand):
        good, answer = attempt(pickle.dumps(errand))
        if not good:
            raise Failed(answer)
        return answer

    def kill(self):
        pass


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch):
    monkeypatch.setattr(Staff, "hire", lambda staff, jobs: contextlib.nullcontext((Here, staff.workers)))


def textured(height, width, channels, dtype=np.uint8):
    """A picture with fine noise, which is nowhere easy."""
    rng = np.random.default_rng(0)
    values = 0.5 * picture(height, width, 3).permute(1, 2, 0).numpy() + 0.5 * rng.random((height, width, 3))
    values = np.concatenate([values, values[..., :1]], 2)[..., :channels]
    return (values * np.iinfo(dtype).max).astype(dtype)


@given(st.integers(1, 700), st.sampled_from([1, 1.5, 2, 2.5, 4 / 3, 4, 8]), st.integers(1, 400), st.integers(0, 40))
def test_windows_cover_an_axis_once_and_keep_their_margins(n, scale, window, margin):
    n -= n % 6 or 0
    n, m = max(6, n), round(max(6, n) * scale)
    parts = cut(n, m, window=window, margin=margin)
    covered = np.zeros(m, int)
    for part in parts:
        covered[part.place] += 1
        assert part.kept.stop - part.kept.start == part.place.stop - part.place.start
        assert 0 <= part.kept.start < part.kept.stop <= part.length
        assert part.length * n == (part.seen.stop - part.seen.start) * m  # the scale of the whole, exactly
        assert part.seen.start * m == (part.place.start - part.kept.start) * n  # and pixels begin together
        assert part.seen.start == 0 or part.kept.start * n >= margin * m
        assert part.seen.stop == n or (part.length - part.kept.stop) * n >= margin * m
    assert (covered == 1).all()
    assert len(parts) >= min(n // 6, -(-n // max(window, 6)) // 2)


@given(st.integers(1, 90), st.sampled_from([1, 1.5, 2, 2.5]), st.integers(1, 50), st.integers(0, 40))
def test_windows_of_an_axis_that_wraps_have_their_margins_everywhere(n, scale, window, margin):
    n = 2 * n
    m = round(n * scale)
    parts = cut(n, m, window=window, margin=margin, boundary="wrap")
    assert [part.place.start for part in parts] + [m] == [0] + [part.place.stop for part in parts]
    for part in parts:
        assert part.length * n == (part.seen.stop - part.seen.start) * m
        assert part.seen.start * m == (part.place.start - part.kept.start) * n
        assert min(part.kept.start, part.length - part.kept.stop) * n >= margin * m


def test_pixels_that_never_begin_together_are_refused():
    with pytest.raises(ValueError, match=rf"101 pixels become 152: .* every {LONGEST} pixels or less, here it is 101"):
        cut(101, 152, window=50, margin=8)
    assert len(cut(101, 152, window=101, margin=8)) == 1  # one window needs no common pixels


def test_windows_are_the_whole_picture_without_borders():
    image = textured(48, 60, 3)
    seen = []
    call = {"scale": 1.5, "window": 24, "workers": 1, "callback": seen.append}
    found = fleet.super_resolve_windows(image, **call)
    np.testing.assert_allclose(found.astype(int), super_resolve(image, 1.5).astype(int), atol=1, rtol=0)
    assert [progress.finished for progress in seen] == list(range(7))
    careless = fleet.super_resolve_windows(image, **call, margin=0)
    assert np.abs(careless.astype(int) - found).max() > 10


@pytest.mark.parametrize(("quality", "scale"), [("standard", 4), ("standard", 2), ("best", 3)])
def test_what_is_learned_from_the_whole_image_shows_no_borders(quality, scale, monkeypatch):
    efforts = photographs.EFFORTS
    monkeypatch.setitem(efforts, quality, replace(efforts[quality], orientations=1, updates=30))
    image = textured(96, 60, 3)
    image[:, :30] //= 16  # a dark half with few bright points, which alone would be shown with less contrast
    image[5:90:9, 4:26:7] = 250
    expected = super_resolve(image, scale, quality=quality).astype(int)
    found = fleet.super_resolve_windows(image, scale=scale, quality=quality, window=24, workers=1)
    np.testing.assert_allclose(found.astype(int), expected, atol=1, rtol=0)
    monkeypatch.setitem(efforts, quality, photographs.Effort(1))
    assert np.abs(super_resolve(image, scale, quality=quality).astype(int) - expected).max() > 3


@pytest.mark.parametrize("channels", [3, 4])
def test_dark_windows_have_the_range_of_the_whole_image(channels, tmp_path):
    whole = picture(32, 160, channels).permute(1, 2, 0).numpy()
    dark = np.arange(160)[None, :, None] < 80
    for bright in (60000, 4000):  # of 16 bits, and of 12
        pixels = np.where(dark, whole * bright / 8, whole * bright).round().astype(np.uint16)
        io.write_image(tmp_path / "a.png", pixels)
        expected = np.asarray(super_resolve(tmp_path / "a.png", 2, quality="fast")).astype(int)
        found = fleet.super_resolve_windows(tmp_path / "a.png", scale=2, window=16, workers=1, quality="fast")
        assert np.abs(found - expected).max() <= bright / 255


def test_a_file_with_alpha_16_bits_and_an_orientation(tmp_path):
    pixels = textured(40, 30, 4, np.uint16)
    pixels[5:30, 5:20, 3] = 0  # hidden colours, which must not be seen from another window
    pixels[5:30, 5:20, :3] = 65535
    exif = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 274, 3, 1, 6, 0, 0)
    io.write_image(tmp_path / "a.png", pixels, like=io.ImageFile(pixels, "PNG", exif=exif))
    found = fleet.super_resolve_windows(tmp_path / "a.png", size=(60, 80), window=16, workers=1, quality="fast")
    whole = np.asarray(super_resolve(tmp_path / "a.png", size=(60, 80), quality="fast"))
    assert found.shape == whole.shape == (80, 60, 4)
    # Hidden colours were rounded to 16 bits before, to which products in bfloat16 answer with half a level of 8 bits.
    np.testing.assert_allclose(found.astype(int), whole.astype(int), atol=128, rtol=0)


def test_windows_keep_the_holes_of_the_image():
    levels = np.ma.masked_array(textured(26, 40, 1, np.uint16)[..., 0])
    levels[9:17, 17:23] = levels[20, 3] = np.ma.masked
    options = {"scale": 2, "quality": "fast"}
    found = fleet.super_resolve_windows(levels, window=20, workers=1, **options)
    whole = super_resolve(levels, **options)
    assert 0 < np.count_nonzero(found.mask) == 4 * np.count_nonzero(levels.mask)
    np.testing.assert_array_equal(found.mask, whole.mask)
    assert np.abs(found.data.astype(int) - whole.data).max() <= 65535 / 255


def test_an_upscaler_of_the_users_and_a_window_that_fails():
    image = textured(20, 24, 1)[..., 0]
    call = {"scale": 2, "window": 12, "workers": 1, "margin": 12}
    found = fleet.super_resolve_windows(image, prior=errands.upscale, **call)
    whole = super_resolve(image, 2, prior=errands.upscale)
    np.testing.assert_allclose(found.astype(int), whole.astype(int), atol=1, rtol=0)
    with pytest.raises(RuntimeError, match="window 1 of 4 failed: TypeError: prior must return a tensor"):
        fleet.super_resolve_windows(image, prior=errands.no_upscaler, **call)


def test_what_looks_at_the_whole_image_is_refused():
    image = textured(20, 24, 3)
    for options, text in (
        ({"prior": None}, "prior=None searches the whole image"),
        ({"strategy": "basic", "prior": None}, "strategies of the paper"),
        ({"kernel": "box"}, r"prior='photographs' cannot be used, since it knows kernel=\"bicubic\""),
        ({"prior": errands.upscale}, "margin= is needed"),
        ({"window": 0}, "window must be >= 1"),
        ({"scale": 0.5}, "the result would be 10x12, smaller than the image"),
    ):
        with pytest.raises(ValueError, match=text):
            fleet.super_resolve_windows(image, **options)
    with pytest.raises(TypeError, match="uint8 or uint16, got float64"):
        fleet.super_resolve_windows(image / 255)


@pytest.mark.parametrize("boundary", ["wrap", ("mirror", "wrap")])
def test_windows_of_what_wraps_are_the_whole_picture(boundary):
    image = (texture(40, 45, 3).permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    options = {"scale": 2, "quality": "fast", "boundary": boundary}
    whole = super_resolve(image, **options).astype(int)
    found = fleet.super_resolve_windows(image, window=16, workers=1, **options).astype(int)
    assert np.abs(found - whole).max() <= 1
    mirrored = super_resolve(image, scale=2, quality="fast").astype(int)
    assert np.abs(mirrored - whole).max() > 2


@pytest.mark.parametrize(("subsampling", "orientation"), [("4:4:4", 1), ("4:2:0", 8)])
def test_windows_know_their_part_of_a_compressed_file(subsampling, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = BytesIO()
    Image.fromarray(textured(100, 76, 3)).save(stream, "JPEG", quality=40, subsampling=subsampling, exif=exif)
    found = fleet.super_resolve_windows(stream, scale=1.5, window=40, workers=1)
    whole = np.asarray(super_resolve(stream, 1.5))
    np.testing.assert_allclose(found.astype(int), whole.astype(int), atol=1, rtol=0)
    careless = super_resolve(stream, 1.5, compression=None)
    assert np.abs(np.asarray(careless, int) - whole).max() > 10
