"""PGM and PPM files are read and written here, since Pillow reads 16-bit colour as 8-bit and cannot write it."""

from __future__ import annotations

import re

import numpy as np

from .image import ImageFile, RefusedError, check_size

# The kind, width, height and largest value, with whitespace and comments between them, and one more whitespace.
_BLANK = rb"(?:\s|#[^\r\n]*[\r\n])+"
_HEADER = re.compile(rb"P([56])" + _BLANK + _BLANK.join([rb"(\d{1,9})"] * 3) + rb"\s")


def read_pnm(data: bytes, name: str) -> ImageFile:
    """Decode a whole binary PGM or PPM file; `name` is "PNM"."""
    found = _HEADER.match(data)
    if found is None:
        raise RefusedError("only the binary kinds of PGM and PPM (P5, P6) are supported: convert it to PNG")
    kind, width, height, full = (int(text) for text in found.groups())
    if full not in (255, 65535):
        raise RefusedError(f"its values go up to {full}; only 255 and 65535 are supported: convert it to PNG")
    channels, stored = {5: 1, 6: 3}[kind], np.dtype("u1" if full == 255 else ">u2")
    check_size(height, width, channels * stored.itemsize)
    count = height * width * channels
    if len(data) - found.end() < count * stored.itemsize:
        raise OSError("the file is cut off")
    values = np.frombuffer(data, stored, count, found.end()).astype(stored.newbyteorder("="))
    return ImageFile(values.reshape((height, width, 3) if channels == 3 else (height, width)), name)


def encode_pnm(image: ImageFile, quality: int) -> bytes:
    """Return the bytes of a PGM (gray) or PPM (RGB) file; it is always lossless, so that `quality` is not used."""
    pixels = image.pixels
    height, width = pixels.shape[:2]
    header = f"P{5 if pixels.ndim == 2 else 6}\n{width} {height}\n{np.iinfo(pixels.dtype).max}\n"
    return header.encode() + pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()
