"""Read an image: find the format of the file, call its reader, and raise one kind of error for what is broken."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable

from .audio import SOUND_SUFFIXES, AudioFile, decode_sound, is_sound
from .chatter import complain, hushed
from .image import ImageFile, RefusedError
from .pillow import read_with_pillow
from .png import read_png
from .pnm import read_pnm
from .source import Source, read_source
from .tiff import read_tiff


def read_image(source: Source) -> ImageFile:
    """Read a still image exactly as stored: PNG, TIFF, JPEG, WebP, BMP, one-frame GIF, 8-bit AVIF, TGA, PGM, PPM.

    If a JPEG holds previews or depth maps beside the picture (MPO), only the picture is read. A TIFF may hold
    reduced copies beside its one page, which are not read.

    Args:
        source: the name of a file, its content as bytes, or a file opened with "rb", such as an io.BytesIO, which
            is read from its beginning and then put back to where it was. The content decides about the format, not
            the name.

    Returns:
        The pixels and their metadata.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: the file is broken, cut off, no regular file or not an image, or its decoder reports damage.
        ValueError: the image is of a kind that is not handled (CMYK, float, animated, ...) or has more than
            `MAX_PIXELS` pixels, or the name is empty or holds a NUL character.
        MemoryError: there is not enough memory to read the image, as far as its header tells.
        TypeError: the source is none of these, or a file opened as text.

    Examples:
        >>> import io
        >>> from PIL import Image
        >>> stream = io.BytesIO()
        >>> Image.new("L", (3, 2), 7).save(stream, "PNG")
        >>> read_image(stream).pixels.tolist()
        [[7, 7, 7], [7, 7, 7]]
    """
    return _image(*read_source(source))


def read_stream(source: Source) -> ImageFile | AudioFile:
    """Read an image or a sound: the content tells which it is, or the name, where that is one that sounds have.

    Raises:
        OSError: it is neither, or see `read_image` and `read_audio`, whose other errors are raised as well.
    """
    data, text = read_source(source)
    named = isinstance(source, (str, os.PathLike)) and os.fspath(source).lower().endswith(SOUND_SUFFIXES)
    if named or (_sniff(data) is None and is_sound(data)):
        return decode_sound(data, text)
    return _image(data, text)


def _image(data: bytes, text: str) -> ImageFile:
    """Return the image in the content of a file, which an error's text calls `text`."""
    name = _sniff(data)
    if name is None:
        allowed = ", ".join(_READERS)
        problem = f"it holds none of {allowed}" if data else "the file is empty"
        problem = "it is a sound" if is_sound(data) else problem
        raise OSError(f"{text} is not a readable image: {problem}")
    try:
        if name not in _READERS:
            raise RefusedError(f"{name} images are not supported: convert it to PNG, TIFF or JPEG first")
        with hushed() as said:
            image = _READERS[name](data, name)
        complain(said)
        if 0 in image.pixels.shape or image.pixels.shape[2:] not in ((), (2,), (3,), (4,)):
            raise OSError(f"its pixels have shape {image.pixels.shape}")
        return image
    except RefusedError as reason:
        raise ValueError(f"cannot read {text}: {reason}") from None
    except MemoryError as error:
        raise MemoryError(f"not enough memory to read {text}: {error or 'cut it into parts'}") from error
    except Exception as error:  # decoders raise nearly every kind of exception on broken files
        raise OSError(f"{text} is not a readable image: {error or type(error).__name__}") from error


def _sniff(data: bytes) -> str | None:
    """Return the format that the first bytes of a file tell, or None."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        brands = data[8 : struct.unpack_from(">I", data)[0]]
        return next((name for brand, name in _BRANDS if brand in brands), None)
    found = next((name for start, name in _SIGNATURES if data.startswith(start)), None)
    return "TGA" if found is None and data.endswith(_TGA_FOOTER) else found


_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"BM", "BMP"),
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP", "JPEG 2000"),
    (b"\0\0\0\x0cJXL", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    *((b"P%d" % kind + blank, "PNM") for kind in range(1, 7) for blank in (b" ", b"\t", b"\r", b"\n", b"#")),
)
_TGA_FOOTER = b"TRUEVISION-XFILE.\0"  # the start of a TGA file says nothing that others could not say
_BRANDS = ((b"avif", "AVIF"), (b"hei", "HEIC"), (b"hev", "HEIC"), (b"mif1", "HEIC"))  # the brands of ISO media files
_READERS: dict[str, Callable[[bytes, str], ImageFile]] = {
    "PNG": read_png,
    "TIFF": read_tiff,
} | dict.fromkeys(("JPEG", "WEBP", "BMP", "GIF", "AVIF", "TGA"), read_with_pillow)
_READERS["PNM"] = read_pnm
