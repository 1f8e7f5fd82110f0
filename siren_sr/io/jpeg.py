"""How a JPEG file was compressed: its quantization tables, the resolution of its components, and its colour space.

Only the headers are read here (ITU-T T.81, annex B). `siren_sr.io.coefficients` reads what the headers describe.
"""

from __future__ import annotations

import functools
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .image import RefusedError
from .source import Source, read_source

JpegColour = Literal["gray", "YCbCr", "RGB", "CMYK", "YCCK"]
"""What the components of a JPEG file mean."""

SUBSAMPLINGS = {"4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2), "4:4:0": (2, 1), "4:1:1": (1, 4), "4:1:0": (2, 4)}
"""How many rows and columns of pixels one value of colour stands for, by the usual names."""

# Tables K.1 and K.2 of ITU-T T.81, annex K, for luma and for colour; a row holds one vertical frequency.
_LUMA = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29),
    *(51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121),
    *(120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
_COLOUR = (
    *(17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99),
    *(47, 66, 99, 99, 99, 99, 99, 99, *(99,) * 32),
)
# Frequencies are stored along diagonals, to and fro: figure A.6 of ITU-T T.81.
_ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8))
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}  # sequential and progressive, by Huffman or arithmetic coding
_OTHER_FRAMES = {0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF}  # lossless or hierarchical
_NEXT = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")  # a marker behind coded data, which holds FF 00 and restarts


