"""EXIF blocks are read, corrected and written here; they are small TIFF files, directories of tagged values."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

Tree = dict[int, Any]  # every tag has an Entry, or the Tree of a sub-directory


_ORIENTATION, _EXIF_IFD, _GPS_IFD, _INTEROP_IFD = 274, 34665, 34853, 40965
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
# These tags of a TIFF's main directory describe the picture rather than its layout in the file: description,
# make, model, orientation, software, date, artist, host, white point, primaries, rating, copyright, XP*,
# EXIF, GPS.
_DESCRIPTIVE = frozenset({270, 271, 272, 274, 305, 306, 315, 316, 318, 319, 18246, 18249, 33432})
_DESCRIPTIVE |= {40091, 40092, 40093, 40094, 40095, _EXIF_IFD, _GPS_IFD}


class Entry(NamedTuple):
    """One tag's type (a key of `_TYPE_SIZES`), number of values, raw bytes, and the place where it was read."""

    kind: int
    count: int
    raw: bytes
    place: int = 0


def bare_exif(block: bytes | None) -> bytes | None:
    """Return the block from its "II" or "MM" on, without the marker that JPEG and some others put before it."""
    return (block or b"").removeprefix(b"Exif\0\0") or None


def integer(entry: Entry, order: str) -> int:
    """Return the one integer that an entry holds; `order` is "<" or ">"."""
    return int.from_bytes(entry.raw, "little" if order == "<" else "big")


def header(order: str, offset: int) -> bytes:
    """Return the eight bytes that begin a classic TIFF file or EXIF block whose directory lies at `offset`."""
    return struct.pack(order + "2sHI", b"MM" if order == ">" else b"II", 42, offset)


def orientation(exif: bytes | None) -> int:
    """Return the EXIF orientation, 1 to 8, or 1 (as stored) if there is none."""
    with contextlib.suppress(struct.error, KeyError):
        order, entries, _ = read_ifd(exif or b"")
        value = integer(entries[_ORIENTATION], order)
        return value if 1 <= value <= 8 else 1
    return 1


def read_ifd(block: bytes, offset: int | None = None) -> tuple[str, dict[int, Entry], int]:
    """Return the byte order ("<" or ">"), {tag: entry} and the place of the link to the next directory.

    `block` is an EXIF block or a (Big)TIFF file. `offset` is the place of the directory, by default that of
    the first one. A broken block raises struct.error or KeyError.
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
            entries[tag] = Entry(kind, number, raw, place)
        place += size
    return order, entries, place


def write_ifd(entries: Tree, order: str, offset: int) -> bytes:
    """Return the bytes of a (classic) directory that will lie at `offset`, then its values and sub-directories."""
    table, behind = struct.pack(order + "H", len(entries)), b""
    start = offset + 2 + 12 * len(entries) + 4
    for tag, entry in sorted(entries.items()):
        place = start + len(behind)
        if isinstance(entry, dict):
            table += struct.pack(order + "HHII", tag, 4, 1, place)
            behind += write_ifd(entry, order, place)
        else:
            table += struct.pack(order + "HHI", tag, entry.kind, entry.count)
            if len(entry.raw) <= 4:
                table += entry.raw.ljust(4, b"\0")
            else:
                table += struct.pack(order + "I", place)
                behind += entry.raw
        behind += b"\0" * (len(behind) % 2)
    return table + bytes(4) + behind


def exif_tree(block: bytes, offset: int | None = None) -> Tree:
    """Return the descriptive part of an EXIF block or a TIFF file, as a tree that can be written elsewhere."""

    def branch(at: int | None, keep: Callable[[int], bool], links: tuple[int, ...]) -> Tree:
        order, entries, _ = read_ifd(block, at)
        tree: Tree = {tag: entry for tag, entry in entries.items() if keep(tag)}
        for tag in (_EXIF_IFD, _GPS_IFD, _INTEROP_IFD):
            if tree.pop(tag, None) and tag in links:
                with contextlib.suppress(struct.error):
                    inner = (_INTEROP_IFD,) if tag == _EXIF_IFD else ()
                    tree[tag] = branch(integer(entries[tag], order), lambda tag: True, inner)
        return tree

    if not block:
        return {}
    tree = branch(offset, lambda tag: tag in _DESCRIPTIVE, (_EXIF_IFD, _GPS_IFD))
    # In such descriptions programs keep the array's layout, which no longer holds.
    if 270 in tree and tree[270].raw.startswith((b'{"', b"ImageJ=", b"<?xml", b"<OME")):
        del tree[270]
    return tree


def exif_block(tree: Tree, order: str) -> bytes:
    """Return an EXIF block that holds `tree`."""
    return header(order, 8) + write_ifd(tree, order, 8)


def oriented_exif(value: int) -> bytes | None:
    """Return an EXIF block that holds only an orientation, or None for 1 (as stored)."""
    return None if value == 1 else exif_block({_ORIENTATION: Entry(3, 1, struct.pack("<H", value))}, "<")


def upright_exif(exif: bytes | None) -> bytes | None:
    """Return `exif` with the orientation 1 (as stored), if it tells one; what cannot be read stays as it is."""
    block = bytearray(exif or b"")
    with contextlib.suppress(struct.error, KeyError):
        order, entries, _ = read_ifd(exif or b"")
        if _ORIENTATION in entries:
            place = entries[_ORIENTATION].place
            struct.pack_into(order + "HHIHH", block, place, _ORIENTATION, 3, 1, 1, 0)
    return bytes(block) or None


def resized_exif(exif: bytes | None, height: int, width: int) -> bytes | None:
    """Return `exif` with the new size in pixels and without its thumbnail; what cannot be read stays as it is.

    Nothing is moved, since makers' notes hold offsets from the start of the block.
    """
    if not exif:
        return exif
    block = bytearray(exif)
    with contextlib.suppress(struct.error, KeyError):
        order, entries, link = read_ifd(exif)
        places = [(256, entries, width), (257, entries, height)]
        if _EXIF_IFD in entries:
            inner = read_ifd(exif, integer(entries[_EXIF_IFD], order))[1]
            places += [(40962, inner, width), (40963, inner, height)]  # PixelXDimension, PixelYDimension
        for tag, directory, value in places:
            if tag in directory:
                struct.pack_into(order + "HHII", block, directory[tag].place, tag, 4, 1, value)
        (thumbnail,) = struct.unpack_from(order + "I", exif, link)
        if thumbnail:
            struct.pack_into(order + "I", block, link, 0)
            entries = read_ifd(exif, thumbnail)[1]
            start, length = (integer(entries[tag], order) for tag in (513, 514))
            if start > link:
                end = min(start + length, len(exif))
                block[start:end] = bytes(end - start) if end < len(exif) else b""
    return bytes(block)
