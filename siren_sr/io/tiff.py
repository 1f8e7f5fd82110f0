"""TIFF files are read through tifffile and Pillow, and written by hand, so that 16-bit colour keeps its metadata."""

from __future__ import annotations

import contextlib
import io
import itertools
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from .chatter import complain, hushed
from .exif import Entry, Tree, exif_block, exif_tree, header, integer, read_ifd, write_ifd
from .image import ImageFile, RefusedError, check_size, plausible_dpi
from .pillow import read_with_pillow

MAX_TIFF_BYTES = 2**32 - 2**24
_XMP, _ICC = 700, 34675
_GEOGRAPHIC = (33550, 33920, 33922, 34264, 34735, 34736, 34737, 42112, 42113)  # those of GeoTIFF and of GDAL
# What tells where the pixels lie or how large they are: its name, and whether a file has it.
_LEFT_OUT: tuple[tuple[str, Callable[[dict[int, Entry], bytes], bool]], ...] = (
    ("the georeference (GeoTIFF)", lambda entries, text: any(tag in entries for tag in _GEOGRAPHIC)),
    ("the size of pixels and all else that ImageJ stored", lambda entries, text: text.startswith(b"ImageJ=")),
    ("the description of the measurement (OME)", lambda entries, text: b"<OME" in text[:2000]),
)

LEFT_OUT = tuple(what for what, _ in _LEFT_OUT)


