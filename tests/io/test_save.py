"""Pictures are saved as they are seen, with the metadata of the one that they came from, whatever holds them."""

from __future__ import annotations

import io as streams
import logging
import struct

import imagecodecs
import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, ImageOps, features

import siren_sr
from siren_sr import io
from siren_sr.signals.orientation import turn_back

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
WIDE = SRGB.replace(b"sRGB", b"wide").replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be"))
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="%d" photoshop:City="Ivrea"/></x:xmpmeta>'
SEEN = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)


def exif(orientation):
    """A maker and an orientation."""
    entries = struct.pack("<HHI4s", 271, 2, 4, b"ACM\0") + struct.pack("<HHIHH", 274, 3, 1, orientation, 0)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + bytes(4)


def phone(path, orientation=6, *, seen=SEEN, dpi=(300.0, 200.0)):
    """A file whose picture looks like `seen` once it is turned as its EXIF says; returns its pixels."""
    stored = turn_back(torch.from_numpy(seen.astype(np.int64)), orientation, rows=0, columns=1)
    pixels = stored.numpy().astype(seen.dtype)
    like = io.ImageFile(pixels, "PNG", exif=exif(orientation), icc_profile=SRGB, dpi=dpi, xmp=XMP % orientation)
    io.write_image(path, pixels, like=like, quality=100)
    return pixels


def check(path, *, seen=SEEN):
    found = io.read_image(path)
    np.testing.assert_array_equal(found.pixels, seen)
    assert found.orientation == 1
    assert b"ACM\0" in found.exif
    assert found.xmp in (XMP % 1, XMP.replace(b'tiff:Orientation="%d"', b""))  # Pillow leaves it out of what it turns
    assert found.icc_profile == SRGB
    return found


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["array", "tensor", "float tensor", "bare PIL", "opened", "turned by Pillow", "file"])
def test_whatever_holds_a_picture_it_is_saved_as_it_is_seen(tmp_path, orientation, kind):
    pixels = phone(tmp_path / "phone.png", orientation)
    with Image.open(tmp_path / "phone.png") as opened:
        opened.load()
    tensor = torch.from_numpy(pixels).movedim(-1, 0)
    image = {
        "array": pixels,
        "tensor": tensor,
        "float tensor": tensor.double() / 255,
        "bare PIL": Image.fromarray(pixels),
        "opened": opened,
        "turned by Pillow": ImageOps.exif_transpose(opened),
        "file": io.read_image(tmp_path / "phone.png"),
    }[kind]
    io.save(image, tmp_path / "out.png", like=tmp_path / "phone.png")
    found = check(tmp_path / "out.png")
    assert found.dpi == pytest.approx((200, 300) if orientation >= 5 else (300, 200), rel=1e-3)
    with Image.open(tmp_path / "out.png") as out:  # as other programs see it
        np.testing.assert_array_equal(np.asarray(ImageOps.exif_transpose(out)), SEEN)


@pytest.mark.parametrize("extension", [".png", ".tif", ".webp"])
def test_a_pil_image_brings_its_own_metadata(tmp_path, extension):
    phone(tmp_path / f"phone{extension}")
    with Image.open(tmp_path / f"phone{extension}") as opened:
        io.save(opened, tmp_path / "out.png")
        io.save(opened, tmp_path / "stripped.png", metadata="strip")
    check(tmp_path / "out.png")
    bare = io.read_image(tmp_path / "stripped.png")
    np.testing.assert_array_equal(bare.pixels, SEEN)
    assert (bare.exif, bare.xmp, bare.icc_profile) == (None, None, SRGB)


def test_what_super_resolution_returns_is_saved_as_the_photograph_was(tmp_path):
    y, x = np.mgrid[0:18, 0:24]
    seen = np.stack([120 + 4 * x + y, 250 - 3 * y - x, 60 + 5 * y], -1).astype(np.uint8)
    phone(tmp_path / "phone.jpg", seen=seen)
    result = siren_sr.super_resolve(tmp_path / "phone.jpg", 2, quality="fast", prior=None)
    io.save(result, tmp_path / "own.jpg")
    io.save(result, tmp_path / "like.jpg", like=tmp_path / "phone.jpg")
    assert (tmp_path / "own.jpg").read_bytes() == (tmp_path / "like.jpg").read_bytes()
    found = io.read_image(tmp_path / "own.jpg")
    assert found.pixels.shape == (36, 48, 3)
    assert np.abs(found.pixels[::2, ::2].astype(int) - seen).mean() < 4
    assert (found.orientation, found.dpi, found.icc_profile, found.xmp) == (1, (200, 300), SRGB, XMP % 1)
    assert b"ACM\0" in found.exif


