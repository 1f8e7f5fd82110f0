"""Write a picture with the metadata of the one that it came from, as it is to be seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np

from .exif import bare_exif, exif_block, exif_tree, upright_exif
from .formats import IMAGE_FORMATS, format_name
from .image import ImageFile, plausible_dpi
from .names import PathLike
from .pillow import pillow_pixels
from .read import read_image
from .source import Source, is_stream
from .write import write_image
from .xmp import upright_xmp

_TRANSPOSED = (5, 6, 7, 8)  # EXIF orientations of pictures that lie on their side


def save(
    image: Any,
    path: PathLike | BinaryIO,
    like: Source | ImageFile | Any | None = None,
    *,
    quality: int = 95,
    format: str | None = None,
    metadata: str = "keep",
    upright: bool | None = None,
) -> None:
    """Write a picture, keeping EXIF, colour profile, dpi and XMP of the one that it came from.

    The pixels are written as the picture is to be seen, and its orientation is reset, in EXIF and in XMP: every program
    then shows it rightly. `write_image` says what else happens to the metadata.

    Args:
        image: PIL image; array (H, W) or (H, W, C); tensor (C, H, W) or (H, W); or an `ImageFile`. uint8 or uint16, or
            floats in [0, 1], which become 16 bits where `like` has 16 and the format can hold them, and else 8.
        path: see `write_image`.
        like: the picture whose metadata is carried over: a file's name, its content, a file opened with "rb", an
            `ImageFile` or a PIL image. Default: a PIL image's or an `ImageFile`'s own; arrays and tensors have none.
        quality: see `write_image`.
        format: see `write_image`.
        metadata: see `write_image`.
        upright: whether the pixels lie as the picture is to be seen, or as a file of the EXIF orientation of `like`
            stores them. Default: of a PIL image that has EXIF, its own orientation tells; all others lie as `like`
            does, as results of this library do, and what NumPy makes of an opened PIL image. OpenCV turns what it
            reads: say True.

    Raises:
        ValueError: the picture or what is asked for cannot be written, or `upright` must be given, since the shape of
            the pixels contradicts the orientation of `like`.
        OSError: `like` cannot be read, or the file cannot be written.
        TypeError: `image` or `like` is of another kind.

    Examples:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "ramp.png")
        ...     save(np.linspace(0, 1, 6).reshape(2, 3), path)
        ...     read_image(path).pixels.tolist()
        [[0, 51, 102], [153, 204, 255]]
    """
    known = None if like is None else _as_file(like)
    own = _as_file(image) if _is_pil(image) or isinstance(image, ImageFile) else None
    kind = IMAGE_FORMATS[format_name(path, format)]
    deep = kind.deep and known is not None and known.pixels.dtype == np.uint16
    pixels = _levels(_array(image), deep=deep) if own is None else own.pixels
    source = known or own or ImageFile(pixels, "")
    # Which way the pixels lie may be known from another picture than the metadata.
    teller = own if upright is None and own is not None and own.exif is not None else source
    if upright is None and known is not None and teller is known:
        _check_shape(pixels.shape, known)
    pixels = pixels if upright else _turned(pixels, teller.orientation)
    found = replace(upright_image(source), pixels=pixels, jpeg=None)
    write_image(path, pixels, like=found, quality=quality, format=format, metadata=metadata)


def upright_image(image: ImageFile) -> ImageFile:
    """Return an image as it is to be seen: its pixels turned, and its orientation reset in EXIF and XMP."""
    orientation = image.orientation
    dpi = image.dpi[::-1] if image.dpi and orientation in _TRANSPOSED else image.dpi
    return replace(
        image,
        pixels=_turned(image.pixels, orientation),
        exif=upright_exif(image.exif),
        xmp=upright_xmp(image.xmp),
        dpi=dpi,
        jpeg=image.jpeg if orientation == 1 else None,
    )


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Return pixels of an EXIF orientation as they are to be seen."""
    pixels = pixels.swapaxes(0, 1) if orientation in _TRANSPOSED and pixels.ndim > 1 else pixels
    pixels = pixels[::-1] if orientation in (3, 4, 7, 8) else pixels
    return pixels[:, ::-1] if orientation in (2, 3, 6, 7) else pixels


