"""MP3 files need not tell how long they are; here their frames are counted, so that the decoder reads all of them.

Without this, libsndfile guesses the length from the size of the file and the bitrate of its first frame, and stops
there, which can be far too early where the bitrate varies.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

_KILOBITS = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),  # MPEG-1
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),  # MPEG-2 and its extension to low rates
}
_RATES = (44100, 48000, 32000)  # of MPEG-1


class _Frame(NamedTuple):
    """A frame: what all of a file share, its length and that of its side information in bytes, and its samples."""

    kind: tuple[int, int]
    length: int
    side: int
    samples: int


def is_mpeg(data: bytes) -> bool:
    """Return whether a sound file begins as MPEG audio does."""
    return data.startswith(b"ID3") or (data[:1] == b"\xff" and data[1:2] >= b"\xe0")


@dataclass(frozen=True)
class Counted:
    """An MP3 that does not tell its length.

    Attributes:
        samples: what its frames hold, per channel.
        slack: how many of them a decoder may leave out, since the first frames can refer to lost ones.
        indexed: the file with a frame before the first one that tells the number of frames.
    """

    samples: int
    slack: int
    indexed: bytes


def counted(data: bytes) -> Counted | None:
    """Count the frames of an MP3, or return None for one that tells its length, and for what is no MP3.

    Raises:
        OSError: it is damaged in the middle, so that frames would be missing.
    """
    start = _next_frame(data, _behind_id3(data), None)
    first = None if start is None else _frame(data, start)
    if start is None or first is None or any(mark in data[start : start + 200] for mark in (b"Xing", b"Info", b"VBRI")):
        return None
    count, place = 0, start
    while (frame := _frame(data, place)) and frame.kind == first.kind:
        place += frame.length
        count += 1
    if _next_frame(data, place, first.kind) is not None:
        raise OSError(f"it is damaged: {count} frames are followed by bytes that are none, and then by more frames")
    index = data[start : start + 4] + bytes(first.side) + b"Xing" + struct.pack(">II", 1, count)
    indexed = data[:start] + index.ljust(first.length, b"\0")[: first.length] + data[start:]
    return Counted(count * first.samples, 2 * first.samples, indexed)


def _behind_id3(data: bytes) -> int:
    """Return the place behind the tag at the beginning, whose size is stored in 7 bits a byte."""
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    return 10 + sum(byte << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))


def _next_frame(data: bytes, place: int, kind: tuple[int, int] | None) -> int | None:
    """Return the place of the next frame that another one of its kind follows, or None."""
    while (place := data.find(b"\xff", place)) >= 0:
        frame = _frame(data, place)
        if frame and kind in (None, frame.kind):
            following = _frame(data, place + frame.length)
            if following and following.kind == frame.kind:
                return place
        place += 1
    return None


def _frame(data: bytes, place: int) -> _Frame | None:
    """Return what the frame of layer III at a place says, or None if there is none or it is of free bitrate."""
    if place + 4 > len(data):
        return None
    (header,) = struct.unpack_from(">I", data, place)
    version, layer, bits, rate = header >> 19 & 3, header >> 17 & 3, header >> 12 & 15, header >> 10 & 3
    if header >> 21 != 2047 or version == 1 or layer != 1 or bits in (0, 15) or rate == 3:
        return None
    modern = version == 3
    hertz = _RATES[rate] // {3: 1, 2: 2, 0: 4}[version]
    length = (144 if modern else 72) * 1000 * _KILOBITS[modern][bits] // hertz + (header >> 9 & 1)
    mono = header >> 6 & 3 == 3
    side = (17 if mono else 32) if modern else (9 if mono else 17)
    return _Frame((version, rate), length, side, 1152 if modern else 576)
