"""Names, bytes and open files as inputs; the texts of errors; memory that is asked for before it is needed."""

from __future__ import annotations

import io as bytesio
import os
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from alone import IO_ALONE
from PIL import Image

from siren_sr import io
from siren_sr.io import memory

PIXELS = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
SAMPLES = (np.sin(np.arange(900) / 9) * 9999).astype(np.int16)


def png_of(pixels):
    stream = bytesio.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream


def wav_of(samples):
    stream = bytesio.BytesIO()
    soundfile.write(stream, samples, 8000, format="WAV", subtype="PCM_16")
    return stream


# ------------------------------------------------------------------------------------------- bytes and open files


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, bytesio.BytesIO])
def test_bytes_are_read(kind):
    np.testing.assert_array_equal(io.read_image(kind(png_of(PIXELS).getvalue())).pixels, PIXELS)
    np.testing.assert_array_equal(io.read_audio(kind(wav_of(SAMPLES).getvalue())).samples, SAMPLES)


def test_a_stream_just_written_is_read_and_stays_where_it_was():
    stream = png_of(PIXELS)
    end = stream.tell()
    assert end > 0
    np.testing.assert_array_equal(io.read_image(stream).pixels, PIXELS)
    assert stream.tell() == end


def test_open_files_are_read(tmp_path):
    (tmp_path / "a.png").write_bytes(png_of(PIXELS).getvalue())
    (tmp_path / "a.wav").write_bytes(wav_of(SAMPLES).getvalue())
    with open(tmp_path / "a.png", "rb") as file:
        np.testing.assert_array_equal(io.read_image(file).pixels, PIXELS)
        assert file.tell() == 0
    with open(tmp_path / "a.wav", "rb", buffering=0) as file:
        np.testing.assert_array_equal(io.read_audio(file).samples, SAMPLES)


def test_what_a_pipe_gives_is_read():
    read, write = os.pipe()
    data = png_of(PIXELS).getvalue()
    os.write(write, data)
    os.close(write)
    with open(read, "rb") as file:
        np.testing.assert_array_equal(io.read_image(file).pixels, PIXELS)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX only")
def test_a_named_pipe_is_read(tmp_path):
    """As a shell makes it from `<(command)`."""
    os.mkfifo(tmp_path / "pipe")
    data = png_of(PIXELS).getvalue()
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(data))
    writer.start()
    np.testing.assert_array_equal(io.read_image(tmp_path / "pipe").pixels, PIXELS)
    writer.join()


