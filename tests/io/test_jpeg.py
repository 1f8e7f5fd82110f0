"""What a JPEG file says of its compression, against a second decoder, Pillow's own account and broken files."""

import io as bytesio
from dataclasses import replace

import numpy as np
import pytest
from huffman import Decoder
from PIL import Image, JpegImagePlugin

from siren_sr import io
from siren_sr.io import coefficients

SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")


def picture(height, width, mode="RGB"):
    """Edges, a gradient and noise, which need all kinds of codes."""
    random = np.random.default_rng(height * width)
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([4 * x, 3 * y, 2 * (x + y)], 2) + 90 * ((x + 2 * y) % 23 < 6)[..., None]
    pixels = pixels + random.normal(0, 25, pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).convert(mode)


def saved(image, **options):
    stream = bytesio.BytesIO()
    image.save(stream, "JPEG", **options)
    return stream.getvalue()


KINDS = {"baseline": {}, "progressive": {"progressive": True}, "restarts": {"restart_marker_blocks": 3}}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("quality", [5, 50, 90, 100])
def test_the_coefficients_are_those_of_the_file(kind, mode, quality):
    pytest.importorskip("jpeglib")
    for subsampling in SUBSAMPLINGS if mode == "RGB" else ("4:4:4",):
        for size in ((37, 51), (16, 16), (9, 33)):
            data = saved(picture(*size, mode), quality=quality, subsampling=subsampling, **KINDS[kind])
            got, tables = io.read_jpeg_coefficients(data), io.read_jpeg_tables(data)
            expected = Decoder(data).coefficients
            assert len(got) == len(expected) == len(tables.sampling)
            for a, b, shape in zip(got, expected, coefficients.blocks(tables), strict=True):
                assert a.dtype == np.int16
                assert a.shape[:2] == shape
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("quality", [1, 5, 25, 49, 50, 75, 95, 100])
def test_the_tables_of_a_quality_are_those_that_libjpeg_writes(quality, subsampling):
    data = saved(picture(20, 31), quality=quality, subsampling=subsampling)
    read = io.read_jpeg_tables(data)
    assert read == io.JpegTables.of_quality(quality, subsampling=subsampling, size=(20, 31))
    assert read.subsampling == subsampling
    assert read.untouched == (quality == 100)
    with Image.open(bytesio.BytesIO(data)) as image:  # Pillow gives the tables in the order of rows as well
        assert [read.tables[i].flatten().tolist() for i in (0, 1)] == [image.quantization[i] for i in (0, 1)]
        assert JpegImagePlugin.get_sampling(image) == SUBSAMPLINGS.index(subsampling)


@pytest.mark.parametrize(("mode", "options", "colour"), [
    ("L", {}, "gray"),
    ("RGB", {}, "YCbCr"),
    ("RGB", {"keep_rgb": True}, "RGB"),
    ("CMYK", {}, "CMYK"),
])  # fmt: skip
def test_colour_is_decided_as_libjpeg_does(mode, options, colour):
    tables = io.read_jpeg_tables(saved(picture(20, 31, mode), quality=60, **options))
    assert tables.colour == colour
    assert tables.tables.shape == ({"gray": 1, "CMYK": 4}.get(colour, 3), 8, 8)
    expected = io.JpegTables.of_quality(60, colour=colour, subsampling="4:2:0", size=(20, 31))
    assert np.array_equal(tables.tables, expected.tables)


def adobe(data, transform):
    """Put Adobe's marker in the place of the JFIF header."""
    marker = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([transform])
    return data[:2] + marker + data[20:]


@pytest.mark.parametrize(("transform", "colour"), [(0, "RGB"), (1, "YCbCr")])
def test_adobe_says_what_three_components_are(transform, colour):
    data = saved(picture(20, 31), quality=60)
    assert io.read_jpeg_tables(adobe(data, transform)).colour == colour
    without = data[:2] + data[20:]
    assert io.read_jpeg_tables(without).colour == "YCbCr"


def test_adobe_says_what_four_components_are():
    data = saved(picture(20, 31, "CMYK"), quality=60)
    at = data.index(b"Adobe")
    assert io.read_jpeg_tables(data[: at + 11] + b"\x02" + data[at + 12 :]).colour == "YCCK"