@dataclass(frozen=True, eq=False)
class JpegTables:
    """What a JPEG file says of its compression.

    Two are equal if all that they hold is.

    Attributes:
        tables: The quantization step of every component, vertical and horizontal frequency: (C, 8, 8) uint16, >= 1.
        sampling: The sampling factors (vertical, horizontal) of every component, 1 to 4. A component has as large a
            part of the picture's rows and columns as its factors have of the largest ones.
        colour: What the components are.
        size: Rows and columns of the picture, or None if any size is meant.

    Raises:
        ValueError: a part does not fit to the others.

    Examples:
        >>> JpegTables.of_quality(75).tables[0, 0].tolist()
        [8, 6, 5, 8, 12, 20, 26, 31]
    """

    tables: np.ndarray
    sampling: tuple[tuple[int, int], ...]
    colour: JpegColour = "YCbCr"
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        count = _COMPONENTS.get(self.colour)
        if count is None:
            raise ValueError(f"colour must be one of {', '.join(_COMPONENTS)}; got {self.colour!r}")
        tables = np.asarray(self.tables)
        if tables.shape != (count, 8, 8) or not np.all((tables >= 1) & (tables < 2**16) & (tables % 1 == 0)):
            raise ValueError(
                f"tables must be integers from 1 to 65535 of shape ({count}, 8, 8) for {self.colour}; "
                f"got shape {tables.shape}"
            )
        sampling = tuple((int(v), int(h)) for v, h in self.sampling)
        if len(sampling) != count or not all(1 <= factor <= 4 for pair in sampling for factor in pair):
            raise ValueError(f"sampling must be {count} pairs of factors from 1 to 4; got {self.sampling!r}")
        tables = tables.astype(np.uint16)
        tables.setflags(write=False)
        object.__setattr__(self, "tables", tables)
        object.__setattr__(self, "sampling", sampling)

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, JpegTables) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[Any, ...]:
        return self.tables.tobytes(), self.sampling, self.colour, self.size

    @staticmethod
    def of_quality(
        quality: int, *, subsampling: str = "4:2:0", colour: JpegColour = "YCbCr", size: tuple[int, int] | None = None
    ) -> JpegTables:
        """Return what libjpeg, and all that build on it, make of a quality.

        The tables of ITU-T T.81, annex K, are scaled by 50/quality below 50 and by 2 - quality/50 from there on.

        Args:
            quality: 1 to 100.
            subsampling: The resolution of colour, a name in `SUBSAMPLINGS`; gray has none.
            colour: What the components are.
            size: Rows and columns of the picture, if they are known.

        Raises:
            ValueError: the quality or the subsampling is not one of these.
        """
        if not 1 <= quality <= 100 or int(quality) != quality:
            raise ValueError(f"quality must be a whole number from 1 to 100; got {quality!r}")
        if subsampling not in SUBSAMPLINGS:
            raise ValueError(f"subsampling must be one of {', '.join(SUBSAMPLINGS)}; got {subsampling!r}")
        percent = 5000 // int(quality) if quality < 50 else 200 - 2 * int(quality)
        count = _COMPONENTS[colour]
        # RGB and CMYK have no component of colour alone: libjpeg quantizes all of theirs by the table for luma.
        plain = colour in ("RGB", "CMYK")
        bases = [_LUMA if plain or i in (0, 3) else _COLOUR for i in range(count)]
        tables = ((np.array(bases) * percent + 50) // 100).clip(1, 255).reshape(count, 8, 8)
        full = SUBSAMPLINGS["4:4:4" if plain or count == 1 else subsampling]
        return JpegTables(tables, tuple(full if i in (0, 3) else (1, 1) for i in range(count)), colour, size)

    @property
    def reduction(self) -> tuple[tuple[float, float], ...]:
        """For every component how many rows and columns of the picture one of its values stands for."""
        most = [max(pair[i] for pair in self.sampling) for i in (0, 1)]
        return tuple((most[0] / v, most[1] / h) for v, h in self.sampling)

    @property
    def subsampling(self) -> str | None:
        """The usual name of the resolution of colour, such as "4:2:0", or None if it has no name."""
        first, *others = self.reduction
        if first != (1, 1) or len(set(others[:2])) > 1:
            return None
        wanted = others[0] if others else (1, 1)
        return next((name for name, factors in SUBSAMPLINGS.items() if factors == wanted), None)

    @property
    def quality(self) -> int:
        """The quality of libjpeg, 1 to 100, whose table for luma has the nearest steps, in their logarithms."""
        away = _logarithms() - np.log(self.tables[0].astype(np.float64))
        return 1 + int(np.square(away).sum((1, 2)).argmin())

    @property
    def untouched(self) -> bool:
        """Whether all steps are 1, so that rounding is all that the file has lost."""
        return bool((self.tables == 1).all())


@functools.lru_cache(maxsize=1)
def _logarithms() -> np.ndarray:
    """The logarithms of the steps for luma of all qualities from 1 on, (100, 8, 8)."""
    tables = [JpegTables.of_quality(quality, colour="gray").tables[0] for quality in range(1, 101)]
    return np.log(np.stack(tables).astype(np.float64))


_COMPONENTS = {"gray": 1, "YCbCr": 3, "RGB": 3, "CMYK": 4, "YCCK": 4}


def read_jpeg_tables(source: Source) -> JpegTables:
    """Read how a JPEG file was compressed, from its headers alone.

    Args:
        source: the name of a file, its content as bytes, or a file opened with "rb". Of a file with several pictures
            (MPO) the first is described.

    Raises:
        OSError: the file is no JPEG, or is broken or cut off in its headers.
        ValueError: it is lossless, hierarchical, not of 8 bits, or tells its height only behind the picture.
        TypeError: the source is none of these.
    """
    data, text = read_source(source)
    return jpeg_tables(data, text)


def jpeg_tables(data: bytes, text: str = "the file") -> JpegTables:
    """Return how a JPEG file was compressed; `text` is what an error calls it. `read_jpeg_tables` tells the rest."""
    if not data.startswith(b"\xff\xd8\xff"):
        raise OSError(f"{text} is no JPEG file: read its pixels with read_image")
    try:
        return _Headers().read(data)
    except RefusedError as reason:
        raise ValueError(f"cannot read how {text} was compressed: {reason}") from None
    except (IndexError, KeyError, struct.error, ValueError) as error:
        raise OSError(f"{text} has broken JPEG headers: {error or type(error).__name__}") from error


def pillow_jpeg_tables(image: Any) -> JpegTables | None:
    """Return how an image was compressed that Pillow has read from a JPEG file, as far as the image still tells.

    Args:
        image: a PIL image, of any class. Those that were copied, converted or resized tell nothing.

    Returns:
        The tables, or None. They need not fit the pixels: some methods of Pillow change an image in place.
    """
    steps, layers = getattr(image, "quantization", None), getattr(image, "layer", None)
    if not steps or not isinstance(layers, list) or image.mode not in ("L", "RGB"):
        return None
    colour: JpegColour = "gray" if image.mode == "L" else "YCbCr"
    if colour == "YCbCr" and "jfif" not in image.info:  # as libjpeg decides
        named = bytes(layer[0] for layer in layers) == b"RGB"
        adobe = image.info.get("adobe_transform") if "adobe" in image.info else None
        colour = "RGB" if adobe == 0 or (adobe is None and named) else "YCbCr"
    try:
        tables = np.array([steps[layer[3]] for layer in layers]).reshape(len(layers), 8, 8)
        sampling = tuple((layer[2], layer[1]) for layer in layers) if len(layers) > 1 else ((1, 1),)
        return JpegTables(tables, sampling, colour, (image.height, image.width))
    except (LookupError, TypeError, ValueError):
        return None


class _Headers:
    """What the headers have told so far."""

    def __init__(self) -> None:
        self.tables: dict[int, np.ndarray] = {}
        self.used: dict[int, np.ndarray] = {}
        self.components: dict[int, tuple[tuple[int, int], int]] = {}
        self.size = (0, 0)
        self.jfif, self.adobe = False, None

    def read(self, data: bytes) -> JpegTables:
        """Read the headers up to where the table of each component is known."""
        for marker, body in _segments(data):
            if marker == 0xDB:
                self._quantization(body)
            elif marker in _FRAMES:
                self._frame(body)
            elif marker in _OTHER_FRAMES:
                raise RefusedError("it is lossless or hierarchical; only what common decoders read is supported")
            elif marker == 0xE0 and body[:5] == b"JFIF\0":
                self.jfif = True
            elif marker == 0xEE and body[:5] == b"Adobe":
                self.adobe = body[11]
            elif marker == 0xDA:
                # A table may be replaced between scans: the one that counts is there when a component first appears.
                for name in body[1 : 1 + 2 * body[0] : 2]:
                    self.used.setdefault(name, self.tables[self.components[name][1]])
                if len(self.used) == len(self.components):
                    break
        if not self.components or len(self.used) < len(self.components):
            raise ValueError("it ends before all components have begun")
        tables = np.stack([self.used[name] for name in self.components])
        sampling = tuple(pair for pair, _ in self.components.values())
        # The factors of a single component mean nothing (T.81, A.2.2), and some encoders write those of luma.
        return JpegTables(tables, sampling if len(sampling) > 1 else ((1, 1),), self._colour(), self.size)

    def _quantization(self, body: bytes) -> None:
        while body:
            wide, number = divmod(body[0], 16)
            kind, length = (">u2", 128) if wide else ("u1", 64)
            values = np.frombuffer(body[1 : 1 + length], kind)
            table = np.empty(64, np.uint16)
            table[_ZIGZAG] = values
            self.tables[number] = table.reshape(8, 8)
            body = body[1 + length :]

    def _frame(self, body: bytes) -> None:
        bits, height, width, count = struct.unpack_from(">BHHB", body)
        if bits != 8:
            raise RefusedError(f"it has {bits} bits for each value; only 8 are supported")
        if not height:
            raise RefusedError("it tells its height only behind the picture; write it anew")
        if not width or count not in (1, 3, 4):
            raise RefusedError(f"it has {count} components and {width} columns; 1, 3 or 4 components are supported")
        self.size, self.components = (height, width), {}
        for i in range(count):
            name, factors, table = body[6 + 3 * i : 9 + 3 * i]
            self.components[name] = ((factors % 16, factors // 16), table)
        if len(self.components) != count:
            raise ValueError("two components have one name")

    def _colour(self) -> JpegColour:
        """Decide as libjpeg does: JFIF, then Adobe's marker, then the names of the components."""
        names = bytes(self.components)
        if len(names) == 1:
            return "gray"
        if len(names) == 4:
            return "YCCK" if self.adobe == 2 else "CMYK"
        if self.jfif:
            return "YCbCr"
        if self.adobe is not None:
            return "RGB" if self.adobe == 0 else "YCbCr"
        return "RGB" if names == b"RGB" else "YCbCr"


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the marker and the content of every segment, without the coded data between them."""
    place = 2
    while found := _NEXT.search(data, place):
        marker, place = found[1][0], found.end()
        if marker == 0xD9:
            return
        if marker in (0x01, 0xD8):  # these stand alone
            continue
        (length,) = struct.unpack_from(">H", data, place)
        if length < 2 or place + length > len(data):
            raise ValueError("it ends within a header")
        yield marker, data[place + 2 : place + length]
        place += length
