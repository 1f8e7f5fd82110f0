"""What every image reader and writer shares: the image, its limits, and the refusal of odd kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .exif import orientation

MAX_PIXELS = 2**30
"""Images of more pixels than this are refused, as a guard against decompression bombs."""


@dataclass(frozen=True, eq=False)
class ImageFile:
    """An image as its file stores it.

    Attributes:
        pixels: (H, W) gray or (H, W, C), uint8 or uint16; C = 2 gray and alpha, 3 RGB, 4 RGBA. Not rotated:
            the stored layout and the EXIF orientation both survive a round trip.
        format: Pillow's name of the format, such as "PNG" or "JPEG".
        exif: the EXIF block, from its "II" or "MM" on, or None. Of a TIFF: its descriptive, EXIF and GPS
            tags.
        icc_profile: the ICC colour profile, or None.
        dpi: (horizontal, vertical) pixels per inch, or None.
        xmp: the XMP packet (XML), or None.
        png_chunks: (type, body) of a PNG's colour and text chunks, which only another PNG can hold.
    """

    pixels: np.ndarray
    format: str
    exif: bytes | None = None
    icc_profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    xmp: bytes | None = None
    png_chunks: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def orientation(self) -> int:
        """EXIF orientation 1 to 8, read from `exif`; 1 (as stored) if there is none."""
        return orientation(self.exif)


class RefusedError(ValueError):
    """An intact file of a kind that is not handled (as opposed to a broken file)."""


def check_size(height: int, width: int) -> None:
    """Refuse more than `MAX_PIXELS`, before they are decoded."""
    if height * width > MAX_PIXELS:
        raise RefusedError(f"{height} x {width} pixels are more than the {MAX_PIXELS} allowed; cut it into parts")


def plausible_dpi(dpi: tuple[Any, Any]) -> tuple[float, float] | None:
    """The resolution as two floats, or None where it is nonsense."""
    x, y = float(dpi[0]), float(dpi[1])
    return (x, y) if 0 < x < 1e6 and 0 < y < 1e6 else None
