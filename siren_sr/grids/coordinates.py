"""Where the samples of a grid lie in the network's domain [-1, 1]^D.

A grid of shape ``(n_1, ..., n_D)`` (rows, then columns, for an image) has D coordinates per sample, **x first**:
coordinate 0 runs along the last axis, as in the paper's code, so that index 0 of a gradient is ∂/∂x.
Two conventions exist for n samples on an axis:

- pixel centres (the default): sample i lies at (2i + 1)/n - 1, and the spacing is h = 2/n. Samples are cells, so that
  grids of different resolution over the same cells agree on where the picture's edges are.
- corners (``align_corners=True``, the paper's ``linspace(-1, 1, n)``): sample i lies at 2i/(n - 1) - 1, and the spacing
  is h = 2/(n - 1).
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

# A result may hold at most so many values, as a guard against a slip of the keyboard.
MAX_VALUES = 2**33

Region = Sequence[tuple[float, float]]
"""One (start, stop) per grid axis, in samples of the original grid; (0, n) is the whole axis."""


def axis(
    n: int, *, samples: int | None = None, span: tuple[float, float] | None = None, align_corners: bool = False
) -> Tensor:
    """Return the coordinates along one axis, a float64 tensor of shape (samples,).

    Args:
        n: Number of samples of the original grid on this axis.
        samples: How many coordinates to place on the axis (default: n).
        span: The part [start, stop] of the axis to cover, in samples of the original grid (default: all of it).
        align_corners: Whether the grid is corner-aligned instead of pixel-centred.

    Examples:
        >>> axis(4).tolist()
        [-0.75, -0.25, 0.25, 0.75]
        >>> axis(3, align_corners=True).tolist()
        [-1.0, 0.0, 1.0]
    """
    m = n if samples is None else samples
    start, stop = (0.0, float(n)) if span is None else span
    steps = torch.arange(m, dtype=torch.float64)
    if align_corners:
        if n == 1:
            return torch.zeros(m, dtype=torch.float64)
        if m == 1:
            index = torch.tensor([(start + stop - 1) / 2], dtype=torch.float64)
        else:
            index = start + steps * ((stop - 1 - start) / (m - 1))
        return index * (2 / (n - 1)) - 1
    return (start + (steps + 0.5) * ((stop - start) / m)) * (2 / n) - 1


def axes(
    shape: Sequence[int],
    *,
    size: Sequence[int] | None = None,
    region: Region | None = None,
    align_corners: bool = False,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, ...]:
    """Return one coordinate vector for every axis of a grid, in grid order (rows, columns, ...).

    Args:
        shape: The original grid (n_1, ..., n_D).
        size: How many coordinates to place on each axis (default: ``shape``).
        region: The part of the grid to cover, one (start, stop) per axis in original samples (default: all of it).
        align_corners: Whether the grid is corner-aligned instead of pixel-centred.
        device: Device of the result.
        dtype: Floating-point type of the result; the arithmetic is done in float64 first.
    """
    size = shape if size is None else size
    spans = [None] * len(shape) if region is None else list(region)
    return tuple(
        axis(n, samples=m, span=span, align_corners=align_corners).to(device=device, dtype=dtype)
        for n, m, span in zip(shape, size, spans, strict=True)
    )


def points(axes: Sequence[Tensor], start: int = 0, stop: int | None = None) -> Tensor:
    """Return the coordinates of the samples ``start:stop`` of a grid, counted in row-major order.

    Args:
        axes: One coordinate vector per axis, in grid order, as `axes` returns them.
        start: Number of the first sample.
        stop: One past the number of the last sample (default: the end of the grid).

    Returns:
        Tensor (stop - start, D), x first. Only these points are ever held in memory.
    """
    total = math.prod(len(a) for a in axes)
    return at(axes, torch.arange(start, total if stop is None else stop, device=axes[0].device))


def at(axes: Sequence[Tensor], index: Tensor) -> Tensor:
    """Return the coordinates of some samples of a grid.

    Args:
        axes: One coordinate vector per axis, in grid order, as `axes` returns them.
        index: Tensor (N,) with the numbers of the samples, counted in row-major order.

    Returns:
        Tensor (N, D), x first.
    """
    columns = []
    for a in reversed(axes):
        columns.append(a[index % len(a)])
        index = index // len(a)
    return torch.stack(columns, dim=-1)


def grid(
    shape: Sequence[int],
    *,
    align_corners: bool = False,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Return all coordinates of a grid as a tensor (n_1·…·n_D, D), row-major, x first.

    Examples:
        >>> grid((1, 2)).tolist()
        [[-0.5, 0.0], [0.5, 0.0]]
    """
    return points(axes(shape, align_corners=align_corners, device=device, dtype=dtype))


