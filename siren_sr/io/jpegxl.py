"""JPEG XL files are written by libjxl (through imagecodecs), in a container that holds EXIF and XMP as well."""

from __future__ import annotations

import struct

from .image import ImageFile


def can_write_jpegxl() -> bool:
    """Return whether imagecodecs was built with JPEG XL."""
    import imagecodecs

    return bool(getattr(getattr(imagecodecs, "JPEGXL", None), "available", False))


def encode_jpegxl(image: ImageFile, quality: int) -> bytes:
    """Return the bytes of a JPEG XL file, lossless at quality 100."""
    import imagecodecs

    options = {"lossless": True} if quality == 100 else {"lossless": False, "distance": _distance(quality)}
    coded = bytes(imagecodecs.jpegxl_encode(image.pixels, usecontainer=True, **options))
    # ISO/IEC 18181-2 says what the boxes are; EXIF comes after the place of its first byte.
    exif = _box(b"Exif", bytes(4) + image.exif) if image.exif else b""
    return coded + exif + (_box(b"xml ", image.xmp) if image.xmp else b"")


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def _distance(quality: int) -> float:
    """Return the distance that libjxl's JxlEncoderDistanceFromQuality has for a quality of JPEG."""
    if quality >= 30:
        return 0.1 + (100 - quality) * 0.09
    return 53 / 3000 * quality**2 - 23 / 20 * quality + 25