def _is_pil(image: Any) -> bool:
    return callable(getattr(image, "getbands", None))


def _as_file(image: Any) -> ImageFile:
    """Return a picture that has metadata, as its file has it."""
    if isinstance(image, ImageFile):
        return image
    if not _is_pil(image):
        if isinstance(image, (str, bytes, bytearray, memoryview)) or hasattr(image, "__fspath__") or is_stream(image):
            return read_image(image)
        kind = type(image).__name__
        raise TypeError(f"like is the name of a file, its content, an ImageFile or a PIL image; got {kind}")
    pixels = _pil_pixels(image)  # first, since Pillow turns a TIFF as it is loaded, and its EXIF with it
    exif = bare_exif(image.info.get("exif"))
    if exif is None and len(found := image.getexif()):  # as of a TIFF, whose own directory holds it
        exif = exif_block(exif_tree(bare_exif(found.tobytes()) or b""), "<" if found.endian == "<" else ">")
    dpi, xmp = image.info.get("dpi"), image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    return ImageFile(
        pixels,
        getattr(image, "format", None) or "",
        exif=exif,
        icc_profile=image.info.get("icc_profile") or None,
        dpi=plausible_dpi(dpi) if dpi else None,
        xmp=xmp.encode() if isinstance(xmp, str) else xmp or None,
    )


def _pil_pixels(image: Any) -> np.ndarray:
    if image.mode.startswith("I"):  # 16 bits, which older files have in 32
        values = np.asarray(image)
        if values.size and (values.min() < 0 or values.max() > 65535):
            raise ValueError(f"the PIL image of mode {image.mode} has values beyond 0 to 65535: scale it to that range")
        return values.astype(np.uint16)
    return pillow_pixels(image)


def _array(image: Any) -> np.ndarray:
    """Return an array (H, W[, C]) of an array or a tensor (C, H, W)."""
    if isinstance(image, np.ma.MaskedArray):
        raise TypeError("a masked array has holes, which no image file can hold: fill them, with image.filled(0)")
    if isinstance(image, np.ndarray):
        return image
    if not callable(getattr(image, "detach", None)):
        kind = type(image).__name__
        raise TypeError(f"the picture is a PIL image, an array, a tensor or an ImageFile; got {kind}")
    tensor = image.detach().cpu()
    array = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    if array.ndim == 3 and array.shape[0] > 4:
        raise ValueError(f"a tensor is (C, H, W) or (H, W) with 1 to 4 channels; got shape {array.shape}")
    return np.moveaxis(array, 0, -1) if array.ndim == 3 else array


def _levels(array: np.ndarray, *, deep: bool) -> np.ndarray:
    """Return floats in [0, 1] as levels of 8 or 16 bits; all else as it is."""
    if array.dtype.kind != "f":
        return array
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    # What interpolation adds at edges is cut off; a range such as 0 to 255 is a mistake.
    if not -0.5 <= low <= high <= 1.5:
        raise ValueError(f"floats of a picture are from 0 to 1; got {low:g} to {high:g}: scale them, or round to uint8")
    most, dtype = (65535, np.uint16) if deep else (255, np.uint8)
    return np.rint(array.clip(0, 1).astype(np.float64) * most).astype(dtype)


def _check_shape(shape: tuple[int, ...], like: ImageFile) -> None:
    """Refuse pixels that, by their shape, seem to lie as the picture is seen while `like` lies on its side."""
    height, width = like.pixels.shape[:2]
    if like.orientation in _TRANSPOSED and len(shape) > 1 and height != width:
        ratio = (shape[0] / max(1, shape[1])) / (height / width)
        if abs(np.log(ratio * (height / width) ** 2)) < 0.02 < abs(np.log(ratio)):
            raise ValueError(
                f"the pixels, {shape[0]} x {shape[1]}, have the shape of the picture as it is seen, but those of "
                f"`like`, {height} x {width}, lie on their side: say upright=True if they need no turning, else False"
            )
