"""Files that `benchmarks.fuzz` damages: good ones of every format that is read, and the ways to damage them."""

from __future__ import annotations

import json
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from siren_sr import fit_signal, io

# What a header may promise: nothing, one more or less than fits a type, and amounts that no machine has.
NUMBERS = (0, 1, 2, 3, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**40, 2**63 - 1, 2**64 - 1)
# What a field of a fit's header may become.
LEAVES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 99, 20000, 10**6, 2**31, 2**63, 10**400, 0.5, -0.5, 1e300, float("nan"),
    float("inf"), "", "sine", "Siren", "TiledSiren", "uint8", "float64", "complex64", "__class__", [], [0], [1, 2],
    [10**6, 10**6], [-3, 4], [[[[]]]], {}, {"a": 1}, "x" * 1000,
)  # fmt: skip


def make(folder: Path) -> None:
    """Write one good file of each kind into a folder; they are the same every time on one machine."""
    from PIL import Image

    rng = np.random.default_rng(0)
    smooth = np.linspace(0, 1, 13 * 11 * 3).reshape(13, 11, 3)
    rgb = (255 * (0.8 * smooth + 0.2 * rng.random(smooth.shape))).astype(np.uint8)
    rgba = np.dstack([rgb, rgb[..., :1]])
    deep = (65535 * smooth).astype(np.uint16)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x8825] = 6, "a picture", {1: "N", 2: (48.0, 8.0, 0.0)}
    rich = io.ImageFile(rgb, "PNG", exif=exif.tobytes()[6:], xmp=b'<x tiff:ImageWidth="11"/>', dpi=(72.0, 72.0))
    for name in ("rgb.png", "rgb.tif", "photo.jpg", "rgb.webp"):
        io.write_image(folder / name, rgb, rich)
    io.write_image(folder / "rgb.bmp", rgb)
    for name in ("rgba.png", "rgba.tif", "rgba.webp"):
        io.write_image(folder / name, rgba)
    for name in ("gray16.png", "gray16.tif"):
        io.write_image(folder / name, deep[..., 0])
    io.write_image(folder / "deep.png", deep)
    io.write_image(folder / "deep.tif", deep)
    picture = Image.fromarray(rgb)
    palette = picture.quantize(16)
    palette.save(folder / "palette.png", transparency=3)
    palette.save(folder / "palette.gif")
    picture.convert("1").save(folder / "bits.png")
    picture.save(folder / "progressive.jpg", progressive=True, quality=80)
    for kind in ("group4", "tiff_lzw", "packbits", "tiff_adobe_deflate", "jpeg"):
        (picture.convert("1") if kind == "group4" else picture).save(folder / f"{kind}.tif", compression=kind)
    picture.save(folder / "rgb.avif")
    wave = np.sin(np.arange(900) / 9) * 0.7
    stereo = np.stack([wave, wave[::-1]], 1)
    for name, samples in (
        ("tone.wav", (32000 * wave).astype(np.int16)), ("float.wav", stereo.astype(np.float32)),
        ("tone.flac", (32000 * stereo).astype(np.int16)), ("tone.ogg", stereo.astype(np.float32)),
        ("tone.aiff", (2**30 * stereo).astype(np.int32)), ("tone.mp3", wave.astype(np.float32)),
    ):  # fmt: skip
        io.write_audio(folder / name, samples, 8000)
    small: dict[str, Any] = {"hidden_features": 4, "hidden_layers": 1, "steps": 1}
    fit_signal(torch.linspace(0, 1, 126).reshape(3, 6, 7), **small).save(folder / "fit.safetensors")
    fit_signal(np.sin(np.arange(50.0)), **small).save(folder / "line.safetensors")
    fit_signal(str(folder / "photo.jpg"), **small).save(folder / "photo.safetensors")
    fit_signal(torch.linspace(0, 1, 81).reshape(1, 9, 9), tiles=True, steps=1).save(folder / "tiles.safetensors")


def damaged(name: str, data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Return a file with one to three kinds of damage; ``other`` is a file whose parts may come in."""
    if name.endswith(".safetensors") and rng.random() < 0.6:
        return header_changed(data, rng)
    for _ in range(rng.choice((1, 1, 2, 3))):
        data = rng.choice((_bits, _cut, _number, _number, _moved, _spliced, _zeroed))(data, other, rng)
    return checksums_mended(data) if name.endswith(".png") and rng.random() < 0.7 else data


def _place(data: bytes | bytearray, rng: random.Random) -> int:
    """A place in a file, in its first 100 bytes as often as in all the others, since headers are there."""
    return rng.randrange(min(len(data), 100 if rng.random() < 0.5 else len(data)) or 1)


def _bits(data: bytes, other: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data or b"\0")
    for _ in range(rng.randint(1, 8)):
        changed[_place(changed, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(data: bytes, other: bytes, rng: random.Random) -> bytes:
    return data[: _place(data, rng)]


def _number(data: bytes, other: bytes, rng: random.Random) -> bytes:
    size, at = rng.choice((1, 2, 4, 4, 8)), _place(data, rng)
    number = (rng.choice(NUMBERS) % 256**size).to_bytes(size, rng.choice(("little", "big")))
    return data[:at] + number + data[at + size :]


def _moved(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Take a part out, or put it in once more at another place."""
    start = _place(data, rng)
    part, to = data[start : start + rng.randint(1, 64)], _place(data, rng)
    return data[:start] + data[start + len(part) :] if rng.random() < 0.5 else data[:to] + part + data[to:]


def _spliced(data: bytes, other: bytes, rng: random.Random) -> bytes:
    at = _place(data, rng)
    return data[:at] + other[min(at, len(other)) :]


def _zeroed(data: bytes, other: bytes, rng: random.Random) -> bytes:
    start, length = _place(data, rng), rng.choice((1, 4, 16, 200))
    return data[:start] + bytes(min(length, len(data) - start)) + data[start + length :]


def checksums_mended(data: bytes) -> bytes:
    """Return a PNG whose chunks have right checksums, so that a decoder looks at what is in them."""
    parts, at = [data[:8]], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if at + 12 + length > len(data):
            break
        body = data[at + 4 : at + 8 + length]
        parts.append(data[at : at + 4] + body + struct.pack(">I", zlib.crc32(body)))
        at += 12 + length
    return b"".join([*parts, data[at:]])


def header_changed(data: bytes, rng: random.Random) -> bytes:
    """Return a fit with one or two fields of its header changed, removed or added; the file is otherwise whole."""
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    own = json.loads(header["__metadata__"]["siren_sr"])
    for _ in range(rng.choice((1, 1, 2))):
        _change(own if rng.random() < 0.8 else header, rng)
    if "__metadata__" in header and isinstance(header["__metadata__"], dict):
        try:
            text = json.dumps(own)
        except ValueError:  # a part that was put into itself is no text
            text = _deep(rng)
        header["__metadata__"]["siren_sr"] = _deep(rng) if rng.random() < 0.03 else text
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def _deep(rng: random.Random) -> str:
    depth = rng.choice((900, 5000, 200000))
    return "[" * depth + "]" * depth


def _change(node: Any, rng: random.Random) -> None:
    """Change one entry somewhere below a node."""
    keys = list(node) if isinstance(node, dict) else list(range(len(node)))
    if not keys:
        return
    key = rng.choice(keys)
    inside = node[key]
    if isinstance(inside, (dict, list)) and inside and rng.random() < 0.85:
        _change(inside, rng)
    elif rng.random() < 0.15:
        del node[key]
    else:
        node[key] = rng.choice(LEAVES)
