"""Files in and out: images and sounds as NumPy arrays exactly as stored, with what travels beside them.

Nothing is lost in silence. What a format cannot hold is refused, before any computing if `check_writable` is
asked, and a file appears whole or not at all (`atomic_write`).

Colour is never converted: 8 bit stays 8 bit and 16 stays 16, gray stays gray, alpha stays unpremultiplied.
Palettes become RGB (RGBA if they hold transparency) and 1-bit images become gray 0 and 255. CMYK, float and
32-bit images, animations and many-page files are refused.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import itertools
import os
import re
import secrets
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

PathLike = str | os.PathLike[str]

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
        with contextlib.suppress(struct.error, KeyError):
            order, entries, _ = _read_ifd(self.exif or b"")
            value = _integer(entries[_ORIENTATION], order)
            return value if 1 <= value <= 8 else 1
        return 1


@dataclass(frozen=True, eq=False)
class AudioFile:
    """A sound as its file stores it.

    Attributes:
        samples: (T,) mono or (T, C); int16 (16 bits or fewer), int32 (24 bits in the upper three bytes, or
            32), float32 or float64; lossy formats give float32.
        sample_rate: samples per second and channel.
        subtype: libsndfile's name of the coding, such as "PCM_16".
        format: libsndfile's name of the container, such as "WAV".
    """

    samples: np.ndarray
    sample_rate: int
    subtype: str
    format: str


class _RefusedError(ValueError):
    """An intact file of a kind that is not handled (as opposed to a broken file)."""


# ---------------------------------------------------------------------------------------------------- writing


def atomic_write(path: PathLike, write: Callable[[BinaryIO], object]) -> None:
    """Write a file whole or not at all.

    `write` fills a temporary file in the folder of `path`, which then replaces `path` in one step. On any
    exception, KeyboardInterrupt included, the temporary file is removed and an existing file is untouched. Of
    a symbolic link the file it points to is replaced. A replaced file's permissions are kept; a new file
    follows the umask.

    Args:
        path: the file to write.
        write: called once with a binary file open for reading and writing.

    Raises:
        OSError: the folder is missing or not writable, the disk is full, ...; the message says which and what
            to do.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     target = pathlib.Path(folder, "note.txt")
        ...     atomic_write(target, lambda stream: stream.write(b"whole"))
        ...     target.read_bytes()
        b'whole'
    """
    target = _target(path)
    temporary = target.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        try:
            with open(temporary, "x+b") as stream:
                write(stream)
                stream.flush()
                os.fsync(stream.fileno())
            if target.exists():
                os.chmod(temporary, target.stat().st_mode & 0o7777)
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        message = (
            f"cannot write {target}: {error.strerror or error}; free some space or choose another folder "
            "(no partial file was left, and an existing file is unchanged)"
        )
        raise (OSError(error.errno, message) if error.errno else OSError(message)) from error


def _target(path: PathLike) -> Path:
    """The real file behind `path`, after the checks that need no writing."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(f"cannot write {target}: it is a folder; give the name of a file in it")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"cannot write {target}: there is no folder {target.parent}; create it first")
    if target.exists() and not target.is_file():  # a device or a pipe: replacing it would destroy it
        raise OSError(f"cannot write {target}: it is not a regular file; choose another name")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(f"cannot write {target}: the existing file is read-only; choose another name")
    return target


def check_folder(path: PathLike) -> None:
    """Raise what `atomic_write` would: a temporary file is made and removed, as access bits can mislead."""
    target = _target(path)
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        message = f"cannot write {target}: {error.strerror or error}; choose a folder that you can write to"
        raise OSError(error.errno, message) from error


def check_writable(
    path: PathLike,
    *,
    channels: int,
    dtype: Any,
    shape: tuple[int, int] | None = None,
    like: ImageFile | None = None,
    format: str | None = None,
) -> None:
    """Raise, before the computing, what `write_image` would raise after it.

    Args:
        path: the image file to be written.
        channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA.
        dtype: uint8 or uint16.
        shape: (H, W) of the image to be written, if known; some formats have a largest size.
        like: the image whose metadata will be carried over, if any.
        format: see `write_image`.

    Raises:
        ValueError: the extension is unknown, or the format cannot hold such an image; the message names one
            that can.
        OSError: the folder is missing or not writable, or `path` is a folder.
    """
    name = _format_name(path, format)
    values: np.dtype[Any] = np.dtype(dtype).newbyteorder("=")
    kind = IMAGE_FORMATS[name]
    if channels not in (1, 2, 3, 4):
        raise ValueError(
            f"an image has 1 (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGBA) channels; got {channels}"
        )
    if values not in (np.uint8, np.uint16):
        raise ValueError(
            f"pixels are uint8 or uint16; got {values}: scale to 0..255 or 0..65535, round and convert"
        )
    if values == np.uint16 and not kind.deep:
        raise ValueError(
            f"{name} cannot hold 16-bit values: write .png or .tif, or convert the pixels to uint8"
        )
    if channels in (2, 4) and not kind.alpha:
        allowed = ".png or .tif" if values == np.uint16 else ".png, .tif or .webp"
        raise ValueError(f"{name} cannot hold an alpha channel: write {allowed}, or drop the alpha channel")
    if shape is not None:
        height, width = shape
        if min(shape) < 1:
            raise ValueError(f"an image needs at least one pixel; got {height} x {width}")
        if max(shape) > kind.max_side:
            raise ValueError(
                f"{name} holds at most {kind.max_side} pixels a side, got {height} x {width}: write .png"
            )
        if name == "TIFF" and height * width * channels * (1 if values == np.uint8 else 2) > _MAX_TIFF_BYTES:
            raise ValueError(
                f"TIFF holds at most 4 GB, got {height} x {width} x {channels} {values}: write .png"
            )
    if like is not None:
        if like.orientation != 1 and not kind.exif:
            raise ValueError(
                f"{name} cannot hold the EXIF orientation ({like.orientation}) of the input: write .png, "
                ".tif or .jpg, or rotate the pixels and leave `like` out"
            )
        longest = max(len(_resized_exif(like.exif, 1, 1) or b""), len(like.xmp or b""))
        if name == "JPEG" and longest > _MAX_JPEG_SEGMENT:
            raise ValueError(
                f"JPEG cannot hold {longest} bytes of EXIF or XMP ({_MAX_JPEG_SEGMENT} at most): write .png"
            )
    check_folder(path)


