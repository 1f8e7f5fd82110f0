"""Files in and out: exact round trips, metadata, refusals and their texts, whole files or none."""

from __future__ import annotations

import errno
import io as bytesio
import os
import stat
import struct
import subprocess
import sys
import warnings
import zlib

import imagecodecs
import numpy as np
import pytest
import soundfile
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms, features

from siren_sr import io

RGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GRAY_PROFILE = RGB_PROFILE[:16] + b"GRAY" + RGB_PROFILE[20:]
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a exif:PixelXDimension="7"/>'
XMP += b"<tiff:ImageLength>5</tiff:ImageLength></x:xmpmeta>"


def noise(*shape, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def smooth(height, width, channels):
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([127 + 100 * np.sin(x / 9 + c) * np.cos(y / 7) for c in range(channels)], -1)
    return np.rint(image).astype(np.uint8).squeeze()


def exif_block(order="<", thumbnail=b"\xff\xd8 a small picture \xff\xd9"):
    """Make, orientation 6, a maker's note, PixelXDimension 7, PixelYDimension 5, a GPS tag, a thumbnail."""

    def entry(tag, kind, count, value):
        return struct.pack(order + "HHI", tag, kind, count) + (
            value if isinstance(value, bytes) else struct.pack(order + "I", value)
        )

    def short(value):
        return struct.pack(order + "HH", value, 0)

    main, exif = 8, 8 + 2 + 4 * 12 + 4 + 8
    gps = exif + 2 + 3 * 12 + 4 + 12
    first = gps + 2 + 12 + 4
    picture = first + 2 + 2 * 12 + 4
    block = struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, main)
    block += struct.pack(order + "H", 4)
    block += entry(271, 2, 7, exif - 8) + entry(274, 3, 1, short(6))
    block += entry(34665, 4, 1, exif) + entry(34853, 4, 1, gps)
    block += struct.pack(order + "I", first if thumbnail else 0) + b"Camera\0\0"
    block += struct.pack(order + "H", 3)
    block += entry(37500, 7, 12, gps - 12) + entry(40962, 3, 1, short(7)) + entry(40963, 3, 1, short(5))
    block += struct.pack(order + "I", 0) + b"maker's note"
    block += struct.pack(order + "H", 1) + entry(1, 2, 2, b"N\0\0\0") + struct.pack(order + "I", 0)
    if thumbnail:
        block += struct.pack(order + "H", 2)
        block += entry(513, 4, 1, picture) + entry(514, 4, 1, len(thumbnail)) + struct.pack(order + "I", 0)
        block += thumbnail
    return block


def exif_of(path_or_bytes):
    """An independent reading of EXIF: Pillow's."""
    exif = Image.Exif()
    exif.load(path_or_bytes)
    return exif


