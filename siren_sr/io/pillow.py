"""Pillow reads and writes JPEG, WebP, AVIF, BMP and TGA files of 8 bits; it reads GIF and some kinds of TIFF."""

from __future__ import annotations

import importlib
import io
from typing import Any

import numpy as np

from .exif import bare_exif
from .image import ImageFile, RefusedError, check_size, plausible_dpi

_PLUGINS = {
    "JPEG": ("JpegImagePlugin", "JpegImageFile"),
    "WEBP": ("WebPImagePlugin", "WebPImageFile"),
    "BMP": ("BmpImagePlugin", "BmpImageFile"),
    "GIF": ("GifImagePlugin", "GifImageFile"),
    "AVIF": ("AvifImagePlugin", "AvifImageFile"),
    "TIFF": ("TiffImagePlugin", "TiffImageFile"),
    "TGA": ("TgaImagePlugin", "TgaImageFile"),
}
# A picture of each of Pillow's modes is read in the first mode without transparency and in the second with it.
_MODES = {
    "1": ("L", "LA"),
    "L": ("L", "LA"),
    "LA": ("LA", "LA"),
    "P": ("RGB", "RGBA"),
    "PA": ("RGBA", "RGBA"),
    "RGB": ("RGB", "RGBA"),
    "RGBX": ("RGB", "RGB"),
    "RGBA": ("RGBA", "RGBA"),
    "RGBa": ("RGBA", "RGBA"),
    "YCbCr": ("RGB", "RGB"),
}


def read_with_pillow(data: bytes, name: str) -> ImageFile:
    """Decode a whole file of the format `name`, a key of `_PLUGINS`."""
    if name == "AVIF" and (at := data.find(b"av1C")) >= 0 and data[at + 6] & 0x40:
        raise RefusedError("AVIF of more than 8 bits is not supported: convert it to 16-bit PNG or TIFF")
    module, plugin = _PLUGINS[name]
    # The plugin's class is called rather than Image.open, whose size limit is a global setting and gives a warning.
    with getattr(importlib.import_module(f"PIL.{module}"), plugin)(io.BytesIO(data)) as image:
        bytes_per_pixel = 2 if image.mode in ("1", "L") else 8  # Pillow has its own copy, of four bytes for colour
        check_size(image.height, image.width, bytes_per_pixel)
        if name != "TIFF" and getattr(image, "n_frames", 1) > 1:
            raise RefusedError(f"it holds {image.n_frames} frames; only single images are supported")
        pixels = pillow_pixels(image)
        info = image.info
    dpi = info.get("dpi")
    return ImageFile(
        pixels,
        name,
        exif=bare_exif(info.get("exif")),
        icc_profile=info.get("icc_profile") or None,
        dpi=plausible_dpi(dpi) if dpi else None,
        xmp=info.get("xmp") or None,
        jpeg=data if name == "JPEG" else None,
    )


def pillow_pixels(image: Any) -> np.ndarray:
    """Return the pixels of a PIL image of 8 bits: gray or RGB, with alpha where it has transparency.

    Raises:
        RefusedError: its mode is none of `_MODES`.
    """
    modes = _MODES.get(image.mode)
    if modes is None:
        raise RefusedError(f"{image.mode} images are not supported: convert it to gray or RGB of 8 or 16 bits")
    mode = modes[image.has_transparency_data]
    image.load()
    return _as_array(image, mode)


def _as_array(image: Any, mode: str) -> np.ndarray:
    """Return a picture's pixels in a mode, converted in bands, since Pillow makes several copies on the way."""
    from PIL.Image import Resampling

    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
    pixels = np.empty((image.height, image.width, channels)[: 2 if channels == 1 else 3], np.uint8)
    rows = max(1, 2**18 // image.width)
    for top in range(0, image.height, rows):
        stop = min(top + rows, image.height)
        # It has the band's own size, so that the pixels are copied. `crop` would obey Pillow's size limit, which is a
        # global setting.
        band = image.resize((image.width, stop - top), Resampling.NEAREST, box=(0, top, image.width, stop))
        pixels[top:stop] = np.asarray(band if band.mode == mode else band.convert(mode))
    return pixels


def _encode(pixels: np.ndarray, name: str, **options: Any) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    options = {key: value for key, value in options.items() if value is not None}
    Image.fromarray(pixels).save(stream, name, **options)
    return stream.getvalue()


def encode_jpeg(image: ImageFile, quality: int) -> bytes:
    """Return the bytes of a JPEG file, with colour at full resolution."""
    dpi = image.dpi and tuple(min(round(value), 65535) for value in image.dpi)
    exif = image.exif and b"Exif\0\0" + image.exif
    beside = {"exif": exif, "icc_profile": image.icc_profile, "xmp": image.xmp, "dpi": dpi}
    return _encode(image.pixels, "JPEG", quality=quality, subsampling=0, **beside)


def encode_webp(image: ImageFile, quality: int) -> bytes:
    """Return the bytes of a WebP file, lossless at quality 100; WebP knows no gray, so that gray becomes RGB."""
    beside = {"exif": image.exif, "icc_profile": image.icc_profile, "xmp": image.xmp}
    lossless = quality == 100
    return _encode(_coloured(image.pixels), "WEBP", quality=quality, lossless=lossless, exact=lossless, **beside)


def encode_avif(image: ImageFile, quality: int) -> bytes:
    """Return the bytes of an AVIF file, with colour at full resolution; Pillow writes no gray, which becomes RGB."""
    beside = {"exif": image.exif, "icc_profile": image.icc_profile, "xmp": image.xmp}
    return _encode(_coloured(image.pixels), "AVIF", quality=quality, subsampling="4:4:4", **beside)


def can_write_avif() -> bool:
    """Return whether Pillow was built with AVIF."""
    from PIL import features

    return bool(features.check("avif"))


def _coloured(pixels: np.ndarray) -> np.ndarray:
    """Return pixels as RGB or RGBA."""
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=2)
    return pixels[..., [0, 0, 0, 1]] if pixels.shape[2] == 2 else pixels


def encode_bmp(image: ImageFile, quality: int) -> bytes:
    """Return the bytes of a BMP file; it is always lossless, so that `quality` is not used."""
    return _encode(image.pixels, "BMP", dpi=image.dpi)


def encode_tga(image: ImageFile, quality: int) -> bytes:
    """Return the bytes of a TGA file; it is always lossless, so that `quality` is not used."""
    return _encode(image.pixels, "TGA")