def write_image(
    path: PathLike,
    pixels: np.ndarray,
    like: ImageFile | None = None,
    *,
    quality: int = 95,
    format: str | None = None,
) -> None:
    """Write an image; the extension of `path` says the format.

    EXIF, ICC profile, dpi and XMP of `like` are carried over as far as the format holds them (BMP: dpi only).
    Stale entries are corrected: EXIF and XMP get the new size in pixels and the EXIF thumbnail is removed; a
    profile of another colour space (a gray profile for what is now RGB) is left out. The pixels are written
    as given: `like`'s orientation tag still applies to them.

    Args:
        path: where to write; .png, .tif, .tiff, .jpg, .jpeg, .webp or .bmp. Written atomically.
        pixels: (H, W) or (H, W, C), uint8 or uint16; C in 1, 2, 3, 4. WebP stores gray as RGB.
        like: the image whose metadata to carry over, as a rule the input's.
        quality: 1 to 100, for JPEG (colour at full resolution) and WebP (100: lossless). PNG, TIFF and BMP
            are always lossless.
        format: "PNG", "TIFF", "JPEG", "WEBP" or "BMP", instead of the extension's.

    Raises:
        ValueError, OSError: see `check_writable`, which says so before the computing.
        TypeError: `pixels` is not an array.

    Example:
        >>> import pathlib, tempfile
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
        path, channels=channels, dtype=pixels.dtype, shape=(height, width), like=like, format=format
    )
    kind = IMAGE_FORMATS[_format_name(path, format)]
    pixels = pixels[..., 0] if pixels.shape[2:] == (1,) else pixels
    image = ImageFile(np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("=")), "")
    if like is not None:
        image = replace(
            like,
            pixels=image.pixels,
            exif=_resized_exif(like.exif, height, width),
            icc_profile=_matching_profile(like.icc_profile, gray=channels < 3 and kind.gray),
            xmp=_resized_xmp(like.xmp, height, width),
        )
    data = kind.encode(image, quality)
    atomic_write(path, lambda stream: stream.write(data))


def _format_name(path: PathLike, name: str | None) -> str:
    if name is not None:
        if name not in IMAGE_FORMATS:
            raise ValueError(f"unknown image format {name!r}: choose one of {', '.join(IMAGE_FORMATS)}")
        return name
    extension = os.path.splitext(os.fspath(path))[1].lower()
    for name, kind in IMAGE_FORMATS.items():
        if extension in kind.extensions:
            return name
    allowed = ", ".join(extension for kind in IMAGE_FORMATS.values() for extension in kind.extensions)
    problem = f"unknown image extension {extension!r}" if extension else "no extension"
    raise ValueError(f"cannot write {os.fspath(path)}: {problem}; use one of {allowed}")


def _encode_png(image: ImageFile, quality: int) -> bytes:
    import imagecodecs

    chunks = [(b"iCCP", b"icc\0\0" + zlib.compress(image.icc_profile))] if image.icc_profile else []
    chunks += image.png_chunks
    if image.dpi:
        per_metre = (min(round(value / 0.0254), 2**31 - 1) for value in image.dpi)
        chunks.append((b"pHYs", struct.pack(">IIB", *per_metre, 1)))
    if image.exif:
        chunks.append((b"eXIf", image.exif))
    if image.xmp:
        chunks.append((b"iTXt", _PNG_XMP + b"\0\0\0\0\0" + image.xmp))
    extra = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    data = bytes(imagecodecs.png_encode(image.pixels))
    return data[:33] + extra + data[33:]  # 33: the signature and the header chunk, which comes first


def _encode_tiff(image: ImageFile, quality: int) -> bytes:
    """Deflate with horizontal differences, in strips. Libraries write 16-bit colour or EXIF, not both."""
    pixels = image.pixels if image.pixels.ndim == 3 else image.pixels[..., None]
    height, width, channels = pixels.shape
    order = ">" if (image.exif or b"").startswith(b"MM") else "<"
    rows = max(1, 2**18 // (width * channels * pixels.itemsize))
    data, offsets, sizes = [struct.pack(order + "2sHI", b"MM" if order == ">" else b"II", 42, 0)], [], []
    position = len(data[0])
    for top in range(0, height, rows):
        strip = pixels[top : top + rows].copy()
        strip[:, 1:] -= pixels[top : top + rows, :-1]  # wraps around, as the predictor is defined
        packed = zlib.compress(strip.astype(strip.dtype.newbyteorder(order)).tobytes())
        data.append(packed + b"\0" * (len(packed) % 2))
        offsets.append(position)
        sizes.append(len(packed))
        position += len(data[-1])
    if position > _MAX_TIFF_BYTES:  # noise that grew in packing
        raise ValueError("TIFF holds at most 4 GB: write .png")

    entries: _Tree = {}
    with contextlib.suppress(struct.error, KeyError):
        entries |= _exif_tree(image.exif or b"")

    def put(tag: int, code: str, *values: int) -> None:
        entries[tag] = (
            {"H": 3, "I": 4}[code],
            len(values),
            struct.pack(f"{order}{len(values)}{code}", *values),
        )

    put(256, "I", width)
    put(257, "I", height)
    put(258, "H", *[8 * pixels.itemsize] * channels)
    put(259, "H", 8)  # Adobe deflate
    put(262, "H", 2 if channels > 2 else 1)
    put(273, "I", *offsets)
    put(277, "H", channels)
    put(278, "I", rows)
    put(279, "I", *sizes)
    put(284, "H", 1)
    put(317, "H", 2)
    if channels in (2, 4):
        put(338, "H", 2)  # unassociated alpha
    if image.dpi:
        for tag, value in zip((282, 283), image.dpi, strict=True):
            entries[tag] = (5, 1, struct.pack(order + "2I", min(round(value * 1000), 2**32 - 1), 1000))
        put(296, "H", 2)
    if image.xmp:
        entries[_TIFF_XMP] = (1, len(image.xmp), image.xmp)
    if image.icc_profile:
        entries[_TIFF_ICC] = (7, len(image.icc_profile), image.icc_profile)
    data[0] = data[0][:4] + struct.pack(order + "I", position)
    return b"".join([*data, _write_ifd(entries, order, position)])


def _encode_with_pillow(image: ImageFile, name: str, **options: Any) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    options = {key: value for key, value in options.items() if value is not None}
    Image.fromarray(image.pixels).save(stream, name, **options)
    return stream.getvalue()


def _encode_jpeg(image: ImageFile, quality: int) -> bytes:
    dpi = image.dpi and tuple(min(round(value), 65535) for value in image.dpi)
    exif = image.exif and b"Exif\0\0" + image.exif
    beside = {"exif": exif, "icc_profile": image.icc_profile, "xmp": image.xmp, "dpi": dpi}
    return _encode_with_pillow(image, "JPEG", quality=quality, subsampling=0, **beside)


def _encode_webp(image: ImageFile, quality: int) -> bytes:
    pixels = image.pixels
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    elif pixels.shape[2] == 2:
        pixels = pixels[..., [0, 0, 0, 1]]
    beside = {"exif": image.exif, "icc_profile": image.icc_profile, "xmp": image.xmp}
    lossless = quality == 100
    return _encode_with_pillow(
        replace(image, pixels=pixels), "WEBP", quality=quality, lossless=lossless, exact=lossless, **beside
    )


def _encode_bmp(image: ImageFile, quality: int) -> bytes:
    return _encode_with_pillow(image, "BMP", dpi=image.dpi)


# ---------------------------------------------------------------------------------------------------- reading


def read_image(path: PathLike) -> ImageFile:
    """Read a still image exactly as stored: PNG, TIFF, JPEG, WebP, BMP, one-frame GIF, 8-bit AVIF.

    Of a JPEG with previews or depth maps beside the picture (MPO), the picture is read. A TIFF may hold
    reduced copies beside its one page.

    Args:
        path: the file; what it holds says the format, not its name.

    Returns:
        The pixels and what travels beside them.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: the file is broken, cut off or no image.
        ValueError: an image of a kind that is not handled (CMYK, float, animated, ...) or of over
            `MAX_PIXELS`.
    """
    data = _read_bytes(path)
    name = _sniff(data)
    if name is None:
        allowed = ", ".join(_READERS)
        problem = f"it holds none of {allowed}" if data else "the file is empty"
        raise OSError(f"{os.fspath(path)} is not a readable image: {problem}")
    try:
        if name not in _READERS:
            raise _RefusedError(f"{name} images are not supported: convert it to PNG, TIFF or JPEG first")
        image = _READERS[name](data, name)
        if 0 in image.pixels.shape or image.pixels.shape[2:] not in ((), (2,), (3,), (4,)):
            raise OSError(f"its pixels have shape {image.pixels.shape}")
        return image
    except _RefusedError as reason:
        raise ValueError(f"cannot read {os.fspath(path)}: {reason}") from None
    except MemoryError as error:
        raise MemoryError(f"not enough memory to read {os.fspath(path)}: cut it into parts") from error
    except Exception as error:  # decoders raise nearly every kind of exception on broken files
        raise OSError(f"{os.fspath(path)} is not a readable image: {error}") from error


def _read_bytes(path: PathLike) -> bytes:
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"cannot read {path}: it is a folder; give the name of a file in it")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}") from None
    except OSError as error:
        raise OSError(error.errno, f"cannot read {path}: {error.strerror or error}") from error


def _sniff(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        brands = data[8 : struct.unpack_from(">I", data)[0]]
        return next((name for brand, name in _BRANDS if brand in brands), None)
    return next((name for start, name in _SIGNATURES if data.startswith(start)), None)


def _check_size(height: int, width: int) -> None:
    if height * width > MAX_PIXELS:
        raise _RefusedError(
            f"{height} x {width} pixels are more than the {MAX_PIXELS} allowed; cut it into parts"
        )


def _read_png(data: bytes, name: str) -> ImageFile:
    import imagecodecs

    found = list(_png_chunks(data))
    if not found or found[-1][0] != b"IEND":
        raise OSError("the file is cut off")
    width, height = struct.unpack_from(">II", found[0][1])
    _check_size(height, width)
    if any(kind == b"acTL" for kind, _, _ in found):
        raise _RefusedError("it is an animated PNG; only single images are supported")
    # Colour and text chunks are left out of what is decoded: libpng prints warnings about odd ones.
    needed = b"".join(raw for kind, _, raw in found if kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
    image = ImageFile(imagecodecs.png_decode(data[:8] + needed), name)
    carried = []
    for kind, body, _ in found:
        if kind == b"iCCP":
            image = replace(image, icc_profile=_inflated(body.partition(b"\0")[2][1:]))
        elif kind == b"eXIf":
            image = replace(image, exif=_bare_exif(body))
        elif kind == b"pHYs" and len(body) == 9 and body[8] == 1:
            x, y = struct.unpack_from(">II", body)
            image = replace(image, dpi=_plausible_dpi((x * 0.0254, y * 0.0254)))
        elif kind == b"iTXt" and body.startswith(_PNG_XMP + b"\0"):
            packed, rest = body[len(_PNG_XMP) + 1], body[len(_PNG_XMP) + 3 :]
            text = rest.split(b"\0", 2)[-1]  # after the language and the translated keyword
            image = replace(image, xmp=_inflated(text) if packed else text)
        elif kind in _PNG_CARRIED:
            carried.append((kind, body))
    return replace(image, png_chunks=tuple(carried))


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """(type, body, whole chunk) of each complete chunk."""
    position = 8
    while position + 12 <= len(data):
        end = position + 12 + struct.unpack_from(">I", data, position)[0]
        if end > len(data):
            return
        yield data[position + 4 : position + 8], data[position + 8 : end - 4], data[position:end]
        if data[position + 4 : position + 8] == b"IEND":
            return
        position = end


def _inflated(packed: bytes) -> bytes | None:
    """The bytes, unless cut off or a bomb: metadata that cannot be read is no reason to refuse a picture."""
    inflater = zlib.decompressobj()
    with contextlib.suppress(zlib.error):
        data = inflater.decompress(packed, 2**26)
        return data if inflater.eof else None
    return None


def _read_tiff(data: bytes, name: str) -> ImageFile:
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        pages: list[Any] = []
        for page in itertools.islice(file.pages, 64):  # a damaged chain of pages can be endless
            if len(pages) < 2 and not page.subfiletype & 5:  # neither a reduced copy nor a mask
                pages.append(page)
        if not pages:
            raise OSError("it holds no picture, or is cut off")
        if len(pages) > 1:
            raise _RefusedError("it holds several pages; only single images are supported")
        page = pages[0]
        _check_size(page.imagelength, page.imagewidth)
        if max(page.tilelength - page.imagelength, page.tilewidth - page.imagewidth) > 2**14:
            raise OSError("its tiles are far larger than the picture")
        places = list(zip(page.dataoffsets, page.databytecounts, strict=True))
        # tifffile leaves what is missing black.
        if len(places) < np.prod(page.chunked) or any(not s or at + s > len(data) for at, s in places):
            raise OSError("the file is cut off")
        photometric = getattr(page.photometric, "name", str(page.photometric))
        if page.imagedepth != 1:
            raise _RefusedError("it is a volume; only single images are supported")
        if page.sampleformat != 1 or page.bitspersample not in (1, 2, 4, 8, 16):
            kind = {1: "unsigned", 2: "signed", 3: "float"}.get(page.sampleformat, "such")
            raise _RefusedError(
                f"{page.bitspersample}-bit {kind} values are not supported: convert it to 8 or 16 bits"
            )
        if photometric in ("MINISWHITE", "MINISBLACK", "RGB") and page.bitspersample >= 8:
            pixels = _tiff_pixels(page, photometric)
        elif photometric in ("MINISWHITE", "MINISBLACK", "PALETTE", "YCBCR"):
            pixels = _read_with_pillow(data, name).pixels
        else:
            raise _RefusedError(f"{photometric} colour is not supported: convert it to RGB")
        position = page.offset

    order, entries, _ = _read_ifd(data, position)
    image = ImageFile(pixels, name)
    with contextlib.suppress(struct.error, KeyError):
        tree = _exif_tree(data, position)
        image = replace(image, exif=_exif_block(tree, order) if tree else None)
    with contextlib.suppress(struct.error, KeyError, ZeroDivisionError):
        (x, x_unit), (y, y_unit) = (struct.unpack(order + "2I", entries[tag][2]) for tag in (282, 283))
        factor = {2: 1.0, 3: 2.54}[_integer(entries[296], order)]  # per inch, per centimetre
        image = replace(image, dpi=_plausible_dpi((x / x_unit * factor, y / y_unit * factor)))
    beside = {"icc_profile": entries.get(_TIFF_ICC), "xmp": entries.get(_TIFF_XMP)}
    return replace(image, **{key: entry[2] for key, entry in beside.items() if entry})


def _tiff_pixels(page: Any, photometric: str) -> np.ndarray:
    """Gray, gray and alpha, RGB or RGBA of a page of 8 or 16 bits."""
    colours = 3 if photometric == "RGB" else 1
    extra = tuple(page.extrasamples) + (0,) * (page.samplesperpixel - colours - len(page.extrasamples))
    if len(extra) > 1 or 0 in extra:
        raise _RefusedError(
            f"{len(extra)} extra channels of unknown meaning; only one alpha channel is supported"
        )
    if page.samplesperpixel < colours:
        raise OSError(f"{photometric} with {page.samplesperpixel} channels")
    pixels = page.asarray()
    if page.planarconfig == 2 and page.samplesperpixel > 1:
        pixels = np.moveaxis(pixels, 0, -1)
    pixels = np.require(pixels, pixels.dtype.newbyteorder("="), ["C", "W"])
    full = np.iinfo(pixels.dtype).max
    if photometric == "MINISWHITE":
        gray = pixels[..., 0] if extra else pixels
        np.subtract(full, gray, out=gray)
    if extra == (1,):  # premultiplied
        alpha = np.maximum(pixels[..., -1:], 1).astype(np.float64)
        pixels[..., :-1] = np.minimum(np.rint(pixels[..., :-1] * (full / alpha)), full)
    return pixels


def _read_with_pillow(data: bytes, name: str) -> ImageFile:
    if name == "AVIF" and (at := data.find(b"av1C")) >= 0 and data[at + 6] & 0x40:
        raise _RefusedError("AVIF of more than 8 bits is not supported: convert it to 16-bit PNG or TIFF")
    module, plugin = _PILLOW_PLUGINS[name]
    # The class itself rather than Image.open, whose size limit is a global setting and a warning.
    with getattr(importlib.import_module(f"PIL.{module}"), plugin)(io.BytesIO(data)) as image:
        _check_size(image.height, image.width)
        if name != "TIFF" and getattr(image, "n_frames", 1) > 1:
            raise _RefusedError(f"it holds {image.n_frames} frames; only single images are supported")
        modes = _PILLOW_MODES.get(image.mode)
        if modes is None:
            raise _RefusedError(
                f"{image.mode} images are not supported: convert it to gray or RGB of 8 or 16 bits"
            )
        mode = modes[image.has_transparency_data]
        image.load()
        pixels = np.array(image if image.mode == mode else image.convert(mode))
        info = image.info
    dpi = info.get("dpi")
    return ImageFile(
        pixels,
        name,
        exif=_bare_exif(info.get("exif")),
        icc_profile=info.get("icc_profile") or None,
        dpi=_plausible_dpi(dpi) if dpi else None,
        xmp=info.get("xmp") or None,
    )


def _plausible_dpi(dpi: tuple[Any, Any]) -> tuple[float, float] | None:
    x, y = float(dpi[0]), float(dpi[1])
    return (x, y) if 0 < x < 1e6 and 0 < y < 1e6 else None


# ----------------------------------------------------------------------------------- what travels with pixels

_Tree = dict[int, Any]  # {tag: (type, count, raw bytes), or the _Tree of a sub-directory}

_ORIENTATION, _EXIF_IFD, _GPS_IFD, _INTEROP_IFD, _TIFF_XMP, _TIFF_ICC = 274, 34665, 34853, 40965, 700, 34675
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
# Tags of a TIFF's main directory that describe the picture rather than its layout in the file: description,
# make, model, orientation, software, date, artist, host, white point, primaries, rating, copyright, XP*,
# EXIF, GPS.
_DESCRIPTIVE = frozenset({270, 271, 272, 274, 305, 306, 315, 316, 318, 319, 18246, 18249, 33432})
_DESCRIPTIVE |= {40091, 40092, 40093, 40094, 40095, _EXIF_IFD, _GPS_IFD}


def _bare_exif(block: bytes | None) -> bytes | None:
    return (block or b"").removeprefix(b"Exif\0\0") or None


def _integer(entry: tuple[int, int, bytes, int], order: str) -> int:
    return int.from_bytes(entry[2], "little" if order == "<" else "big")


def _read_ifd(
    block: bytes, offset: int | None = None
) -> tuple[str, dict[int, tuple[int, int, bytes, int]], int]:
    """Byte order, {tag: (type, count, raw bytes, place)} and the place of the link to the next directory.

    `block` is an EXIF block or a (Big)TIFF file; `offset` is the directory's place, the first one's by
    default. Raises struct.error or KeyError where the block is broken.
    """
    order = {b"II": "<", b"MM": ">"}[bytes(block[:2])]
    big = struct.unpack_from(order + "H", block, 2)[0] == 43
    word, head, size = ("Q", "Q", 20) if big else ("I", "H", 12)
    if offset is None:
        offset = int(struct.unpack_from(order + word, block, 8 if big else 4)[0])
    if offset > len(block):
        raise struct.error("a directory that lies outside")
    (count,) = struct.unpack_from(order + head, block, offset)
    place = offset + struct.calcsize(head)
    entries, total = {}, 0
    for _ in range(count):
        tag, kind, number = struct.unpack_from(f"{order}HH{word}", block, place)
        length = _TYPE_SIZES.get(kind, 0) * number
        at = place + (12 if big else 8)
        total += length
        if total > len(block):
            raise struct.error("values that overlap or lie outside")
        if length > struct.calcsize(word):
            (at,) = struct.unpack_from(order + word, block, at)
        raw = bytes(block[at : at + length])
        if raw and len(raw) == length:
            entries[tag] = (kind, number, raw, place)
        place += size
    return order, entries, place


def _write_ifd(entries: _Tree, order: str, offset: int) -> bytes:
    """A (classic) directory for the place `offset`, its values and sub-directories behind it."""
    table, behind = struct.pack(order + "H", len(entries)), b""
    start = offset + 2 + 12 * len(entries) + 4
    for tag, entry in sorted(entries.items()):
        place = start + len(behind)
        if isinstance(entry, dict):
            table += struct.pack(order + "HHII", tag, 4, 1, place)
            behind += _write_ifd(entry, order, place)
        else:
            kind, count, raw = entry
            value = raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack(order + "I", place)
            table += struct.pack(order + "HHI", tag, kind, count) + value
            behind += raw if len(raw) > 4 else b""
        behind += b"\0" * (len(behind) % 2)
    return table + bytes(4) + behind


def _exif_tree(block: bytes, offset: int | None = None) -> _Tree:
    """The descriptive part of an EXIF block or a TIFF file, as a tree that can be written elsewhere."""

    def branch(at: int | None, keep: Callable[[int], bool], links: tuple[int, ...]) -> _Tree:
        order, entries, _ = _read_ifd(block, at)
        tree: _Tree = {tag: entry[:3] for tag, entry in entries.items() if keep(tag)}
        for tag in (_EXIF_IFD, _GPS_IFD, _INTEROP_IFD):
            if tree.pop(tag, None) and tag in links:
                with contextlib.suppress(struct.error):
                    inner = (_INTEROP_IFD,) if tag == _EXIF_IFD else ()
                    tree[tag] = branch(_integer(entries[tag], order), lambda tag: True, inner)
        return tree

    if not block:
        return {}
    tree = branch(offset, lambda tag: tag in _DESCRIPTIVE, (_EXIF_IFD, _GPS_IFD))
    # Descriptions in which programs keep the array's layout, which no longer holds.
    if 270 in tree and tree[270][2].startswith((b'{"', b"ImageJ=", b"<?xml", b"<OME")):
        del tree[270]
    return tree


def _exif_block(tree: _Tree, order: str) -> bytes:
    return struct.pack(order + "2sHI", b"MM" if order == ">" else b"II", 42, 8) + _write_ifd(tree, order, 8)


def _resized_exif(exif: bytes | None, height: int, width: int) -> bytes | None:
    """`exif` with the new size in pixels and without its thumbnail; what cannot be read stays as it is.

    Nothing is moved, since makers' notes hold offsets from the start of the block.
    """
    if not exif:
        return exif
    block = bytearray(exif)
    with contextlib.suppress(struct.error, KeyError):
        order, entries, link = _read_ifd(exif)
        places = [(256, entries, width), (257, entries, height)]
        if _EXIF_IFD in entries:
            inner = _read_ifd(exif, _integer(entries[_EXIF_IFD], order))[1]
            places += [(40962, inner, width), (40963, inner, height)]  # PixelXDimension, PixelYDimension
        for tag, directory, value in places:
            if tag in directory:
                struct.pack_into(order + "HHII", block, directory[tag][3], tag, 4, 1, value)
        (thumbnail,) = struct.unpack_from(order + "I", exif, link)
        if thumbnail:
            struct.pack_into(order + "I", block, link, 0)
            entries = _read_ifd(exif, thumbnail)[1]
            start, length = (_integer(entries[tag], order) for tag in (513, 514))
            if start > link:
                end = min(start + length, len(exif))
                block[start:end] = bytes(end - start) if end < len(exif) else b""
    return bytes(block)


def _resized_xmp(xmp: bytes | None, height: int, width: int) -> bytes | None:
    for names, value in (
        (b"exif:PixelXDimension|tiff:ImageWidth", width),
        (b"exif:PixelYDimension|tiff:ImageLength", height),
    ):
        xmp = xmp and re.sub(rb"((?:%s)(?:=[\"']|>))\d+" % names, rb"\g<1>%d" % value, xmp)
    return xmp


def _matching_profile(profile: bytes | None, *, gray: bool) -> bytes | None:
    """The profile if its colour space (bytes 16 to 19 of its header) fits the pixels."""
    return profile if profile and profile[16:20] == (b"GRAY" if gray else b"RGB ") else None


# ------------------------------------------------------------------------------------------------------ audio


def read_audio(path: PathLike) -> AudioFile:
    """Read a sound file exactly as stored (WAV, FLAC, OGG, AIFF, MP3 and what else libsndfile reads).

    Raises:
        FileNotFoundError: there is no such file.
        OSError: the file is broken, cut off or no sound.
        ValueError: it holds no samples.
    """
    data = _read_bytes(path)
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            dtype: Any = _AUDIO_DTYPES.get(file.subtype, "float32")
            samples = file.read(dtype=dtype)
            audio = AudioFile(samples, file.samplerate, file.subtype, file.format)
            expected = file.frames
        order = {b"RIFF": "<", b"FORM": ">"}.get(data[:4])  # WAV, AIFF
        declared = struct.unpack_from(order + "I", data, 4)[0] + 8 if order else 0
        # libsndfile reads what is there. A last padding byte may be missing, and pipes declare 2 or 4 GB.
        if len(samples) < expected or len(data) + 1 < declared < 2**31 - 2**16:
            raise OSError("the file is cut off")
    except (RuntimeError, OSError, TypeError) as error:  # LibsndfileError is a RuntimeError
        raise OSError(f"{os.fspath(path)} is not a readable sound file: {error}") from error
    if not len(samples):
        raise ValueError(f"{os.fspath(path)} holds no samples")
    return audio


def check_audio_writable(path: PathLike, *, channels: int, dtype: Any) -> None:
    """Raise, before the computing, what `write_audio` would raise after it.

    Args:
        path: the sound file to be written.
        channels: how many.
        dtype: int16, int32, float32 or float64.

    Raises:
        ValueError: the extension is unknown, or the format cannot hold such samples.
        OSError: the folder is missing or not writable, or `path` is a folder.
    """
    extension, values = os.path.splitext(os.fspath(path))[1].lower(), np.dtype(dtype).name
    if extension not in AUDIO_FORMATS:
        problem = f"unknown sound extension {extension!r}" if extension else "no extension"
        raise ValueError(f"cannot write {os.fspath(path)}: {problem}; use one of {', '.join(AUDIO_FORMATS)}")
    kind = AUDIO_FORMATS[extension]
    if values not in _SUBTYPES:
        raise ValueError(f"samples are int16, int32, float32 or float64; got {values}")
    if values not in kind.subtypes:
        raise ValueError(
            f"{kind.name} cannot hold {values} samples: write .wav, or convert to int16 or int32"
        )
    if not 1 <= channels <= kind.max_channels:
        raise ValueError(f"{kind.name} holds 1 to {kind.max_channels} channels; got {channels}")
    check_folder(path)


def write_audio(path: PathLike, samples: np.ndarray, sample_rate: int, like: AudioFile | None = None) -> None:
    """Write a sound file; the extension of `path` says the format.

    The coding is `like`'s where format and dtype are `like`'s, and else the one that holds the dtype exactly
    (FLAC: int32 is rounded to 24 bits). OGG and MP3 are lossy by nature. Titles and other tags are not
    carried over.

    Args:
        path: where to write; .wav, .flac, .ogg, .aif, .aiff or .mp3. Written atomically.
        samples: (T,) or (T, C); int16, int32, float32 or float64 (full scale 1).
        sample_rate: samples per second and channel.
        like: the sound whose coding to keep, as a rule the input.

    Raises:
        ValueError, OSError: see `check_audio_writable`, which says so before the computing.
        TypeError: `samples` is not an array.
    """
    if not isinstance(samples, np.ndarray):
        raise TypeError(f"samples must be a NumPy array; got {type(samples).__name__}")
    if samples.ndim not in (1, 2) or not samples.size:
        raise ValueError(f"samples must be (T,) or (T, C) with T > 0; got shape {samples.shape}")
    if sample_rate != int(sample_rate) or sample_rate < 1:
        raise ValueError(f"sample_rate is a whole number of samples per second; got {sample_rate!r}")
    channels = samples.shape[1] if samples.ndim == 2 else 1
    check_audio_writable(path, channels=channels, dtype=samples.dtype)
    import soundfile

    kind = AUDIO_FORMATS[os.path.splitext(os.fspath(path))[1].lower()]
    name, subtype = kind.name, kind.subtypes[samples.dtype.name]
    kept = like is not None and like.samples.dtype == samples.dtype and like.subtype
    if kept and soundfile.check_format(name, kept):
        subtype = kept
    if name == "WAV" and samples.nbytes > _MAX_RIFF_BYTES:
        name = "RF64"
    # Into memory first: libsndfile swallows errors of Python streams, a full disk among them.
    stream = io.BytesIO()
    samples = np.ascontiguousarray(samples, samples.dtype.newbyteorder("="))
    try:
        with soundfile.SoundFile(
            stream, "w", int(sample_rate), channels, subtype=subtype, format=name
        ) as file:
            # In blocks: libsndfile's Vorbis encoder overflows the stack on long arrays.
            for start in range(0, len(samples), 2**16):
                file.write(samples[start : start + 2**16])
    except soundfile.LibsndfileError as error:
        raise ValueError(f"cannot write {os.fspath(path)}: {error}; write .wav instead") from error
    atomic_write(path, lambda target: target.write(stream.getbuffer()))


# ----------------------------------------------------------------------------------------------------- tables


@dataclass(frozen=True)
class ImageFormat:
    """What a format can hold, and the function `encode(image, quality) -> bytes`."""

    extensions: tuple[str, ...]
    encode: Callable[[ImageFile, int], bytes]
    alpha: bool = True
    deep: bool = False  # 16 bits
    gray: bool = True
    exif: bool = True
    max_side: int = 2**31 - 1


@dataclass(frozen=True)
class AudioFormat:
    """libsndfile's name of a format, and its coding for each dtype that it can hold."""

    name: str
    subtypes: dict[str, str]
    max_channels: int = 1024