def png(width, height, depth, colour, rows, extra=(), interlace=0):
    """A PNG by hand, for what no encoder at hand writes."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def saved(path, data):
    path.write_bytes(data)
    return path


# --------------------------------------------------------------------------------------------- pixels survive


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 2), (5, 7, 3), (5, 7, 4), (1, 1), (1, 9, 4), (300, 400, 3)])
@pytest.mark.parametrize("extension", [".png", ".tif", ".TIFF"])
def test_lossless_formats_keep_every_value(tmp_path, extension, shape, dtype):
    pixels = noise(*shape, dtype=dtype)
    path = tmp_path / f"a{extension}"
    io.write_image(path, pixels)
    back = io.read_image(path)
    assert back.pixels.dtype == dtype
    np.testing.assert_array_equal(back.pixels, pixels)
    assert back.format == ("PNG" if extension == ".png" else "TIFF")
    assert back.pixels.flags.writeable
    assert back.orientation == 1
    assert (back.exif, back.icc_profile, back.xmp, back.dpi) == (None, None, None, None)
    # Other readers agree.
    np.testing.assert_array_equal(
        imagecodecs.png_decode(path.read_bytes()) if extension == ".png" else tifffile.imread(path), pixels
    )
    if dtype == np.uint8 or len(shape) == 2:
        with Image.open(path) as image:
            np.testing.assert_array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize(
    ("extension", "shape"),
    [(".bmp", (5, 7)), (".bmp", (5, 7, 3)), (".webp", (5, 7, 3)), (".webp", (5, 7, 4))],
)
def test_bmp_and_lossless_webp_keep_every_value(tmp_path, extension, shape):
    pixels = noise(*shape)
    io.write_image(tmp_path / f"a{extension}", pixels, quality=100)
    np.testing.assert_array_equal(io.read_image(tmp_path / f"a{extension}").pixels, pixels)


def test_webp_holds_gray_as_rgb_and_gray_alpha_as_rgba(tmp_path):
    pixels = noise(5, 7, 2)
    io.write_image(tmp_path / "a.webp", pixels[..., 0], quality=100)
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.webp").pixels, pixels[..., [0, 0, 0]])
    io.write_image(tmp_path / "a.webp", pixels, quality=100)
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.webp").pixels, pixels[..., [0, 0, 0, 1]])


@pytest.mark.parametrize(("extension", "channels"), [(".jpg", 1), (".jpeg", 3), (".webp", 3)])
def test_lossy_formats_are_close_and_quality_counts(tmp_path, extension, channels):
    pixels, path, sizes = smooth(60, 80, channels), tmp_path / f"a{extension}", {}
    for quality in (30, 95):
        io.write_image(path, pixels, quality=quality)
        sizes[quality] = path.stat().st_size
    back = io.read_image(path).pixels
    assert back.shape == pixels.shape
    assert np.abs(back.astype(int) - pixels).mean() < 2.5
    assert sizes[30] < sizes[95]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pixels=st.sampled_from([np.uint8, np.uint16]).flatmap(
        lambda dtype: st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 4)).flatmap(
            lambda shape: hnp.arrays(dtype, shape if shape[2] > 1 else shape[:2])
        )
    ),
    extension=st.sampled_from([".png", ".tif"]),
)
def test_any_small_array_survives(tmp_path, pixels, extension):
    io.write_image(tmp_path / f"a{extension}", pixels)
    back = io.read_image(tmp_path / f"a{extension}").pixels
    assert back.dtype == pixels.dtype
    np.testing.assert_array_equal(back, pixels)


def test_memory_layout_and_byte_order_do_not_matter(tmp_path):
    pixels = noise(6, 8, 3, dtype=np.uint16)
    for view in (pixels[::2, ::-1], pixels.transpose(1, 0, 2), pixels.astype(">u2"), pixels[..., :1]):
        io.write_image(tmp_path / "a.png", view)
        np.testing.assert_array_equal(
            io.read_image(tmp_path / "a.png").pixels, view[..., 0] if view.shape[2] == 1 else view
        )


# ---------------------------------------------------------------------------------- what other programs write


def test_16_bit_rgb_is_not_cut_to_8(tmp_path):
    rows = b"".join(b"\0" + noise(7, 3, dtype=np.uint16, seed=y).astype(">u2").tobytes() for y in range(4))
    expected = np.stack([noise(7, 3, dtype=np.uint16, seed=y) for y in range(4)])
    path = saved(tmp_path / "a.png", png(7, 4, 16, 2, rows))
    np.testing.assert_array_equal(io.read_image(path).pixels, expected)


def test_interlaced_png(tmp_path):
    # One pixel per pass: an 8 x 8 image whose seven passes are filled with 1 to 7.
    steps = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    expected, rows = np.zeros((8, 8), np.uint16), b""
    for number, (y, x, dy, dx) in enumerate(steps, 1):
        expected[y::dy, x::dx] = number * 1000
        for row in expected[y::dy, x::dx]:
            rows += b"\0" + row.astype(">u2").tobytes()
    path = saved(tmp_path / "a.png", png(8, 8, 16, 0, rows, interlace=1))
    np.testing.assert_array_equal(io.read_image(path).pixels, expected)


def test_png_transparency_becomes_alpha(tmp_path):
    rows = b"\0" + struct.pack(">6H", 1, 2, 3, 4, 5, 600)
    path = saved(tmp_path / "a.png", png(2, 1, 16, 2, rows, [(b"tRNS", struct.pack(">3H", 1, 2, 3))]))
    assert io.read_image(path).pixels.tolist() == [[[1, 2, 3, 0], [4, 5, 600, 65535]]]
    path = saved(tmp_path / "a.png", png(4, 1, 2, 0, b"\0\x1b", [(b"tRNS", struct.pack(">H", 2))]))
    assert io.read_image(path).pixels.tolist() == [[[0, 255], [85, 255], [170, 0], [255, 255]]]


@pytest.mark.parametrize("extension", ["png", "gif", "bmp", "tif"])
def test_palettes_become_rgb(tmp_path, extension):
    image = Image.fromarray(np.arange(4, dtype=np.uint8).reshape(2, 2)).convert("P")
    image.putpalette([0, 1, 2, 30, 31, 32, 60, 61, 62, 90, 91, 92])
    image.save(tmp_path / f"a.{extension}")
    expected = [[[0, 1, 2], [30, 31, 32]], [[60, 61, 62], [90, 91, 92]]]
    assert io.read_image(tmp_path / f"a.{extension}").pixels.tolist() == expected


@pytest.mark.parametrize("transparency", [bytes([0, 128]), 0])
def test_transparent_palettes_become_rgba(tmp_path, transparency):
    image = Image.fromarray(np.arange(4, dtype=np.uint8).reshape(2, 2)).convert("P")
    image.putpalette([0, 1, 2, 30, 31, 32, 60, 61, 62, 90, 91, 92])
    image.save(tmp_path / "a.png", transparency=transparency)
    second = 128 if transparency else 255
    expected = [[[0, 1, 2, 0], [30, 31, 32, second]], [[60, 61, 62, 255], [90, 91, 92, 255]]]
    assert io.read_image(tmp_path / "a.png").pixels.tolist() == expected


@pytest.mark.parametrize("extension", ["png", "bmp", "tif"])
def test_1_bit_images_become_gray(tmp_path, extension):
    pixels = noise(5, 9) > 127
    Image.fromarray(pixels).save(tmp_path / f"a.{extension}")
    back = io.read_image(tmp_path / f"a.{extension}").pixels
    np.testing.assert_array_equal(back, np.where(pixels, 255, 0))
    assert back.dtype == np.uint8


@pytest.mark.parametrize("options", [
    {}, {"compression": "lzw", "predictor": True}, {"compression": "zlib", "tile": (16, 16)},
    {"byteorder": ">"}, {"bigtiff": True}, {"planarconfig": "separate"}, {"compression": "packbits"},
    {"rowsperstrip": 3},
])  # fmt: skip
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_of_other_programs(tmp_path, options, dtype):
    pixels = noise(21, 33, 4, dtype=dtype)
    data = np.moveaxis(pixels, 2, 0) if "planarconfig" in options else pixels
    tifffile.imwrite(
        tmp_path / "a.tif", data, photometric="rgb", extrasamples=["unassalpha"], resolution=(72, 36),
        resolutionunit="inch", iccprofile=RGB_PROFILE, **options,
    )  # fmt: skip
    back = io.read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(back.pixels, pixels)
    assert back.dpi == (72, 36)
    assert back.icc_profile == RGB_PROFILE
    io.write_image(tmp_path / "b.tif", back.pixels[:4, :5], back)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:  # the layout in ImageDescription is gone
        assert file.asarray().shape == (4, 5, 4)
        assert "ImageDescription" not in file.pages[0].tags


def test_tiff_white_is_zero_and_premultiplied(tmp_path):
    for dtype in (np.uint8, np.uint16):
        pixels = noise(4, 5, dtype=dtype)
        tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="miniswhite")
        np.testing.assert_array_equal(io.read_image(tmp_path / "a.tif").pixels, np.iinfo(dtype).max - pixels)
    straight = np.array([[[65535, 30000, 0, 32768], [5, 6, 7, 65535]]], np.uint16)
    tiff = straight.copy()
    tiff[..., :3] = np.rint(straight[..., :3] * (straight[..., 3:] / 65535))
    tifffile.imwrite(tmp_path / "a.tif", tiff, photometric="rgb", extrasamples=["assocalpha"])
    assert np.abs(io.read_image(tmp_path / "a.tif").pixels.astype(int) - straight).max() <= 1


def test_tiff_with_a_reduced_copy(tmp_path):
    pixels = noise(8, 9, 3, dtype=np.uint16)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(pixels, photometric="rgb", metadata=None)
        file.write(pixels[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.tif").pixels, pixels)


def test_ycbcr_jpeg_in_tiff(tmp_path):
    pixels = smooth(32, 48, 3)
    Image.fromarray(pixels).save(tmp_path / "a.tif", compression="jpeg", quality=95)
    back = io.read_image(tmp_path / "a.tif").pixels
    assert np.abs(back.astype(int) - pixels).mean() < 2


@pytest.mark.skipif("avif" not in features.get_supported_modules(), reason="this Pillow reads no AVIF")
def test_avif(tmp_path):
    pixels = smooth(32, 48, 3)
    Image.fromarray(pixels).save(tmp_path / "a.avif", quality=95)
    back = io.read_image(tmp_path / "a.avif")
    assert back.format == "AVIF"
    assert np.abs(back.pixels.astype(int) - pixels).mean() < 2
    try:
        deep = imagecodecs.avif_encode(noise(16, 16, 3, dtype=np.uint16) >> 6, bitspersample=10)
    except Exception:  # an imagecodecs without AVIF
        return
    with pytest.raises(ValueError, match="AVIF of more than 8 bits"):
        io.read_image(saved(tmp_path / "deep.avif", deep))


def test_phone_jpeg_with_a_second_picture(tmp_path):
    pixels = smooth(32, 48, 3)
    Image.fromarray(pixels).save(
        tmp_path / "a.jpg",
        "MPO",
        save_all=True,
        append_images=[Image.fromarray(pixels[::2, ::2])],
        quality=95,
    )
    back = io.read_image(tmp_path / "a.jpg")
    assert back.format == "JPEG"
    assert np.abs(back.pixels.astype(int) - pixels).mean() < 2.5


# ------------------------------------------------------------------------------------------ metadata survives


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("source", ["a.png", "a.tif", "a.jpg", "a.webp"])
@pytest.mark.parametrize("target", ["b.png", "b.tif", "b.jpg", "b.webp"])
def test_metadata_survives_between_formats(tmp_path, source, target, order):
    first = io.ImageFile(smooth(5, 7, 3), "", exif_block(order), RGB_PROFILE, (300.0, 150.0), XMP)
    io.write_image(tmp_path / source, first.pixels, first)
    middle = io.read_image(tmp_path / source)
    io.write_image(tmp_path / target, np.repeat(middle.pixels, 3, axis=1), middle)
    last = io.read_image(tmp_path / target)
    assert last.icc_profile == RGB_PROFILE
    assert b'PixelXDimension="21"' in last.xmp
    assert b"<tiff:ImageLength>5<" in last.xmp
    assert last.orientation == 6
    if "webp" not in source + target:
        np.testing.assert_allclose(last.dpi, (300, 150), rtol=2e-3)
    assert last.pixels.shape == (5, 21, 3)
    exif = exif_of(last.exif)
    assert exif[271] == "Camera"
    assert exif[274] == 6
    inner = exif.get_ifd(34665)
    assert inner[37500] == b"maker's note"
    assert (inner[40962], inner[40963]) == (21, 5)
    assert exif.get_ifd(34853)[1] == "N"
    assert b"small picture" not in (tmp_path / target).read_bytes()
    if target != "b.tif":
        with Image.open(tmp_path / target) as image:  # and Pillow finds it in the file
            assert image.getexif()[274] == 6
            assert image.getexif().get_ifd(34665)[40962] == 21
            assert image.info["icc_profile"] == RGB_PROFILE
    else:
        with tifffile.TiffFile(tmp_path / target) as file:
            tags = file.pages[0].tags
            assert tags["Orientation"].value == 6
            assert tags["ExifTag"].value["PixelXDimension"] == 21
            assert tags["GPSTag"].value["GPSLatitudeRef"] == "N"
            assert tags["InterColorProfile"].value == RGB_PROFILE


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("extension", [".png", ".tif"])
def test_metadata_of_16_bit_images_survives(tmp_path, extension, channels):
    pixels = noise(5, 7, channels, dtype=np.uint16)
    like = io.ImageFile(pixels, "", exif_block(), RGB_PROFILE, (300.0, 150.0), XMP)
    io.write_image(tmp_path / f"a{extension}", pixels, like)
    back = io.read_image(tmp_path / f"a{extension}")
    np.testing.assert_array_equal(back.pixels, pixels)
    assert (back.orientation, back.icc_profile, back.xmp) == (6, RGB_PROFILE, XMP)
    np.testing.assert_allclose(back.dpi, (300, 150), rtol=1e-4)
    assert exif_of(back.exif).get_ifd(34665)[37500] == b"maker's note"


def test_jpeg_exif_stays_in_place(tmp_path):
    """Makers' notes hold offsets from the start of the block, so nothing may move."""
    block = exif_block()
    Image.fromarray(smooth(5, 7, 3)).save(tmp_path / "a.jpg", exif=b"Exif\0\0" + block)
    source = io.read_image(tmp_path / "a.jpg")
    assert source.exif == block
    io.write_image(tmp_path / "b.jpg", np.zeros((70000 // 10, 9, 3), np.uint8), source)
    written = io.read_image(tmp_path / "b.jpg").exif
    assert written.index(b"maker's note") == block.index(b"maker's note")
    assert exif_of(written).get_ifd(34665)[40963] == 7000
    assert not exif_of(written).get_ifd(1)  # the thumbnail's directory
    assert len(written) == block.index(b"\xff\xd8 a small")


def test_pixels_are_not_rotated(tmp_path):
    pixels = smooth(20, 30, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=b"Exif\0\0" + exif_block())
    image = io.read_image(tmp_path / "a.png")
    assert image.orientation == 6
    np.testing.assert_array_equal(image.pixels, pixels)


@pytest.mark.parametrize("exif", [b"", b"II", b"junk", exif_block()[:40], exif_block()[:9], b"MM\0*" + b"\xff" * 99])
def test_broken_exif_does_no_harm(tmp_path, exif):
    like = io.ImageFile(noise(3, 4, 3), "", exif or None)
    assert like.orientation in (1, 6)
    for extension in (".png", ".tif", ".jpg", ".webp"):
        io.write_image(tmp_path / f"a{extension}", like.pixels, like)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, of corrupt EXIF
            back = io.read_image(tmp_path / f"a{extension}").pixels
        assert back.shape == (3, 4, 3)
        if extension in (".png", ".tif"):
            np.testing.assert_array_equal(back, like.pixels)


def test_self_referring_exif_ends(tmp_path):
    loop = struct.pack("<2sHIH", b"II", 42, 8, 2)
    loop += struct.pack("<HHII", 34665, 4, 1, 8) + struct.pack("<HHII", 40965, 4, 1, 8) + struct.pack("<I", 8)
    like = io.ImageFile(noise(3, 4), "", loop)
    io.write_image(tmp_path / "a.tif", like.pixels, like)
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.tif").pixels, like.pixels)


def test_profile_of_another_colour_space_is_left_out(tmp_path):
    gray = io.ImageFile(noise(3, 4), "", icc_profile=GRAY_PROFILE)
    for name, pixels, expected in [
        ("a.png", noise(3, 4), GRAY_PROFILE),
        ("a.tif", noise(3, 4, 2, dtype=np.uint16), GRAY_PROFILE),
        ("a.png", noise(3, 4, 3), None),
        ("a.webp", noise(3, 4), None),
    ]:
        io.write_image(tmp_path / name, pixels, gray)
        assert io.read_image(tmp_path / name).icc_profile == expected


def test_png_colour_and_text_chunks_survive_in_png(tmp_path):
    chunks = (
        (b"gAMA", struct.pack(">I", 100000)),
        (b"cHRM", struct.pack(">8I", *range(30000, 38000, 1000))),
        (b"tEXt", b"Author\0somebody"),
        (b"iTXt", b"Title\0\0\0de\0Titel\0ein Bild"),
    )
    packed = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)
    data = png(1, 1, 8, 0, b"\0\5", [*chunks, (b"iTXt", packed)])
    image = io.read_image(saved(tmp_path / "a.png", data))
    assert image.png_chunks == chunks
    assert image.xmp == XMP
    io.write_image(tmp_path / "b.png", noise(3, 4, dtype=np.uint16), image)
    assert io.read_image(tmp_path / "b.png").png_chunks == chunks
    with Image.open(tmp_path / "b.png") as other:
        assert other.info["gamma"] == 1
        assert other.info["Author"] == "somebody"


def test_odd_profiles_print_nothing(tmp_path, capfd):
    path = saved(tmp_path / "a.png", png(1, 1, 8, 0, b"\0\5", [(b"iCCP", b"x\0\0junk")]))
    assert io.read_image(path).icc_profile is None
    assert capfd.readouterr().err == ""


# ---------------------------------------------------------------------------------------------- reading fails


def broken(path, match="is not a readable image"):
    with pytest.raises(OSError, match=match) as caught:
        io.read_image(path)
    assert path.name in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^there is no file .*nothing\.png$"):
        io.read_image(tmp_path / "nothing.png")
    with pytest.raises(FileNotFoundError, match=r"^there is no file .*nothing\.wav$"):
        io.read_audio(tmp_path / "nothing.wav")
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        io.read_image(tmp_path)


def test_no_image(tmp_path):
    broken(saved(tmp_path / "a.png", b""), "the file is empty")
    broken(saved(tmp_path / "a.png", b"some text"), "it holds none of PNG, TIFF, JPEG")
    broken(saved(tmp_path / "a.png", png(3, 0, 8, 0, b"")))
    broken(saved(tmp_path / "a.mp4", b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(50)), "it holds none of")


@pytest.mark.parametrize(
    "name",
    ["a.png", "a.tif", "a.jpg", "a.webp", "a.bmp", "p.jpg", "deep.png", "deep.tif", "lzw.tif", "a.gif"],
)
def test_cut_off_files_fail(tmp_path, name):
    path, pixels = tmp_path / name, smooth(60, 80, 3)
    if name == "lzw.tif":
        tifffile.imwrite(path, pixels, compression="lzw")
    elif name in ("p.jpg", "a.gif"):
        Image.fromarray(pixels).save(path, **({"progressive": True} if name == "p.jpg" else {}))
    else:
        io.write_image(path, pixels.astype(np.uint16) * 257 if "deep" in name else pixels)
    data = path.read_bytes()
    for part in (0.02, 0.1, 0.3, 0.5, 0.8, 0.95):
        broken(saved(path, data[: int(len(data) * part)]))


@pytest.mark.parametrize("extension", ["png", "tif"])
@pytest.mark.parametrize("shape", [(12, 15, 3), (20, 9)])
def test_every_flipped_bit_of_the_pixels_is_found_where_there_are_checksums(tmp_path, extension, shape):
    io.write_image(tmp_path / f"a.{extension}", noise(*shape))
    data = bytearray((tmp_path / f"a.{extension}").read_bytes())
    if extension == "png":
        start = data.index(b"IDAT") + 4
        stop = start + struct.unpack_from(">I", data, start - 8)[0]
    else:
        with tifffile.TiffFile(bytesio.BytesIO(bytes(data))) as file:
            start = file.pages[0].dataoffsets[0]
            stop = start + file.pages[0].databytecounts[0]
    refused = 0
    for place in np.random.default_rng(0).integers(8 * start, 8 * stop, 200):
        data[place // 8] ^= 1 << place % 8
        try:  # some bits, as those that fill up a byte, say nothing
            np.testing.assert_array_equal(io.read_image(bytes(data)).pixels, noise(*shape))
        except OSError:
            refused += 1
        data[place // 8] ^= 1 << place % 8
    assert refused > 190


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_raise_only_what_is_documented(tmp_path, data):
    extension = data.draw(st.sampled_from([".png", ".tif", ".jpg", ".webp", ".bmp"]))
    like = io.ImageFile(smooth(9, 11, 3), "", None if extension == ".bmp" else exif_block(), RGB_PROFILE)
    path = tmp_path / f"a{extension}"
    io.write_image(path, like.pixels, like)
    content = bytearray(path.read_bytes())
    for place, value in data.draw(
        st.lists(st.tuples(st.integers(0, min(len(content), 400) - 1), st.integers(0, 255)), max_size=4)
    ):
        content[place] = value
    saved(path, bytes(content))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = io.read_image(path)
        except (OSError, ValueError) as error:
            assert path.name in str(error)  # noqa: PT017 - most damage raises, some does no harm
        else:
            assert image.orientation in range(1, 9)


@pytest.mark.parametrize(("name", "image", "match"), [
    ("a.jpg", Image.new("CMYK", (4, 3)), "CMYK images are not supported: convert it to gray or RGB"),
    ("a.tif", Image.new("CMYK", (4, 3)), "SEPARATED colour is not supported: convert it to RGB"),
    ("a.tif", Image.new("LAB", (4, 3)), "CIELAB colour is not supported"),
    ("a.tif", Image.new("F", (4, 3)), "32-bit float values are not supported: convert it to 8 or 16 bits"),
    ("a.tif", Image.new("I", (4, 3)), "32-bit signed values are not supported"),
])  # fmt: skip
def test_kinds_that_are_refused(tmp_path, name, image, match):
    image.save(tmp_path / name)
    with pytest.raises(ValueError, match=match) as caught:
        io.read_image(tmp_path / name)
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.tif"])
def test_animations_and_pages_are_refused(tmp_path, name):
    frames = [Image.fromarray(smooth(9, 11, 3) // n) for n in (1, 2, 3)]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    with pytest.raises(ValueError, match="only single images are supported"):
        io.read_image(tmp_path / name)


def test_still_gif_is_read(tmp_path):
    pixels = np.where(noise(9, 11, 1) > 99, [255, 0, 7], [1, 200, 30]).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.gif")
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.gif").pixels, pixels)


def test_tiff_with_missing_strips_fails(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(noise(8, 9, 3), photometric="rgb", rowsperstrip=2)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as file:
        file.pages[0].tags["ImageLength"].overwrite(16)
    broken(tmp_path / "a.tif", "the file is cut off")


def test_tiff_with_too_few_channels_fails(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", noise(4, 5), photometric="minisblack")
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as file:
        file.pages[0].tags["PhotometricInterpretation"].overwrite(2)
    broken(tmp_path / "a.tif", "RGB with 1 channels")


def test_tiff_with_an_endless_chain_of_pages_ends(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", noise(4, 5), metadata=None)
    data = bytearray((tmp_path / "a.tif").read_bytes())
    link = 8 + 2 + 12 * struct.unpack_from("<H", data, 8)[0]
    struct.pack_into("<I", data, link, 8)
    saved(tmp_path / "a.tif", bytes(data))
    try:
        pixels = io.read_image(tmp_path / "a.tif").pixels
    except (OSError, ValueError) as error:
        assert "a.tif" in str(error)  # noqa: PT017 - either is right
    else:
        np.testing.assert_array_equal(pixels, noise(4, 5))


def test_extra_tiff_channels_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", noise(4, 5, 4), photometric="rgb", extrasamples=["unspecified"])
    with pytest.raises(ValueError, match="extra channels of unknown meaning"):
        io.read_image(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "a.tif", noise(4, 5, 5), photometric="rgb", planarconfig="contig")
    with pytest.raises(ValueError, match="extra channels of unknown meaning"):
        io.read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("brand", [b"heic", b"mif1"])
def test_heic_is_refused(tmp_path, brand):
    path = saved(tmp_path / "a.heic", b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0heicmif1" + bytes(50))
    with pytest.raises(ValueError, match="HEIC images are not supported: convert it to PNG"):
        io.read_image(path)


def test_own_size_limit_instead_of_pillows(tmp_path, monkeypatch):
    pixels = smooth(600, 800, 3)  # which takes several bands
    for name in ("a.png", "a.tif", "a.jpg", "a.bmp"):
        io.write_image(tmp_path / name, pixels)
        expected = np.asarray(Image.open(tmp_path / name))
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Image.open would raise
        np.testing.assert_array_equal(io.read_image(tmp_path / name).pixels, expected)
        assert Image.MAX_IMAGE_PIXELS == 1000
        monkeypatch.setattr(io.image, "MAX_PIXELS", 600 * 800 - 1)
        with pytest.raises(ValueError, match="600 x 800 pixels are more than the 479999 allowed"):
            io.read_image(tmp_path / name)
        monkeypatch.undo()


def test_too_little_memory_is_named(tmp_path, monkeypatch):
    def fail(data, name):
        raise MemoryError

    monkeypatch.setitem(io.read._READERS, "PNG", fail)
    io.write_image(tmp_path / "a.png", noise(3, 4))
    with pytest.raises(MemoryError, match=r"not enough memory to read .*a\.png"):
        io.read_image(tmp_path / "a.png")


def test_png_bomb_is_refused_from_its_header(tmp_path):
    path = saved(tmp_path / "a.png", png(60000, 60000, 16, 6, bytes(99)))
    with pytest.raises(ValueError, match="60000 x 60000 pixels are more than"):
        io.read_image(path)


# ---------------------------------------------------------------------------------------------- writing fails


@pytest.mark.parametrize(("name", "shape", "dtype", "match"), [
    ("a.xyz", (3, 4), np.uint8, r"unknown image extension '.xyz'; use one of \.png, \.tif, \.tiff, \.jpg"),
    ("a", (3, 4), np.uint8, r"no extension; use one of \.png"),
    ("a.jpg", (3, 4, 4), np.uint8, r"JPEG cannot hold an alpha channel: write \.png, \.tif or \.webp, or"),
    ("a.jpg", (3, 4, 2), np.uint8, "JPEG cannot hold an alpha channel"),
    ("a.bmp", (3, 4, 4), np.uint8, "BMP cannot hold an alpha channel"),
    ("a.jpg", (3, 4, 3), np.uint16, r"JPEG cannot hold 16-bit values: write \.png or \.tif, or convert"),
    ("a.webp", (3, 4, 3), np.uint16, "WEBP cannot hold 16-bit values"),
    ("a.bmp", (3, 4), np.uint16, "BMP cannot hold 16-bit values"),
    ("a.png", (3, 4), np.float32, r"pixels are uint8 or uint16; got float32: scale to 0\.\.255"),
    ("a.png", (3, 4), bool, "pixels are uint8 or uint16; got bool"),
    ("a.png", (3, 4, 5), np.uint8, "1 .gray., 2 .gray, alpha., 3 .RGB. or 4 .RGBA. channels; got 5"),
    ("a.png", (0, 4), np.uint8, "at least one pixel; got 0 x 4"),
    ("a.webp", (1, 16384, 3), np.uint8, "WEBP holds at most 16383 pixels a side, got 1 x 16384: write .png"),
    ("a.jpg", (65501, 1), np.uint8, "JPEG holds at most 65500 pixels a side"),
])  # fmt: skip
def test_impossible_images_are_refused_before_and_after(tmp_path, name, shape, dtype, match):
    channels = shape[2] if len(shape) == 3 else 1
    with pytest.raises(ValueError, match=match):
        io.check_writable(tmp_path / name, channels=channels, dtype=dtype, shape=shape[:2])
    with pytest.raises(ValueError, match=match):
        io.write_image(tmp_path / name, np.zeros(shape, dtype))
    assert list(tmp_path.iterdir()) == []


def test_other_bad_arguments(tmp_path):
    path = tmp_path / "a.png"
    with pytest.raises(TypeError, match="must be a NumPy array; got list"):
        io.write_image(path, [[1]])
    with pytest.raises(ValueError, match=r"must be \(H, W\) or \(H, W, C\); got shape \(3,\)"):
        io.write_image(path, np.zeros(3, np.uint8))
    for quality in (0, 101, 9.5, True):
        with pytest.raises(ValueError, match="quality is a whole number from 1 to 100"):
            io.write_image(path, np.zeros((3, 4), np.uint8), quality=quality)
    with pytest.raises(ValueError, match="unknown image format 'GIF': choose one of PNG, TIFF, JPEG"):
        io.write_image(path, np.zeros((3, 4), np.uint8), format="GIF")
    with pytest.raises(ValueError, match="TIFF holds at most 4 GB"):
        io.check_writable(tmp_path / "a.tif", channels=3, dtype=np.uint16, shape=(32000, 32000))


def test_format_overrides_the_extension(tmp_path):
    io.write_image(tmp_path / "a.out", noise(3, 4), format="TIFF")
    assert io.read_image(tmp_path / "a.out").format == "TIFF"


def test_metadata_that_does_not_fit_is_refused(tmp_path):
    turned = io.ImageFile(noise(3, 4, 3), "", exif_block())
    with pytest.raises(ValueError, match=r"BMP cannot hold the EXIF orientation \(6\) of the input: write \.png"):
        io.check_writable(tmp_path / "a.bmp", channels=3, dtype=np.uint8, like=turned)
    long = io.ImageFile(noise(3, 4, 3), "", xmp=bytes(70000))
    with pytest.raises(ValueError, match="JPEG cannot hold 70000 bytes of EXIF or XMP"):
        io.check_writable(tmp_path / "a.jpg", channels=3, dtype=np.uint8, like=long)


def test_check_writable_finds_bad_places(tmp_path):
    def check(path):
        io.check_writable(path, channels=3, dtype=np.uint8)

    with pytest.raises(FileNotFoundError, match=r"there is no folder .*missing; create it first"):
        check(tmp_path / "missing" / "a.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(IsADirectoryError, match="it is a folder; give the name of a file in it"):
        check(tmp_path / "folder.png")
    check(tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]  # nothing left behind


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX only")
def test_pipes_and_devices_are_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(OSError, match="not a regular file"):
        io.write_image(tmp_path / "a.png", noise(3, 4))
    assert stat.S_ISFIFO((tmp_path / "a.png").stat().st_mode)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_places(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o500)
    with pytest.raises(PermissionError, match="choose a folder that you can write to"):
        io.check_writable(folder / "a.png", channels=3, dtype=np.uint8)
    saved(tmp_path / "a.png", b"old").chmod(0o400)
    with pytest.raises(PermissionError, match="read-only"):
        io.check_writable(tmp_path / "a.png", channels=3, dtype=np.uint8)


def test_unwritable_folder_by_the_system_call(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(io.atomic.tempfile, "TemporaryFile", refuse)
    with pytest.raises(PermissionError, match=r"cannot write .*a\.png: Permission denied; choose a folder"):
        io.check_writable(tmp_path / "a.png", channels=3, dtype=np.uint8)


# ---------------------------------------------------------------------------------------- whole or not at all


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), ValueError("x")]
)
def test_a_failed_write_leaves_everything_as_it_was(tmp_path, error, existing):
    target = tmp_path / "a.bin"
    if existing:
        target.write_bytes(b"old")

    def write(stream):
        stream.write(b"half")
        raise error

    with pytest.raises(type(error)) as caught:
        io.atomic_write(target, write)
    assert [path.name for path in tmp_path.iterdir()] == (["a.bin"] if existing else [])
    if existing:
        assert target.read_bytes() == b"old"
    if isinstance(error, OSError):
        assert caught.value.errno == errno.ENOSPC
        for part in ("a.bin", "No space left on device", "free some space", "no partial file was left"):
            assert part in str(caught.value)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux only")
def test_a_really_full_disk(tmp_path):
    target = saved(tmp_path / "a.bin", b"old")

    def write(stream):
        os.dup2(os.open("/dev/full", os.O_WRONLY), stream.fileno())
        stream.write(b"new" * 100)

    with pytest.raises(OSError, match="free some space") as caught:
        io.atomic_write(target, write)
    assert caught.value.errno == errno.ENOSPC
    assert target.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg", "a.wav"])
def test_all_kinds_are_written_whole_or_not_at_all(tmp_path, monkeypatch, name):
    target = saved(tmp_path / name, b"old")

    def fail(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(io.atomic.os, "fsync", fail)
    write, arguments = (io.write_image, (noise(3, 4, 3),))
    if name == "a.wav":
        write, arguments = (io.write_audio, (np.zeros(9, np.int16), 8000))
    with pytest.raises(OSError, match="No space left on device"):
        write(target, *arguments)
    assert target.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_the_target_is_old_until_it_is_new(tmp_path):
    target = saved(tmp_path / "a.bin", b"old")

    def write(stream):
        stream.write(b"new")
        stream.flush()
        assert target.read_bytes() == b"old"
        assert len(list(tmp_path.iterdir())) == 2  # beside it: the same file system

    io.atomic_write(target, write)
    assert target.read_bytes() == b"new"


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions and links")
def test_permissions_and_links(tmp_path):
    new = tmp_path / "new.bin"
    io.atomic_write(new, lambda stream: stream.write(b"1"))
    usual = saved(tmp_path / "usual.bin", b"1")
    assert stat.S_IMODE(new.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)
    new.chmod(0o640)
    link = tmp_path / "link.bin"
    link.symlink_to(new)
    io.atomic_write(link, lambda stream: stream.write(b"2"))
    assert link.is_symlink()
    assert new.read_bytes() == b"2"
    assert stat.S_IMODE(new.stat().st_mode) == 0o640
    dangling = tmp_path / "dangling.bin"
    dangling.symlink_to(tmp_path / "later.bin")
    io.atomic_write(dangling, lambda stream: stream.write(b"3"))
    assert dangling.is_symlink()
    assert (tmp_path / "later.bin").read_bytes() == b"3"


def test_a_vanished_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        io.atomic_write(tmp_path / "gone" / "a.bin", lambda stream: None)


# ------------------------------------------------------------------------------------------------------ audio


def sound(dtype, shape=(500,)):
    wave = np.random.default_rng(1).uniform(-0.9, 0.9, shape)
    return wave.astype(dtype) if np.dtype(dtype).kind == "f" else (wave * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("extension", [".wav", ".aiff", ".aif"])
@pytest.mark.parametrize("shape", [(500,), (500, 2)])
@pytest.mark.parametrize(("dtype", "subtype"), [
    (np.int16, "PCM_16"), (np.int32, "PCM_32"), (np.float32, "FLOAT"), (np.float64, "DOUBLE"),
])  # fmt: skip
def test_sounds_keep_every_value(tmp_path, extension, shape, dtype, subtype):
    samples = sound(dtype, shape)
    io.write_audio(tmp_path / f"a{extension}", samples, 22050)
    back = io.read_audio(tmp_path / f"a{extension}")
    assert (back.sample_rate, back.subtype) == (22050, subtype)
    assert back.samples.dtype == dtype
    np.testing.assert_array_equal(back.samples, samples)


@pytest.mark.parametrize(("extension", "subtype", "dtype"), [
    (".wav", "PCM_U8", np.int16), (".wav", "PCM_24", np.int32), (".flac", "PCM_16", np.int16),
    (".flac", "PCM_24", np.int32), (".wav", "ULAW", np.int16),
])  # fmt: skip
def test_the_coding_of_the_input_is_kept(tmp_path, extension, subtype, dtype):
    soundfile.write(tmp_path / f"a{extension}", sound(np.float64), 8000, subtype=subtype)
    first = io.read_audio(tmp_path / f"a{extension}")
    assert first.samples.dtype == dtype
    io.write_audio(tmp_path / f"b{extension}", first.samples, 8000, first)
    second = io.read_audio(tmp_path / f"b{extension}")
    assert second.subtype == subtype
    np.testing.assert_array_equal(second.samples, first.samples)


def test_another_dtype_takes_another_coding(tmp_path):
    """Float samples are not squeezed into the 16 bits of the input."""
    io.write_audio(tmp_path / "a.wav", sound(np.int16), 8000)
    like = io.read_audio(tmp_path / "a.wav")
    io.write_audio(tmp_path / "b.wav", 3 * sound(np.float32), 8000, like)
    np.testing.assert_array_equal(io.read_audio(tmp_path / "b.wav").samples, 3 * sound(np.float32))


@pytest.mark.parametrize("extension", [".ogg", ".mp3"])
def test_lossy_sounds(tmp_path, extension):
    if extension == ".mp3" and "MP3" not in soundfile.available_formats():
        pytest.skip("this libsndfile writes no MP3")
    samples = np.sin(np.arange(200_000) / 20).astype(np.float32) / 2
    io.write_audio(tmp_path / f"a{extension}", samples, 44100)
    back = io.read_audio(tmp_path / f"a{extension}")
    assert back.samples.dtype == np.float32
    assert abs(len(back.samples) - len(samples)) < 3000
    assert 0.3 < back.samples.std() < 0.4


def test_long_wav_becomes_rf64(tmp_path, monkeypatch):
    monkeypatch.setattr(io.audio, "_MAX_RIFF_BYTES", 100)
    io.write_audio(tmp_path / "a.wav", sound(np.int16), 8000)
    back = io.read_audio(tmp_path / "a.wav")
    assert back.format == "RF64"
    np.testing.assert_array_equal(back.samples, sound(np.int16))


@pytest.mark.parametrize("extension", [".wav", ".flac", ".aiff"])
def test_cut_off_sounds_fail(tmp_path, extension):
    path = tmp_path / f"a{extension}"
    io.write_audio(path, sound(np.int16, (20000,)), 8000)
    data = path.read_bytes()
    for part in (0.0, 0.0002, 0.1, 0.5, 0.9):
        with pytest.raises(OSError, match=rf"a{extension} is not a readable sound file"):
            io.read_audio(saved(path, data[: int(len(data) * part)]))


def test_bad_sounds(tmp_path):
    def check(name, channels=1, dtype=np.float32):
        io.check_audio_writable(tmp_path / name, channels=channels, dtype=dtype)

    with pytest.raises(ValueError, match=r"unknown sound extension '.m4a'; use one of \.wav, \.flac"):
        check("a.m4a")
    with pytest.raises(ValueError, match=r"FLAC cannot hold float32 samples: write \.wav, or convert to int16"):
        check("a.flac")
    with pytest.raises(ValueError, match="samples are int16, int32, float32 or float64; got uint8"):
        check("a.wav", dtype=np.uint8)
    with pytest.raises(ValueError, match="FLAC holds 1 to 8 channels; got 9"):
        check("a.flac", 9, np.int16)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        check("missing/a.wav")
    with pytest.raises(ValueError, match=r"must be \(T,\) or \(T, C\) with T > 0; got shape \(0,\)"):
        io.write_audio(tmp_path / "a.wav", np.zeros(0, np.float32), 8000)
    with pytest.raises(TypeError, match="must be a NumPy array; got list"):
        io.write_audio(tmp_path / "a.wav", [0.0], 8000)
    for rate in (0, 0.5):
        with pytest.raises(ValueError, match="whole number of samples per second"):
            io.write_audio(tmp_path / "a.wav", np.zeros(9, np.float32), rate)
    stream = bytesio.BytesIO()
    soundfile.write(stream, np.zeros(0), 8000, format="WAV")
    with pytest.raises(ValueError, match="holds no samples"):
        io.read_audio(saved(tmp_path / "a.wav", stream.getvalue()))
    assert not list(tmp_path.glob("*.m4a"))


# -------------------------------------------------------------------------------------------------- no traces


def test_importing_is_cheap():
    code = (
        "import sys, importlib.util as u; spec = u.spec_from_file_location('sio', sys.argv[1]);"
        "m = u.module_from_spec(spec); sys.modules['sio'] = m; spec.loader.exec_module(m);"
        "print([n for n in ('PIL', 'soundfile', 'imagecodecs', 'tifffile', 'torch') if n in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code, io.__file__], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
