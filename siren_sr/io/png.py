"""PNG files: libpng (through imagecodecs) codes the pixels; chunks are coded by hand, as no library keeps them all."""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from .exif import bare_exif
from .image import ImageFile, RefusedError, check_size, plausible_dpi

_XMP_KEYWORD = b"XML:com.adobe.xmp"
_CARRIED = (b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"tEXt", b"zTXt", b"iTXt")

_MAX_METADATA = 2**24  # bytes of a profile or an XMP packet; the largest profiles of printers have a few million


def read_png(data: bytes, name: str) -> ImageFile:
    """Decode a whole PNG file; `name` is "PNG"."""
    import imagecodecs

    found = list(_chunks(data))
    if not found or found[-1][0] != b"IEND":
        raise OSError("the file is cut off")
    width, height, depth, colour = struct.unpack_from(">IIBB", found[0][1])
    channels = {0: 1, 2: 3, 3: 3, 4: 2}.get(colour, 4) + any(kind == b"tRNS" for kind, _, _ in found)
    check_size(height, width, channels * (2 if depth == 16 else 1))
    if any(kind == b"acTL" for kind, _, _ in found):
        raise RefusedError("it is an animated PNG; only single images are supported")
    # Colour and text chunks are left out of what is decoded, since libpng prints warnings about odd ones.
    needed = (raw for kind, _, raw in found if kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
    pixels = imagecodecs.png_decode(b"".join((data[:8], *needed)))
    beside: dict[str, Any] = {}
    carried = []
    for kind, view, _ in found:
        body = bytes(view) if kind in (b"iCCP", b"eXIf", b"pHYs", *_CARRIED) else b""
        if kind == b"iCCP" and "icc_profile" not in beside:
            beside["icc_profile"] = _inflated(body.partition(b"\0")[2][1:])
        elif kind == b"eXIf":
            beside["exif"] = bare_exif(body)
        elif kind == b"pHYs" and len(body) == 9 and body[8] == 1:
            x, y = struct.unpack_from(">II", body)
            beside["dpi"] = plausible_dpi((x * 0.0254, y * 0.0254))
        elif kind == b"iTXt" and body.startswith(_XMP_KEYWORD + b"\0"):
            packed, rest = body[len(_XMP_KEYWORD) + 1], body[len(_XMP_KEYWORD) + 3 :]
            text = rest.split(b"\0", 2)[-1]  # it follows the language and the translated keyword
            beside["xmp"] = _inflated(text) if packed else text
        elif kind in _CARRIED:
            carried.append((kind, body))
    return ImageFile(pixels, name, png_chunks=tuple(carried), **beside)


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, memoryview]]:
    """Yield (type, body, whole chunk) for each complete chunk, as views, which need no memory."""
    position, view = 8, memoryview(data)
    while position + 12 <= len(data):
        end = position + 12 + struct.unpack_from(">I", data, position)[0]
        if end > len(data):
            return
        yield data[position + 4 : position + 8], view[position + 8 : end - 4], view[position:end]
        if data[position + 4 : position + 8] == b"IEND":
            return
        position = end


def _inflated(packed: bytes) -> bytes | None:
    """Return the decompressed bytes, or None if they are broken, cut off or a decompression bomb.

    Metadata that cannot be read is no reason to refuse a picture.
    """
    inflater = zlib.decompressobj()
    with contextlib.suppress(zlib.error):
        data = inflater.decompress(packed, _MAX_METADATA)
        return data if inflater.eof else None
    return None


def encode_png(image: ImageFile, quality: int) -> bytes:
    """Return the bytes of a PNG file; it is always lossless, so that `quality` is not used."""
    import imagecodecs

    chunks = [(b"iCCP", b"icc\0\0" + zlib.compress(image.icc_profile))] if image.icc_profile else []
    chunks += image.png_chunks
    if image.dpi:
        per_metre = (min(round(value / 0.0254), 2**31 - 1) for value in image.dpi)
        chunks.append((b"pHYs", struct.pack(">IIB", *per_metre, 1)))
    if image.exif:
        chunks.append((b"eXIf", image.exif))
    if image.xmp:
        chunks.append((b"iTXt", _XMP_KEYWORD + b"\0\0\0\0\0" + image.xmp))
    extra = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    data = bytes(imagecodecs.png_encode(image.pixels))
    return data[:33] + extra + data[33:]  # the signature and the header chunk, which comes first, have 33 bytes