def read_tiff(data: bytes, name: str) -> ImageFile:
    """Decode a whole TIFF file; `name` is "TIFF"."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = _only_page(file)
        planar = 2 if page.planarconfig == 2 else 1  # whose pixels are put together in a second array
        check_size(page.imagelength, page.imagewidth, planar * page.samplesperpixel * max(1, page.bitspersample // 8))
        if max(page.tilelength - page.imagelength, page.tilewidth - page.imagewidth) > 2**14:
            raise OSError("its tiles are far larger than the picture")
        places = list(zip(page.dataoffsets, page.databytecounts, strict=True))
        # tifffile would read a picture with missing parts and leave these black.
        if len(places) < np.prod(page.chunked) or any(not s or at + s > len(data) for at, s in places):
            raise OSError("the file is cut off")
        photometric = getattr(page.photometric, "name", str(page.photometric))
        if page.imagedepth != 1:
            raise RefusedError("it is a volume; only single images are supported")
        if page.sampleformat != 1 or page.bitspersample not in (1, 2, 4, 8, 16):
            kind = {1: "unsigned", 2: "signed", 3: "float"}.get(page.sampleformat, "such")
            raise RefusedError(f"{page.bitspersample}-bit {kind} values are not supported: convert it to 8 or 16 bits")
        if photometric in ("MINISWHITE", "MINISBLACK", "RGB") and page.bitspersample >= 8:
            pixels = _pixels(page, photometric)
        elif photometric in ("MINISWHITE", "MINISBLACK", "PALETTE", "YCBCR"):
            pixels = _through_libtiff(data, name)
        else:
            raise RefusedError(f"{photometric} colour is not supported: convert it to RGB")
        position = page.offset

    return ImageFile(pixels, name, **_metadata(data, position))


def _through_libtiff(data: bytes, name: str) -> np.ndarray:
    """Return the pixels that Pillow reads; libtiff goes on after damage and tells it only on standard error."""
    said: list[str] = []
    try:
        with hushed(libraries=True) as said:
            return read_with_pillow(data, name).pixels
    finally:
        complain(said)


def _only_page(file: Any) -> Any:
    """Return the one page of a tifffile.TiffFile that is neither a reduced copy nor a mask."""
    pages: list[Any] = []
    for page in itertools.islice(file.pages, 64):  # a damaged chain of pages can be endless
        if len(pages) < 2 and not page.subfiletype & 5:
            pages.append(page)
    if not pages:
        raise OSError("it holds no picture, or is cut off")
    if len(pages) > 1:
        raise RefusedError("it holds several pages; only single images are supported")
    return pages[0]


def _metadata(data: bytes, position: int) -> dict[str, Any]:
    """Return those fields of ImageFile that the directory at `position` holds."""
    order, entries, _ = read_ifd(data, position)
    found: dict[str, Any] = {}
    with contextlib.suppress(struct.error, KeyError):
        tree = exif_tree(data, position)
        found["exif"] = exif_block(tree, order) if tree else None
    with contextlib.suppress(struct.error, KeyError, ZeroDivisionError):
        (x, x_unit), (y, y_unit) = (struct.unpack(order + "2I", entries[tag].raw) for tag in (282, 283))
        factor = {2: 1.0, 3: 2.54}[integer(entries[296], order)]  # 2 counts per inch, 3 per centimetre
        found["dpi"] = plausible_dpi((x / x_unit * factor, y / y_unit * factor))
    for tag, key in ((_ICC, "icc_profile"), (_XMP, "xmp")):
        if tag in entries:
            found[key] = entries[tag].raw
    text = entries[270].raw if 270 in entries else b""
    left_out = [what for what, is_there in _LEFT_OUT if is_there(entries, text)]
    if left_out:
        found["left_out"] = tuple(left_out)
        found.pop("dpi", None)  # such programs store the size of a pixel there, not that of a print
    return found


def _pixels(page: Any, photometric: str) -> np.ndarray:
    """Return the pixels of a page of 8 or 16 bits: gray, gray and alpha, RGB or RGBA, not premultiplied."""
    colours = 3 if photometric == "RGB" else 1
    extra = tuple(page.extrasamples) + (0,) * (page.samplesperpixel - colours - len(page.extrasamples))
    if len(extra) > 1 or 0 in extra:
        raise RefusedError(f"{len(extra)} extra channels of unknown meaning; only one alpha channel is supported")
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
    if extra == (1,):  # the colours are premultiplied by alpha
        for row in pixels:
            alpha = np.maximum(row[..., -1:], 1).astype(np.float64)
            row[..., :-1] = np.minimum(np.rint(row[..., :-1] * (full / alpha)), full)
    return pixels


def encode_tiff(image: ImageFile, quality: int) -> bytes:
    """Return the bytes of a TIFF file; it is always lossless, so that `quality` is not used.

    The file consists of the header, strips of pixels, and the directory. It is written by hand, since libraries
    write 16-bit colour or EXIF, but not both.
    """
    pixels = image.pixels if image.pixels.ndim == 3 else image.pixels[..., None]
    height, width, channels = pixels.shape
    order = ">" if (image.exif or b"").startswith(b"MM") else "<"
    rows = max(1, 2**18 // (width * channels * pixels.itemsize))  # strips of about 256 KiB
    stored = pixels.dtype.newbyteorder(order)
    strips = [_packed(pixels[top : top + rows], stored) for top in range(0, height, rows)]
    *offsets, end = itertools.accumulate((len(strip) + len(strip) % 2 for strip in strips), initial=8)
    if end > MAX_TIFF_BYTES:  # noise grows when it is packed
        raise ValueError("TIFF holds at most 4 GB: write .png")

    entries: Tree = {}
    with contextlib.suppress(struct.error, KeyError):
        entries |= exif_tree(image.exif or b"")

    def put(tag: int, code: str, *values: int) -> None:
        kind = {"H": 3, "I": 4}[code]
        entries[tag] = Entry(kind, len(values), struct.pack(f"{order}{len(values)}{code}", *values))

    put(256, "I", width)
    put(257, "I", height)
    put(258, "H", *[8 * pixels.itemsize] * channels)
    put(259, "H", 8)  # Adobe deflate
    put(262, "H", 2 if channels > 2 else 1)  # RGB, or gray where 0 is black
    put(273, "I", *offsets)
    put(277, "H", channels)
    put(278, "I", rows)
    put(279, "I", *map(len, strips))
    put(284, "H", 1)  # the channels of a pixel lie side by side
    put(317, "H", 2)  # horizontal differences
    if channels in (2, 4):
        put(338, "H", 2)  # unassociated alpha
    if image.dpi:
        for tag, value in zip((282, 283), image.dpi, strict=True):
            entries[tag] = Entry(5, 1, struct.pack(order + "2I", min(round(value * 1000), 2**32 - 1), 1000))
        put(296, "H", 2)  # per inch
    if image.xmp:
        entries[_XMP] = Entry(1, len(image.xmp), image.xmp)
    if image.icc_profile:
        entries[_ICC] = Entry(7, len(image.icc_profile), image.icc_profile)
    # Every strip begins at an even place.
    padded = (part for strip in strips for part in (strip, b"\0" * (len(strip) % 2)))
    return b"".join([header(order, end), *padded, write_ifd(entries, order, end)])


def _packed(rows: np.ndarray, stored: np.dtype[Any]) -> bytes:
    """Return rows (H, W, C) as horizontal differences in the byte order of `stored`, deflated."""
    differences = rows.copy()
    differences[:, 1:] -= rows[:, :-1]  # the predictor is defined to wrap around
    return zlib.compress(differences.astype(stored).tobytes())
