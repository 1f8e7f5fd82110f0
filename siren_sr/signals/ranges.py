"""Which interval of the user's data becomes [-1, 1], and which values a result may have.

| data                                   | becomes [-1, 1]                       | a result may have                  |
|----------------------------------------|---------------------------------------|------------------------------------|
| image of uint8                         | 0 to 255                              | the same                           |
| image of uint16                        | 0 to 2^k - 1, of the k bits in use    | this if it is reached, or 65535    |
| image of floats                        | its own least to its largest value    | [0, 1] if it lies there, or any    |
| other integers, and grids of integers  | their own least to their largest      | the same                           |
| other grids of floats                  | their own least to their largest      | any                                |
| audio                                  | -a to a, its largest amplitude        | any; integers the same             |

Floating-point data have no scale that can be relied on. They are therefore measured by themselves: a result does not
depend on their scale and offset.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

ROUNDING = 1e-5  # an image in [0, 1] that was resized or filtered may leave it by so much
# Types that PyTorch does not compare, and the types to compare them in.
_ORDERED = {torch.uint16: torch.int32, torch.uint32: torch.int64, torch.uint64: torch.float64}


@dataclass(frozen=True)
class Range:
    """The range of some data; the fields are those of `siren_sr.signals.origin.Origin`."""

    low: float
    high: float
    floor: float = -math.inf
    ceiling: float = math.inf
    full: float = 1.0


def find(values: Tensor, dtype: str, *, image: bool, audio: bool, sixteen_bits: bool = False) -> Range:
    """Return the range of data.

    Args:
        values: The data, finite, on any grid.
        dtype: Name of their element type.
        image: Whether they are an image: they have two grid axes.
        audio: Whether they are a sound.
        sixteen_bits: Whether an image of integers is to be read as one of 16 bits, although its type has more.

    Raises:
        ValueError: The values differ by more than a double-precision number can hold.
    """
    floating = values.dtype.is_floating_point
    values = values.to(_ORDERED.get(values.dtype, values.dtype))
    least, most = float(values.min().item()), float(values.max().item())
    if not math.isfinite(most - least) or not math.isfinite(2 * max(abs(least), abs(most))):
        raise ValueError(f"values from {least:g} to {most:g} span more than float64 can hold: divide the data first")
    if audio:
        peak = max(abs(least), abs(most))
        return Range(-peak, peak) if floating else Range(-peak, peak, -peak, peak)
    if image and dtype == "uint8":
        return Range(0.0, 255.0, 0.0, 255.0, full=255.0)
    if image and (dtype == "uint16" or (sixteen_bits and least >= 0 and most <= 65535)):
        top = float(2 ** max(1, int(most).bit_length()) - 1)
        return Range(0.0, top, 0.0, top if most == top else 65535.0, full=65535.0)
    if not floating:
        return Range(least, most, least, most, full=max(1.0, most - least))
    if not image:
        return Range(least, most)
    if least >= -ROUNDING * most and most <= 1 + ROUNDING:
        return Range(max(0.0, least), min(1.0, most), 0.0, 1.0)
    return Range(least, most, 0.0 if least >= 0 else -math.inf)
