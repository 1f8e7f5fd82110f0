"""Write an image: check what its format can hold, and make the metadata fit the new pixels."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np

from .atomic import check_folder, write_to
from .exif import oriented_exif, resized_exif
from .formats import IMAGE_FORMATS, format_name
from .image import ImageFile
from .names import PathLike, data_type, shown
from .xmp import resized_xmp

_log = logging.getLogger("siren_sr")


def check_writable(
    path: PathLike | BinaryIO,
    *,
    channels: int,
    dtype: Any,
    shape: tuple[int, int] | None = None,
    like: ImageFile | None = None,
    format: str | None = None,
    metadata: str = "keep",
) -> None:
    """Raise, before any computing, what `write_image` would raise after it.

    Args:
        path: the image file to be written, or a file opened with "wb".
        channels: 1 for gray, 2 for gray and alpha, 3 for RGB, 4 for RGBA.
        dtype: uint8 or uint16.
        shape: (H, W) of the image to be written, if known; some formats have a largest size.
        like: the image whose metadata will be carried over, if any.
        format: see `write_image`.
        metadata: see `write_image`.

    Raises:
        ValueError: the extension or `metadata` is unknown, or the format cannot hold such an image; the message
            names one that can.
        OSError: the folder is missing or not writable, or `path` is a folder.
    """
    name = format_name(path, format)
    check_metadata(metadata)
    like = stripped(like) if like is not None and metadata == "strip" else like
    values: np.dtype[Any] = data_type(dtype).newbyteorder("=")
    kind = IMAGE_FORMATS[name]
    if not isinstance(channels, (int, np.integer)) or channels not in (1, 2, 3, 4):
        raise ValueError(f"an image has 1 (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGBA) channels; got {channels}")
    if values not in (np.uint8, np.uint16):
        raise ValueError(f"pixels are uint8 or uint16; got {values}: scale to 0..255 or 0..65535, round and convert")
    if not kind.available():
        raise ValueError(
            f"the installed libraries cannot write {name}: write .png, or install imagecodecs and pillow anew"
        )
    if values == np.uint16 and not kind.deep:
        raise ValueError(f"{name} cannot hold 16-bit values: write .png or .tif, or convert the pixels to uint8")
    if channels in (2, 4) and not kind.alpha:
        allowed = ".png or .tif" if values == np.uint16 else ".png, .tif or .webp"
        raise ValueError(f"{name} cannot hold an alpha channel: write {allowed}, or drop the alpha channel")
    if shape is not None:
        height, width = shape
        if min(shape) < 1:
            raise ValueError(f"an image needs at least one pixel; got {height} x {width}")
        if max(shape) > kind.max_side:
            raise ValueError(f"{name} holds at most {kind.max_side} pixels a side, got {height} x {width}: write .png")
        size = height * width * channels * (1 if values == np.uint8 else 2)
        if kind.max_bytes and size > kind.max_bytes:
            raise ValueError(
                f"{name} holds at most {kind.max_bytes / 2**30:.0f} GB, "
                f"got {height} x {width} x {channels} {values}: write .png"
            )
    if like is not None:
        if like.orientation != 1 and not kind.exif:
            raise ValueError(
                f"{name} cannot hold the EXIF orientation ({like.orientation}) of the input: write .png, "
                ".tif or .jpg, or rotate the pixels and leave `like` out"
            )
        longest = max(len(resized_exif(like.exif, 1, 1) or b""), len(like.xmp or b""))
        if kind.max_metadata and longest > kind.max_metadata:
            raise ValueError(
                f"{name} cannot hold {longest} bytes of EXIF or XMP ({kind.max_metadata} at most): write .png"
            )
    if isinstance(path, (str, os.PathLike)):
        check_folder(path)


def write_image(
    path: PathLike | BinaryIO,
    pixels: np.ndarray,
    like: ImageFile | None = None,
    *,
    quality: int = 95,
    format: str | None = None,
    metadata: str = "keep",
) -> None:
    """Write an image in the format that the extension of `path` names.

    EXIF, ICC profile, dpi and XMP of `like` are carried over as far as the format can hold them (BMP holds only
    dpi). That includes where and when a photograph was taken (GPS), and by which camera; a saved `siren_sr.Fit` of
    the file holds the same EXIF and XMP, unless it was saved without them. Stale entries are corrected: EXIF and XMP
    get the new size in pixels, and the EXIF thumbnail is removed; a profile of another colour space (a gray profile
    for what is now RGB) is left out, and so is what XMP tells of a video, a gain map or a depth map that lay in the
    file beside the picture.
    The pixels are written as given: the orientation tag of `like` still applies to them. Georeferences and the
    sizes of pixels that microscopes and ImageJ store are not carried, and a warning of the logger "siren_sr" says
    so.

    Args:
        path: where to write; the extension is one of those in `IMAGE_FORMATS`. The file is written atomically. Or a
            file opened with "wb", such as an io.BytesIO, to which it is written at once; then give `format`.
        pixels: (H, W) or (H, W, C), uint8 or uint16; C in 1, 2, 3, 4. WebP stores gray as RGB.
        like: the image whose metadata is carried over, as a rule the input.
        quality: 1 to 100, for JPEG and AVIF (with colour at full resolution), WebP and JPEG XL (lossless at 100). The
            others are always lossless.
        format: a key of `IMAGE_FORMATS`, such as "PNG"; it takes the place of the format that the extension names.
        metadata: "keep" carries over what stands above; "strip" only what is needed to show the picture rightly:
            the colour profile, PNG's colour chunks, dpi and the orientation.

    Raises:
        ValueError: the shape of `pixels` or the quality cannot be used, or see `check_writable`, which raises it
            before the computing.
        OSError: see `check_writable`.
        TypeError: `pixels` is not an array.

    Examples:
        >>> import pathlib, tempfile
        >>> from siren_sr.io import read_image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "ramp.png")
        ...     write_image(path, np.arange(6, dtype=np.uint16).reshape(2, 3))
        ...     read_image(path).pixels.tolist()
        [[0, 1, 2], [3, 4, 5]]
    """
    if not isinstance(pixels, np.ndarray):
        raise TypeError(f"pixels must be a NumPy array; got {type(pixels).__name__}")
    if pixels.ndim not in (2, 3):
        raise ValueError(f"pixels must be (H, W) or (H, W, C); got shape {pixels.shape}")
    if isinstance(quality, bool) or not isinstance(quality, int) or not 1 <= quality <= 100:
        raise ValueError(f"quality is a whole number from 1 to 100; got {quality!r}")
    height, width, channels = (*pixels.shape, 1)[:3]
    check_writable(
        path,
        channels=channels,
        dtype=pixels.dtype,
        shape=(height, width),
        like=like,
        format=format,
        metadata=metadata,
    )
    kind = IMAGE_FORMATS[format_name(path, format)]
    pixels = pixels[..., 0] if pixels.shape[2:] == (1,) else pixels
    image = ImageFile(np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("=")), "")
    if like is not None:
        if metadata == "strip":
            like = stripped(like)
        elif like.left_out:
            text = "%s of the input is not carried over to %s, since it does not describe the new pixels"
            _log.warning(text, " and ".join(like.left_out), _called(path))
        if like.icc_profile and not kind.profile and not _is_srgb(like.icc_profile):
            text = (
                "the colour profile of the input is not carried over to %s, which shows its colours as sRGB: write .png"
            )
            _log.warning(text, _called(path))
        image = replace(
            like,
            pixels=image.pixels,
            exif=resized_exif(like.exif, height, width),
            icc_profile=_matching_profile(like.icc_profile, gray=channels < 3 and kind.gray),
            xmp=resized_xmp(like.xmp, height, width),
        )
    data = kind.encode(image, quality)
    write_to(path, data)


def _called(path: PathLike | BinaryIO) -> str:
    """Return what a message calls the place that is written to."""
    return shown(path) if isinstance(path, (str, os.PathLike)) else "the open file"


def _is_srgb(profile: bytes) -> bool:
    """Return whether a profile calls itself sRGB, in either of the ways in which profiles hold text."""
    return b"sRGB" in profile or "sRGB".encode("utf-16-be") in profile


def check_metadata(metadata: str) -> None:
    """Raise a ValueError if `metadata` is neither "keep" nor "strip"."""
    if metadata not in ("keep", "strip"):
        raise ValueError(f'metadata is "keep" or "strip"; got {metadata!r}')


def stripped(image: ImageFile) -> ImageFile:
    """Return an image with only that metadata which is needed to show its picture rightly.

    That is the colour profile, PNG's colour chunks, dpi and the orientation.
    """
    chunks = tuple((kind, body) for kind, body in image.png_chunks if kind not in (b"tEXt", b"zTXt", b"iTXt"))
    return replace(image, exif=oriented_exif(image.orientation), xmp=None, png_chunks=chunks, left_out=())


def _matching_profile(profile: bytes | None, *, gray: bool) -> bytes | None:
    """Return the profile if its colour space (bytes 16 to 19 of its header) fits the pixels, else None."""
    return profile if profile and profile[16:20] == (b"GRAY" if gray else b"RGB ") else None