_MAX_TIFF_BYTES = 2**32 - 2**24
_MAX_RIFF_BYTES = 2**32 - 2**16
_MAX_JPEG_SEGMENT = 65500
_PNG_XMP = b"XML:com.adobe.xmp"
_PNG_CARRIED = (b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"tEXt", b"zTXt", b"iTXt")
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
)
_BRANDS = ((b"avif", "AVIF"), (b"hei", "HEIC"), (b"hev", "HEIC"), (b"mif1", "HEIC"))  # of ISO media files
_PILLOW_PLUGINS = {
    "JPEG": ("JpegImagePlugin", "JpegImageFile"),
    "WEBP": ("WebPImagePlugin", "WebPImageFile"),
    "BMP": ("BmpImagePlugin", "BmpImageFile"),
    "GIF": ("GifImagePlugin", "GifImageFile"),
    "AVIF": ("AvifImagePlugin", "AvifImageFile"),
    "TIFF": ("TiffImagePlugin", "TiffImageFile"),
}
# Pillow's mode: what it is read as without and with transparency
_PILLOW_MODES = {
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
_READERS: dict[str, Callable[[bytes, str], ImageFile]] = {
    "PNG": _read_png,
    "TIFF": _read_tiff,
} | dict.fromkeys(("JPEG", "WEBP", "BMP", "GIF", "AVIF"), _read_with_pillow)
IMAGE_FORMATS = {
    "PNG": ImageFormat((".png",), _encode_png, deep=True),
    "TIFF": ImageFormat((".tif", ".tiff"), _encode_tiff, deep=True),
    "JPEG": ImageFormat((".jpg", ".jpeg"), _encode_jpeg, alpha=False, max_side=65500),
    "WEBP": ImageFormat((".webp",), _encode_webp, gray=False, max_side=16383),
    "BMP": ImageFormat((".bmp",), _encode_bmp, alpha=False, exif=False),
}
_SUBTYPES = {"int16": "PCM_16", "int32": "PCM_32", "float32": "FLOAT", "float64": "DOUBLE"}
_AUDIO_DTYPES = {"DOUBLE": "float64"}  # by subtype; any other gives float32
_AUDIO_DTYPES |= dict.fromkeys(("PCM_24", "PCM_32", "ALAC_20", "ALAC_24", "ALAC_32"), "int32")
_AUDIO_DTYPES |= dict.fromkeys(("PCM_S8", "PCM_U8", "PCM_16", "ULAW", "ALAW", "ALAC_16"), "int16")
AUDIO_FORMATS = {
    ".wav": AudioFormat("WAV", _SUBTYPES),
    ".flac": AudioFormat("FLAC", {"int16": "PCM_16", "int32": "PCM_24"}, max_channels=8),
    ".ogg": AudioFormat("OGG", dict.fromkeys(_SUBTYPES, "VORBIS"), max_channels=255),
    ".aif": AudioFormat("AIFF", _SUBTYPES),
    ".aiff": AudioFormat("AIFF", _SUBTYPES),
    ".mp3": AudioFormat("MP3", dict.fromkeys(_SUBTYPES, "MPEG_LAYER_III"), max_channels=2),
}