def test_sixteen_bits(tmp_path):
    deep = np.random.default_rng(1).integers(0, 65536, (6, 8, 3), dtype=np.uint16)
    pixels = phone(tmp_path / "deep.png", seen=deep)
    for image in (pixels, torch.from_numpy(pixels).movedim(-1, 0), pixels / 65535):
        io.save(image, tmp_path / "out.tif", like=tmp_path / "deep.png")
        check(tmp_path / "out.tif", seen=deep)
    # Where the format cannot hold them, floats have 8 bits and integers are refused.
    io.save(pixels / 65535, tmp_path / "out.webp", like=tmp_path / "deep.png", quality=100)
    np.testing.assert_array_equal(io.read_image(tmp_path / "out.webp").pixels, np.rint(deep / 257))
    with pytest.raises(ValueError, match="JPEG cannot hold 16-bit values: write"):
        io.save(pixels, tmp_path / "out.jpg", like=tmp_path / "deep.png")
    gray = Image.fromarray(deep[..., 0])
    assert gray.mode == "I;16"
    for image in (gray, gray.convert("I")):
        io.save(image, tmp_path / "gray.png")
        np.testing.assert_array_equal(io.read_image(tmp_path / "gray.png").pixels, deep[..., 0])


def test_which_way_pixels_lie_is_asked_where_their_shape_contradicts(tmp_path):
    phone(tmp_path / "phone.png")
    with pytest.raises(ValueError, match=r"6 x 8, have the shape .* of `like`, 8 x 6, .* upright=True"):
        io.save(SEEN, tmp_path / "out.png", like=tmp_path / "phone.png")
    io.save(SEEN, tmp_path / "out.png", like=tmp_path / "phone.png", upright=True)
    check(tmp_path / "out.png")
    io.save(SEEN, tmp_path / "out.png", like=tmp_path / "phone.png", upright=False)
    np.testing.assert_array_equal(io.read_image(tmp_path / "out.png").pixels, np.rot90(SEEN, -1))


@pytest.mark.parametrize(
    ("image", "error", "text"),
    [
        (np.full((4, 4), 200.0), ValueError, "from 0 to 1; got 200 to 200: scale them"),
        (np.full((4, 4), np.nan), ValueError, "from 0 to 1; got nan"),
        (np.ma.masked_invalid([[0.0, np.nan]]), TypeError, "masked array has holes"),
        (np.zeros((4, 4), np.int64), ValueError, "uint8 or uint16; got int64"),
        (torch.zeros(6, 8, 3), ValueError, r"\(C, H, W\) .* got shape \(6, 8, 3\)"),
        (Image.new("CMYK", (4, 4)), ValueError, "CMYK images are not supported"),
        (Image.fromarray(np.full((2, 2), 70000, np.int32)), ValueError, "values beyond 0 to 65535"),
        ([[1, 2]], TypeError, "got list"),
    ],
)
def test_what_is_no_picture(image, error, text, tmp_path):
    with pytest.raises(error, match=text):
        io.save(image, tmp_path / "out.png")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_like_it(tmp_path):
    with pytest.raises(TypeError, match="an ImageFile or a PIL image; got int"):
        io.save(SEEN, tmp_path / "out.png", like=3)
    with pytest.raises(OSError, match="there is no file"):
        io.save(SEEN, tmp_path / "out.png", like=tmp_path / "none.jpg")


def test_open_files(tmp_path):
    phone(tmp_path / "phone.png")
    stream = streams.BytesIO()
    io.save(np.rot90(SEEN), stream, like=(tmp_path / "phone.png").read_bytes(), format="PNG")
    check(stream)
    with pytest.raises(ValueError, match="does not say its format: give format=, one of PNG"):
        io.save(SEEN, stream)
    with pytest.raises(TypeError, match="StringIO: open it with 'wb'"):
        io.save(SEEN, streams.StringIO(), format="PNG")


# ---- formats


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (1, 1, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_netpbm(tmp_path, shape, dtype):
    pixels = np.random.default_rng(2).integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)
    io.save(pixels, tmp_path / "a.ppm")
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.ppm").pixels, pixels)
    with Image.open(tmp_path / "a.ppm") as seen:  # Pillow reads 16-bit colour as 8-bit
        same = pixels if dtype == np.uint8 or pixels.ndim == 2 else np.rint(pixels / 257)
        np.testing.assert_allclose(np.asarray(seen), same, atol=0 if same is pixels else 1)