def spacing(shape: Sequence[int], *, align_corners: bool = False) -> tuple[float, ...]:
    """Return the distance h between neighbouring samples per coordinate, **x first** like the coordinates themselves.

    It is 2/n for pixel centres and 2/(n - 1) for corners; an axis of one sample has h = 2.

    Examples:
        >>> spacing((4, 8))
        (0.25, 0.5)
    """
    return tuple(2 / (n - 1) if align_corners and n > 1 else 2 / n for n in reversed(shape))


def grid_size(shape: Sequence[float], *, scale: Any = None, size: Any = None, channels: int = 1) -> tuple[int, ...]:
    """Return the samples per axis that ``scale=`` or ``size=`` asks for, or the original ``shape`` if neither is given.

    Args:
        shape: The original grid (n_1, ..., n_D).
        scale: One real number for all axes (of Python or NumPy, or a tensor without axes), or a sequence, array or
            tensor with one number per axis.
        size: A sequence, array or tensor with one integer per axis; a grid of one axis also takes a plain integer.
        channels: Number of values per sample.

    Raises:
        ValueError: Both are given, a number is not finite or not positive, there is not one number per axis, or the
            result has no sample or more than `MAX_VALUES` values.
        TypeError: ``scale`` is not made of numbers, or ``size`` is not made of integers.
    """
    if scale is not None and size is not None:
        raise ValueError(f"give scale or size, not both (got scale={scale}, size={size})")
    if size is not None:
        entries = _entries(size)
        integers = entries if isinstance(entries, list) else [entries] if len(shape) == 1 else []
        if not integers or not all(isinstance(n, numbers.Integral) for n in integers):
            raise TypeError(f"size must be {len(shape)} integers, one per axis (rows, columns), got {size!r}")
        if len(integers) != len(shape) or min(integers) < 1:
            raise ValueError(f"size must be {len(shape)} integers >= 1, one per axis (rows, columns), got {size!r}")
        result = tuple(int(n) for n in integers)
    elif scale is None:
        result = tuple(int(n) for n in shape)
    else:
        entries = _entries(scale)
        if entries is None:
            raise TypeError(f"scale must be a number, or {len(shape)} of them in a sequence or array, got {scale!r}")
        scales = [_float(s) for s in (entries if isinstance(entries, list) else [entries] * len(shape))]
        if len(scales) != len(shape) or not all(math.isfinite(s) and s > 0 for s in scales):
            raise ValueError(f"scale must be a finite number > 0, or {len(shape)} of them, got {scale!r}")
        result = tuple(math.floor(n * min(s, 1e18) + 0.5) for n, s in zip(shape, scales, strict=True))
        if min(result) < 1:
            raise ValueError(f"scale={scale} leaves no sample of a grid of {tuple(shape)}: use a larger one")
    values = channels * math.prod(result)
    if values > MAX_VALUES:
        what = f"{'x'.join(map(str, result))}" + (f" with {channels} channels" if channels > 1 else "")
        raise ValueError(
            f"the result would be {what}, {_gib(values)} GiB in float32: at most 2^33 values are made; "
            f"ask for less, or for a region of a fit"
        )
    return result


def _gib(values: int) -> str:
    return f"{values * 4 / 2**30:.3g}" if values < 2**200 else "more than 2^170"


def _float(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _entries(given: Any) -> Any:
    """Return a real number as it is and a sequence, array or tensor of them as a list; anything else gives None."""
    if isinstance(given, Tensor) and (given.is_nested or given.is_meta or given.layout != torch.strided):
        return None
    if isinstance(given, (Tensor, np.ndarray, np.generic)):
        if given.ndim > 1 or (isinstance(given, Tensor) and given.is_complex()):
            return None
        given = given.tolist()
    if isinstance(given, bool):
        return None
    if isinstance(given, numbers.Real):
        return given
    if not isinstance(given, Sequence) or isinstance(given, (str, bytes)):
        return None
    found = [_entries(entry) for entry in given]
    return found if all(isinstance(entry, numbers.Real) for entry in found) else None
