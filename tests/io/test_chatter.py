"""What decoders say: damage is an error, harmless notes are dropped, and nothing reaches the terminal."""

from __future__ import annotations

import io as bytesio
import logging
import os
import struct
import subprocess
import sys
import threading
import warnings
import zlib

import numpy as np
import pytest
import soundfile
import tifffile
from alone import IO_ALONE
from PIL import Image

from siren_sr import io
from siren_sr.io import chatter


def bilevel(compression):
    """A picture in black and white, as a fax would send it, and its file."""
    y, x = np.mgrid[0:60, 0:80]
    pixels = (np.sin(x / 9) * np.cos(y / 7) > 0).astype(np.uint8) * 255
    stream = bytesio.BytesIO()
    Image.fromarray(pixels).convert("1").save(stream, "TIFF", compression=compression)
    return pixels, bytearray(stream.getvalue())


def strip_of(data):
    with tifffile.TiffFile(bytesio.BytesIO(bytes(data))) as file:
        return file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]


@pytest.mark.parametrize(("compression", "says"), [
    ("group4", "Fax4Decode: Bad code word"),
    ("tiff_lzw", "LZWDecode: Not enough data|Using code not yet in table|LZWDecode: Corrupted"),
    ("tiff_adobe_deflate", "ZIPDecode: Decoding error"),
])  # fmt: skip
def test_damage_that_libtiff_tells_is_an_error(capfd, compression, says):
    pixels, data = bilevel(compression)
    np.testing.assert_array_equal(io.read_image(bytes(data)).pixels, pixels)
    start, length = strip_of(data)
    middle = start + length // 2
    data[middle : middle + 8] = bytes(8)
    with pytest.raises(OSError, match=f"not a readable image: it is damaged; its decoder says: .*({says})"):
        io.read_image(bytes(data))
    assert capfd.readouterr().err == ""


