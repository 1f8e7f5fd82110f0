"""The formats of image files that are written: what each can hold, and its encoder."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from .image import ImageFile
from .jpegxl import can_write_jpegxl, encode_jpegxl
from .names import PathLike, check_name, shown
from .pillow import can_write_avif, encode_avif, encode_bmp, encode_jpeg, encode_tga, encode_webp
from .png import encode_png
from .pnm import encode_pnm
from .tiff import MAX_TIFF_BYTES, encode_tiff


def _always() -> bool:
    return True


@dataclass(frozen=True)
class ImageFormat:
    """What a format can hold, and the function `encode(image, quality) -> bytes`.

    Attributes:
        extensions: the endings of its file names, lower case, with the dot.
        encode: returns the bytes of a file; lossless formats do not use the quality.
        alpha: whether the format can hold an alpha channel.
        deep: whether the format can hold 16 bits.
        gray: whether the format holds gray as gray.
        exif: whether the format can hold EXIF, and its readers turn the picture as that says.
        profile: whether the format can hold a colour profile.
        max_side: the largest height and width in pixels.
        max_bytes: the largest number of bytes of pixels, or None for no limit.
        max_metadata: the largest number of bytes of EXIF or of XMP, or None for no limit.
        available: returns whether the libraries that are installed can write it.
    """

    extensions: tuple[str, ...]
    encode: Callable[[ImageFile, int], bytes]
    alpha: bool = True
    deep: bool = False
    gray: bool = True
    exif: bool = True
    profile: bool = True
    max_side: int = 2**31 - 1
    max_bytes: int | None = None
    max_metadata: int | None = None
    available: Callable[[], bool] = _always


def format_name(path: PathLike | BinaryIO, name: str | None) -> str:
    """Return the key of `IMAGE_FORMATS` that is `name` or, if that is None, belongs to the extension of `path`.

    Raises:
        ValueError: there is no such format, or `path` is an open file, of which only `name` can tell.
    """
    if name is not None:
        if not isinstance(name, str) or name not in IMAGE_FORMATS:
            raise ValueError(f"unknown image format {name!r}: choose one of {', '.join(IMAGE_FORMATS)}")
        return name
    if callable(getattr(path, "write", None)):
        raise ValueError(f"an open file does not say its format: give format=, one of {', '.join(IMAGE_FORMATS)}")
    file = check_name(path)
    extension = os.path.splitext(file)[1].lower()
    for name, kind in IMAGE_FORMATS.items():
        if extension in kind.extensions:
            return name
    allowed = ", ".join(extension for kind in IMAGE_FORMATS.values() for extension in kind.extensions)
    problem = f"unknown image extension {extension!r}" if extension else "no extension"
    raise ValueError(f"cannot write {shown(file)}: {problem}; use one of {allowed}")


IMAGE_FORMATS = {
    "PNG": ImageFormat((".png",), encode_png, deep=True),
    "TIFF": ImageFormat((".tif", ".tiff"), encode_tiff, deep=True, max_bytes=MAX_TIFF_BYTES),
    "JPEG": ImageFormat((".jpg", ".jpeg"), encode_jpeg, alpha=False, max_side=65500, max_metadata=65500),
    "WEBP": ImageFormat((".webp",), encode_webp, gray=False, max_side=16383),
    "BMP": ImageFormat((".bmp",), encode_bmp, alpha=False, exif=False, profile=False),
    "AVIF": ImageFormat((".avif",), encode_avif, gray=False, max_side=65535, available=can_write_avif),
    # Its readers turn a picture as its header says, and not as its EXIF does.
    "JPEG XL": ImageFormat(
        (".jxl",), encode_jpegxl, deep=True, exif=False, profile=False, max_side=2**30, available=can_write_jpegxl
    ),
    "TGA": ImageFormat((".tga",), encode_tga, exif=False, profile=False, max_side=65535),
    "PNM": ImageFormat((".ppm", ".pgm", ".pnm"), encode_pnm, alpha=False, deep=True, exif=False, profile=False),
}
