"""What all image readers and writers share: the image, the limit of its size, and the error for kinds not handled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .exif import orientation
from .memory import check_memory

MAX_PIXELS = 2**30
"""Images of more pixels than this are refused, as a guard against decompression bombs."""


@dataclass(frozen=True, eq=False)
class ImageFile:
    """An image as its file stores it.

    Attributes:
        pixels: (H, W) for gray, or (H, W, C) with C = 2 for gray and alpha, 3 for RGB, 4 for RGBA; uint8 or
            uint16. They are not rotated: the stored layout and the EXIF orientation survive a round trip.
        format: Pillow's name of the format, such as "PNG" or "JPEG".
        exif: the EXIF block, from its "II" or "MM" on, or None. For a TIFF it holds the descriptive, EXIF and
            GPS tags of the file.
        icc_profile: the ICC colour profile, or None.
        dpi: (horizontal, vertical) pixels per inch, or None.
        xmp: the XMP packet (XML), or None.
        png_chunks: (type, body) of a PNG's colour and text chunks, which only another PNG can hold.
        left_out: what a TIFF tells of where its pixels lie or how large they are, in words, such as
            "the georeference (GeoTIFF)", one of `LEFT_OUT`; it is not carried over.
        jpeg: the content of a JPEG file, which says more of the picture than its pixels do; else None. Where you
            replace the pixels, leave it out.
    """

    pixels: np.ndarray
    format: str
    exif: bytes | None = None
    icc_profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    xmp: bytes | None = None
    png_chunks: tuple[tuple[bytes, bytes], ...] = ()
    left_out: tuple[str, ...] = ()
    jpeg: bytes | None = field(default=None, repr=False)

    @property
    def orientation(self) -> int:
        """The EXIF orientation, 1 to 8, read from `exif`; it is 1 (as stored) if there is none."""
        return orientation(self.exif)


class RefusedError(ValueError):
    """The file is intact but of a kind that is not handled (as opposed to a broken file)."""


def check_size(height: int, width: int, bytes_per_pixel: float) -> None:
    """Refuse an image, before it is decoded, of more than `MAX_PIXELS` pixels or more bytes than memory is free.

    Args:
        height: rows of pixels.
        width: pixels in a row.
        bytes_per_pixel: how much memory decoding holds at its peak.

    Raises:
        RefusedError: it has too many pixels.
        MemoryError: too little memory is free.
    """
    if height * width > MAX_PIXELS:
        raise RefusedError(f"{height} x {width} pixels are more than the {MAX_PIXELS} allowed; cut it into parts")
    check_memory((height, width), "uint8", copies=bytes_per_pixel, what=f"for its {height} x {width} pixels")


def plausible_dpi(dpi: tuple[Any, Any]) -> tuple[float, float] | None:
    """Return the resolution as two floats, or None where it is nonsense."""
    x, y = float(dpi[0]), float(dpi[1])
    return (x, y) if 0 < x < 1e6 and 0 < y < 1e6 else None