def test_the_damaged_fax_was_read_as_another_picture_by_the_decoder_alone(capfd):
    """What the listening is for: Pillow returns a picture, and libtiff's complaint is only on standard error."""
    pixels, data = bilevel("group4")
    start, length = strip_of(data)
    data[start + length // 2 : start + length // 2 + 8] = bytes(8)
    with Image.open(bytesio.BytesIO(bytes(data))) as image:
        assert (np.asarray(image.convert("L")) != pixels).any()
    assert "Bad code word" in capfd.readouterr().err


@pytest.mark.parametrize("tag", ["DocumentName", "Software", "MaxSampleValue"])
def test_odd_metadata_of_tiff_is_no_reason_to_refuse_it(capfd, caplog, tag):
    pixels = np.arange(60, dtype=np.uint8).reshape(6, 10)
    stream = bytesio.BytesIO()
    tifffile.imwrite(stream, pixels, extratags=[(tag, 2, 0, "some text of an odd program", True)], metadata=None)
    data = bytearray(stream.getvalue())
    with tifffile.TiffFile(bytesio.BytesIO(bytes(data))) as file:
        place = file.pages[0].tags[tag].offset
    struct.pack_into("<H", data, place + 2, 99)  # a type that does not exist
    np.testing.assert_array_equal(io.read_image(bytes(data)).pixels, pixels)
    assert capfd.readouterr().err == ""
    assert caplog.records == []


def test_a_damaged_tag_that_the_pixels_need_is_an_error():
    """tifffile drops the tag, tells it in its log, and would return the differences as the picture."""
    pixels = np.arange(3000, dtype=np.uint16).reshape(30, 100)
    stream = bytesio.BytesIO()
    tifffile.imwrite(stream, pixels, compression="zlib", predictor=True)
    data = bytearray(stream.getvalue())
    with tifffile.TiffFile(bytesio.BytesIO(bytes(data))) as file:
        place = file.pages[0].tags["Predictor"].offset
    np.testing.assert_array_equal(io.read_image(bytes(data)).pixels, pixels)
    struct.pack_into("<H", data, place + 2, 99)
    with pytest.raises(OSError, match=r"its decoder says: tifffile: .*TiffTag 317 .*invalid data type 99"):
        io.read_image(bytes(data))


def test_bytes_behind_the_pixels_of_a_png_are_no_damage(capfd):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 3, 1, 8, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\1\2\3") + b"more")
    assert io.read_image(data + chunk(b"IEND", b"")).pixels.tolist() == [[1, 2, 3]]
    assert capfd.readouterr().err == ""


def mp3():
    if "MP3" not in soundfile.available_formats():
        pytest.skip("this libsndfile writes no MP3")
    samples = (np.sin(np.arange(40_000) / 20) * 0.6).astype(np.float32)
    stream = bytesio.BytesIO()
    soundfile.write(stream, samples, 44100, format="MP3")
    return bytearray(stream.getvalue())


def test_damage_that_the_decoder_of_mp3_tells_is_an_error(capfd):
    data, random, errors = mp3(), np.random.default_rng(1), []
    for _ in range(60):
        damaged = data.copy()
        for place in random.integers(200, len(data), 12):
            damaged[place] ^= 1 << random.integers(8)
        try:
            io.read_audio(bytes(damaged))
        except OSError as error:
            errors.append(str(error))
    assert any("its decoder says: [" in text for text in errors)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("begin", [b"", bytes(100), b"ID3\4\0\0\0\0\0\0"])
def test_sounds_that_are_none_say_nothing(capfd, begin):
    """libmpg123 is asked for whatever begins like no other kind, and tells what it looks for."""
    random = np.random.default_rng(2)
    for data in (begin + bytes(mp3()[3000:9000]), begin + random.bytes(5000), begin + b"\xff\xfb" * 3000):
        try:
            io.read_audio(data)
        except (OSError, ValueError) as error:
            assert str(error).startswith("what the bytes hold")  # noqa: PT017 - some of it can be read
    assert capfd.readouterr().err == ""


def test_tags_behind_a_sound_are_no_damage(capfd):
    data = bytes(mp3())
    clean = io.read_audio(data)
    np.testing.assert_array_equal(io.read_audio(data + b"TAG" + bytes(125)).samples, clean.samples)
    assert capfd.readouterr().err == ""


def test_places_that_are_none_print_no_traceback(capfd):
    stream = bytesio.BytesIO()
    soundfile.write(stream, np.zeros(500), 8000, format="AIFF")
    data = bytearray(stream.getvalue())
    for place in range(12, 60):
        for value in (0x80, 0xFF):
            damaged = data.copy()
            damaged[place] = value
            try:
                io.read_audio(bytes(damaged))
            except (OSError, ValueError) as error:
                assert str(error).startswith("what the bytes hold")  # noqa: PT017 - some of it does no harm
    assert capfd.readouterr().err == ""


# ------------------------------------------------------------------------------------------ the listening itself


def test_what_others_write_meanwhile_is_passed_on(capfd):
    with chatter.hushed(libraries=True) as said:
        os.write(2, b"progress 50 %\nFax4Decode: Bad code word at line 3.\nValueError: of another thread.\n")
    assert said == ["Fax4Decode: Bad code word at line 3."]
    assert capfd.readouterr().err == "progress 50 %\nValueError: of another thread.\n"


def test_standard_error_is_back_after_an_exception(capfd):
    with pytest.raises(KeyboardInterrupt), chatter.hushed(libraries=True):
        raise KeyboardInterrupt
    os.write(2, b"heard again")
    assert capfd.readouterr().err == "heard again"


CLOSED = (
    IO_ALONE
    + """
import os, sys
os.close(2)
data = open(sys.argv[1], "rb").read()
for _ in range(3):
    try:
        io.read_image(data)
    except OSError as error:
        print("Bad code word" in str(error))
try:
    os.fstat(2)
except OSError:
    print("still closed")
"""
)


def test_a_closed_standard_error_stays_closed(tmp_path):
    _, data = bilevel("group4")
    start, length = strip_of(data)
    data[start + length // 2 : start + length // 2 + 8] = bytes(8)
    (tmp_path / "a.tif").write_bytes(data)
    command = [sys.executable, "-c", CLOSED, str(tmp_path / "a.tif")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout.split("\n") == ["True"] * 3 + ["still closed", ""]


def test_threads_listen_each_for_themselves(caplog):
    """One thread's notes are neither another's errors nor lost, and everybody else's log goes on."""
    heard = {}

    def read(name, message):
        with chatter.hushed() as said:
            barrier.wait()
            logging.getLogger("tifffile").warning(message)
            barrier.wait()
        heard[name] = said

    barrier = threading.Barrier(2)
    threads = [threading.Thread(target=read, args=(n, f"message {n}")) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == {0: ["tifffile: message 0"], 1: ["tifffile: message 1"]}
    assert caplog.records == []
    logging.getLogger("tifffile").warning("of a reading that is not ours")
    assert [record.getMessage() for record in caplog.records] == ["of a reading that is not ours"]


def test_filters_of_warnings_are_as_before_however_threads_overlap():
    before = list(warnings.filters)
    first, second = chatter.hushed(), chatter.hushed()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert warnings.filters == before