def test_streams_that_are_no_inputs_say_why(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    for text in (bytesio.StringIO("x"), open(tmp_path / "a.txt")):  # noqa: SIM115
        with text, pytest.raises(TypeError, match="was opened as text; open it with 'rb'"):
            io.read_image(text)
    closed = bytesio.BytesIO(b"x")
    closed.close()
    with pytest.raises(ValueError, match="the file is closed; open it, or give its name"):
        io.read_image(closed)
    with open(tmp_path / "out.bin", "wb") as file, pytest.raises(TypeError, match=r"out\.bin: it gives no bytes"):
        io.read_image(file)
    for wrong in (7, None, [1]):
        with pytest.raises(TypeError, match="give the name of a file, bytes or a file opened with 'rb'; got"):
            io.read_image(wrong)
    assert not io.is_stream("a.png")
    assert not io.is_stream(Path("a.png"))
    assert io.is_stream(b"")


def test_errors_about_bytes_name_no_object_in_memory():
    for source in (b"junk", bytesio.BytesIO(b"junk")):
        for read in (io.read_image, io.read_audio):
            with pytest.raises(OSError, match=r"what the (bytes hold|BytesIO holds) is not a readable") as caught:
                read(source)
            assert "object at" not in str(caught.value)


# ---------------------------------------------------------------------------------------------------------- names


def test_names_that_cannot_be(tmp_path):
    actions = [
        io.read_image,
        io.read_audio,
        lambda name: io.write_image(name, PIXELS),
        lambda name: io.write_audio(name, SAMPLES, 8000),
        lambda name: io.check_tensors_path(name, what="a fit"),
        lambda name: io.read_tensors(name, format="x", what="a fit"),
        lambda name: io.atomic_write(name, lambda stream: None),
        io.check_folder,
    ]
    for action in actions:
        with pytest.raises(ValueError, match="the name of the file is empty: give the name of a file"):
            action("")
        with pytest.raises(ValueError, match=r"holds a NUL character, which no file name can: remove it"):
            action("a\0b.png")
    with pytest.raises(OSError, match=r"cannot write .*xxx\.png: .*choose another name"):
        io.check_writable(tmp_path / ("x" * 300 + ".png"), channels=3, dtype="uint8")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
def test_names_that_are_no_utf8_work_both_ways(tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    image, sound, fit = (folder / os.fsdecode(b"\xff." + end) for end in (b"png", b"wav", b"safetensors"))
    io.write_image(image, PIXELS)
    np.testing.assert_array_equal(io.read_image(image).pixels, PIXELS)
    io.write_audio(sound, SAMPLES, 8000)
    np.testing.assert_array_equal(io.read_audio(sound).samples, SAMPLES)
    import torch

    io.write_tensors(fit, {"a": torch.arange(3)}, {"format": "x"}, what="a fit")
    header, tensors = io.read_tensors(fit, format="x", what="a fit")
    assert (header, tensors["a"].tolist()) == ({"format": "x"}, [0, 1, 2])
    with pytest.raises(FileNotFoundError) as caught:
        io.read_image(folder / os.fsdecode(b"no\xe8.png"))
    assert str(caught.value).endswith(r"caf\xe9/no\xe8.png")
    str(caught.value).encode()  # it can be printed anywhere
    for name in (folder / os.fsdecode(b"\xff.xyz"), folder / os.fsdecode(b"\xff") / "a.png"):
        with pytest.raises((ValueError, OSError)) as caught:
            io.write_image(name, PIXELS)
        str(caught.value).encode()


# --------------------------------------------------------------------------------------------------------- memory


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="POSIX only")
@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null", "/dev/urandom"])
def test_devices_are_no_inputs(name):
    for read in (io.read_image, io.read_audio):
        with pytest.raises(OSError, match=f"cannot read {name}: it is not a regular file; copy its content into one"):
            read(name)


def test_an_endless_pipe_is_refused(monkeypatch):
    class Endless:
        def read(self, size):
            return bytes(size)

    monkeypatch.setattr(io.source, "available_memory", lambda: 2**24)
    with pytest.raises(
        MemoryError, match=r"what the Endless holds goes on after .* bytes, a quarter of the free memory"
    ):
        io.read_image(Endless())


def test_a_file_larger_than_memory_is_refused_before_it_is_read(tmp_path):
    with open(tmp_path / "a.png", "wb") as file:
        file.truncate(2**43)  # it takes no room on the disk
    with pytest.raises(MemoryError, match=r"8\.8 TB of memory are needed to read .*a\.png, .* are free"):
        io.read_image(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg", "a.webp", "a.bmp"])
def test_pictures_larger_than_memory_are_refused_from_their_headers(tmp_path, monkeypatch, name):
    io.write_image(tmp_path / name, np.zeros((400, 500, 3), np.uint8))
    free = 610_000 if name == "a.bmp" else 550_000  # it is a file of 600 138 bytes
    monkeypatch.setattr(memory, "available_memory", lambda: free)
    with pytest.raises(
        MemoryError, match=rf"not enough memory to read .*{name}: .* for its 400 x 500 pixels, {free // 1000}"
    ):
        io.read_image(tmp_path / name)
    monkeypatch.setattr(memory, "available_memory", lambda: None)  # a system that does not tell
    assert io.read_image(tmp_path / name).pixels.shape == (400, 500, 3)


def test_sounds_whose_headers_promise_too_much(monkeypatch):
    data = bytearray(wav_of(SAMPLES).getvalue())
    stream = bytesio.BytesIO()
    soundfile.write(stream, SAMPLES, 8000, format="RF64")
    promising = bytearray(stream.getvalue())
    at = promising.index(b"ds64")
    struct.pack_into("<QQQ", promising, at + 8, 2**43, 2**43 - 100, 2**42)
    with pytest.raises(OSError, match=r"its header promises \d+ samples, which cannot lie in|cut off"):
        io.read_audio(bytes(promising))
    monkeypatch.setattr(memory, "available_memory", lambda: len(data) + 1)
    with pytest.raises(MemoryError, match="of memory are needed for its samples"):
        io.read_audio(wav_of(np.repeat(SAMPLES, 3)).getvalue()[: len(data)] + bytes(10_000))


def test_an_mp3_whose_header_promises_terabytes_takes_none():
    if "MP3" not in soundfile.available_formats():
        pytest.skip("this libsndfile writes no MP3")
    stream = bytesio.BytesIO()
    soundfile.write(stream, SAMPLES, 8000, format="MP3")
    data = bytearray(stream.getvalue())
    at = max(data.find(b"Xing"), data.find(b"Info"))
    assert at > 0
    struct.pack_into(">I", data, at + 8, 2**32 - 1)  # the number of its frames
    with pytest.raises(OSError, match=r"its header promises|cut off"):
        io.read_audio(bytes(data))


@pytest.mark.parametrize("kind", [b"iCCP", b"iTXt"])
def test_bombs_in_the_metadata_of_a_png_are_left_out(kind):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    bomb = zlib.compress(bytes(2**27), 9)
    body = {b"iCCP": b"x\0\0", b"iTXt": b"XML:com.adobe.xmp\0\1\0\0\0"}[kind] + bomb
    data = png_of(PIXELS).getvalue()
    image = io.read_image(data[:33] + chunk(kind, body) * 3 + data[33:])
    np.testing.assert_array_equal(image.pixels, PIXELS)
    assert (image.icc_profile, image.xmp) == (None, None)


PEAK = (
    IO_ALONE
    + """
import re, sys
from pathlib import Path
io.read_image(sys.argv[1] + ".small")
Path("/proc/self/clear_refs").write_text("5")
before = int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
pixels = io.read_image(sys.argv[1]).pixels
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
print((peak - before) * 1024 / pixels.size)
"""
)


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="Linux only")
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp"])
def test_reading_takes_little_more_than_one_copy_beside_the_pixels(tmp_path, name):
    """Pillow's own copy has 4 bytes for 3 values, and a BMP file itself is as large as its pixels."""
    row = (np.arange(2000) % 256).astype(np.uint8)
    pixels = np.broadcast_to(row[:, None, None], (2000, 2000, 3))
    io.write_image(tmp_path / name, pixels)
    io.write_image(
        tmp_path / f"{name}.small", pixels[:40, :40], format={"a.png": "PNG", "a.jpg": "JPEG"}.get(name, "BMP")
    )
    result = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path / name)], capture_output=True, text=True, check=True
    )
    assert float(result.stdout) < {"a.png": 1.5, "a.jpg": 3, "a.bmp": 4}[name]


def test_free_memory_is_what_the_system_tells():
    free = io.available_memory()
    if free is None:
        pytest.skip("this system does not tell")
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < free <= total
    assert free <= (io.total_memory() or 0) <= total
    io.check_memory((1,), "uint8")
    with pytest.raises(MemoryError, match=r"for this, .* are free: cut it into parts"):
        io.check_memory((2**45,), "float32")
    with pytest.raises(MemoryError, match=r"^2\.0 kB of memory are needed to play, 1\.9 kB are allowed: go home$"):
        io.check_memory((10, 50), "float32", copies=1, max_memory=1900, what="to play", advice="go home")


LIMITED = (
    IO_ALONE
    + """
import resource
resource.setrlimit(resource.RLIMIT_AS, (2**34, resource.RLIM_INFINITY))
print(io.available_memory() < 2**34)
"""
)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
def test_the_own_limit_of_a_process_counts():
    result = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "True"