def test_a_table_is_the_one_that_holds_when_its_component_begins():
    """A progressive file may bring a new table once all components have begun: decoders do not use it."""
    data = saved(picture(20, 31), quality=60, progressive=True)
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    late = data[:second] + b"\xff\xdb\0\x43\0" + bytes([7] * 64) + data[second:]
    assert io.read_jpeg_tables(late) == io.read_jpeg_tables(data)
    early = data.index(b"\xff\xda")
    assert (io.read_jpeg_tables(data[:early] + late[second : second + 69] + data[early:]).tables[0] == 7).all()


def test_names_streams_and_bytes_give_the_same(tmp_path):
    data = saved(picture(20, 31), quality=60)
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    with open(path, "rb") as stream:
        stream.seek(5)
        for source in (path, str(path), data, stream):
            assert io.read_jpeg_tables(source) == io.read_jpeg_tables(data)
            if (read := io.read_jpeg_coefficients(source)) is not None:
                assert np.array_equal(read[0], Decoder(data).coefficients[0])
        assert stream.tell() == 5


def test_what_is_no_jpeg_is_refused(tmp_path, capfd):
    data = saved(picture(20, 31), quality=60)
    png = bytesio.BytesIO()
    picture(4, 4).save(png, "PNG")
    for read in (io.read_jpeg_tables, io.read_jpeg_coefficients):
        with pytest.raises(OSError, match="is no JPEG file: read its pixels with read_image"):
            read(png)
        with pytest.raises(OSError, match="broken JPEG headers"):
            read(data[:60])
        with pytest.raises(OSError, match="broken JPEG headers: it ends before all components"):
            read(data[:2] + data[-2:] + data[4:])
        with pytest.raises(OSError, match="there is no file"):
            read(tmp_path / "none.jpg")
        twelve = data.index(b"\xff\xc0")
        with pytest.raises(ValueError, match="12 bits for each value; only 8 are supported"):
            read(data[: twelve + 4] + b"\x0c" + data[twelve + 5 :])
        with pytest.raises(ValueError, match="lossless or hierarchical"):
            read(data[: twelve + 1] + b"\xc3" + data[twelve + 2 :])
        with pytest.raises(ValueError, match="its height only behind the picture"):
            read(data[: twelve + 5] + b"\0\0" + data[twelve + 7 :])
    pytest.importorskip("jpeglib")
    with pytest.raises(OSError, match=r"cannot read the coefficients.*(?i:premature end)"):
        io.read_jpeg_coefficients(data[:-40])
    assert capfd.readouterr().err == ""


def test_any_damage_is_an_error_of_the_usual_kinds(capfd):
    random, data = np.random.default_rng(0), saved(picture(40, 40), quality=70, progressive=True)
    for _ in range(150):
        broken = bytearray(data)
        for place in random.integers(2, len(data), 3):
            broken[place] = random.integers(256)
        for read in (io.read_jpeg_tables, io.read_jpeg_coefficients):
            try:
                read(bytes(broken))
            except (OSError, ValueError, MemoryError) as error:
                assert str(error)  # noqa: PT017
    assert capfd.readouterr().err == ""


def test_tables_that_do_not_fit_are_refused():
    good = io.JpegTables.of_quality(50)
    with pytest.raises(ValueError, match=r"from 1 to 65535 of shape \(3, 8, 8\) for YCbCr; got shape \(1, 8, 8\)"):
        replace(good, tables=good.tables[:1])
    with pytest.raises(ValueError, match="tables must be integers from 1"):
        replace(good, tables=good.tables * 0)
    with pytest.raises(ValueError, match="3 pairs of factors from 1 to 4"):
        replace(good, sampling=((5, 1), (1, 1), (1, 1)))
    with pytest.raises(ValueError, match="colour must be one of gray, YCbCr"):
        replace(good, colour="Lab")
    for quality in (0, 101, 7.5):
        with pytest.raises(ValueError, match="a whole number from 1 to 100"):
            io.JpegTables.of_quality(quality)
    with pytest.raises(ValueError, match="subsampling must be one of 4:4:4, 4:2:2"):
        io.JpegTables.of_quality(50, subsampling="4:2:1")
    with pytest.raises(ValueError, match="got size=None"):
        coefficients.blocks(good)
    assert good == io.JpegTables.of_quality(50)
    assert hash(good) == hash(io.JpegTables.of_quality(50))
    assert good != io.JpegTables.of_quality(51)
    with pytest.raises(ValueError, match="read-only"):
        good.tables[0, 0, 0] = 3