def test_netpbm_headers_and_damage():
    body = bytes(range(6))
    for header in (b"P6 2 1 255\n", b"P6\n# a comment\n2 # wide\n1\n255\n", b"P6\t2\r1\r255 "):
        assert io.read_image(header + body).pixels.tolist() == [[[0, 1, 2], [3, 4, 5]]]
    for data, error, text in (
        (b"P6 2 1 255\n" + body[:5], OSError, "cut off"),
        (b"P6 2 1 100\n" + body, ValueError, "up to 100; only 255 and 65535"),
        (b"P3 2 1 255\n0 0 0 1 1 1", ValueError, "only the binary kinds"),
        (b"P5 999999999 999999999 255\n", ValueError, "more than the 1073741824 allowed"),
        (b"P5 0 3 255\n", OSError, "its pixels have shape"),
    ):
        with pytest.raises(error, match=text):
            io.read_image(data)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 2), (5, 7, 3), (5, 7, 4)])
def test_targa(tmp_path, shape):
    pixels = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    io.save(pixels, tmp_path / "a.tga")
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.tga").pixels, pixels)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow writes no AVIF")
def test_avif(tmp_path):
    flat = np.full((8, 8, 4), (200, 100, 50, 128), np.uint8)
    like = io.ImageFile(flat, "PNG", exif=exif(6), icc_profile=SRGB, xmp=XMP % 6)
    io.save(flat, tmp_path / "a.avif", like=like)
    found = io.read_image(tmp_path / "a.avif")
    assert np.abs(found.pixels.astype(int) - flat).max() <= 3
    assert (found.orientation, found.icc_profile, found.xmp) == (1, SRGB, XMP % 1)
    assert b"ACM\0" in found.exif
    io.save(flat[..., 0], tmp_path / "gray.avif", quality=100)
    assert np.abs(io.read_image(tmp_path / "gray.avif").pixels.astype(int) - 200).max() <= 2


jpeg_xl = pytest.mark.skipif(not io.IMAGE_FORMATS["JPEG XL"].available(), reason="this imagecodecs writes no JPEG XL")


@jpeg_xl
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 2), (5, 7, 3), (5, 7, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_jpeg_xl_is_lossless_at_quality_100(shape, dtype):
    pixels = np.random.default_rng(4).integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)
    stream = streams.BytesIO()
    io.save(pixels, stream, format="JPEG XL", quality=100)
    np.testing.assert_array_equal(imagecodecs.jpegxl_decode(stream.getvalue()), pixels)


@jpeg_xl
def test_jpeg_xl_keeps_exif_and_xmp_and_loses_more_at_lower_quality():
    y, x = np.mgrid[0:64, 0:96]
    seen = np.stack([127 + 100 * np.sin(x / 3 + c) * np.cos(y / 5) for c in range(3)], -1).astype(np.uint8)
    like = io.ImageFile(np.rot90(seen), "PNG", exif=exif(6), xmp=XMP % 6)
    sizes, errors = [], []
    for quality in (95, 60, 10):
        stream = streams.BytesIO()
        io.save(like, stream, format="JPEG XL", quality=quality)
        data = stream.getvalue()
        decoded = imagecodecs.jpegxl_decode(data)
        sizes.append(len(data))
        errors.append(float(np.square(decoded.astype(float) - seen).mean()))
        assert exif(1) in data
        assert XMP % 1 in data
    assert sizes == sorted(sizes, reverse=True)
    assert errors == sorted(errors)
    assert errors[0] < 5


def test_a_profile_that_cannot_be_carried_is_told(tmp_path, caplog):
    caplog.set_level(logging.WARNING, "siren_sr")
    for profile, told in ((SRGB, 0), (WIDE, 1)):
        like = io.ImageFile(SEEN, "PNG", icc_profile=profile)
        for extension in (".bmp", ".tga", ".ppm"):
            caplog.clear()
            io.save(SEEN, tmp_path / f"a{extension}", like=like)
            assert len(caplog.records) == told
    assert "the colour profile of the input is not carried over to" in caplog.text
    caplog.clear()
    io.save(SEEN, tmp_path / "a.png", like=like)
    assert io.read_image(tmp_path / "a.png").icc_profile == WIDE
    assert not caplog.records


@pytest.mark.parametrize(("name", "side"), [("a.webp", 16383), ("a.jpg", 65500), ("a.avif", 65535), ("a.tga", 65535)])
def test_the_largest_side_is_known_before_the_work(tmp_path, name, side):
    allowed = {"channels": 3, "dtype": "uint8"}
    io.check_writable(tmp_path / name, shape=(1, side), **allowed)
    with pytest.raises(ValueError, match=f"at most {side} pixels a side, got {side + 1} x 1: write .png"):
        io.check_writable(tmp_path / name, shape=(side + 1, 1), **allowed)
