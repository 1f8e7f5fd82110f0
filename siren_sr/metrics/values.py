"""What is compared: two signals of the same kind, read as float64 in units of their range, and checked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from siren_sr import arguments

LEVELS = {"uint8": 255.0, "uint16": 65535.0}
FLOATING = ("float16", "bfloat16", "float32", "float64", "float128", "longdouble")


def shape_of(data: Any) -> tuple[int, ...]:
    """The shape of a tensor or an array, for an error's text."""
    return tuple(data.shape)


def read(data: Any) -> Tensor:
    """What the user gave as a float64 tensor of the same shape; integers divided by their largest value.

    Raises:
        TypeError: Neither a tensor nor an array, or an element type that is not supported.
        ValueError: No values, NaN or infinite values.
    """
    if not isinstance(data, (Tensor, np.ndarray)):
        raise TypeError(f"expected a tensor or a NumPy array, got {type(data).__name__}: use numpy.asarray on images")
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError("masked arrays are not supported: compare data[~mask], or fill them with data.filled(...)")
    if isinstance(data, Tensor) and (data.is_nested or data.layout != torch.strided):
        raise TypeError(f"a tensor of layout {data.layout} is not supported: use its to_dense()")
    name = str(data.dtype).removeprefix("torch.")
    if name not in LEVELS and name not in FLOATING:
        raise TypeError(f"{name} values are not supported: use uint8, uint16 or a floating-point type")
    if isinstance(data, Tensor):
        if data.is_meta:
            raise ValueError("a tensor on the device meta has no values to compare")
        values = data.detach().to(torch.float32 if data.device.type == "mps" else torch.float64)
    else:
        values = torch.from_numpy(np.array(data, dtype=np.float64))
    if values.numel() == 0:
        raise ValueError(f"nothing to compare: the shape is {shape_of(data)}")
    if not values.isfinite().all():
        raise ValueError(f"{int((~values.isfinite()).sum())} of {values.numel()} values are NaN or infinite")
    return values / LEVELS.get(name, 1.0)


def read_pair(a: Any, b: Any) -> tuple[Tensor, Tensor]:
    """Two signals as `read` gives them.

    Raises:
        TypeError: As `read`, or not two tensors or two arrays.
        ValueError: As `read`, or different shapes.
    """
    x, y = read(a), read(b)
    if isinstance(a, Tensor) != isinstance(b, Tensor):
        kinds = f"{type(a).__name__} and {type(b).__name__}"
        raise TypeError(f"expected two tensors or two arrays, got {kinds}: their axes are ordered differently")
    if x.shape != y.shape:
        raise ValueError(f"the shapes differ: {shape_of(a)} and {shape_of(b)}; crop or resize one of them first")
    return x, y.to(x.device)


def squared_error(a: Any, b: Any, channel_sum: bool) -> tuple[float, float]:
    """Return a number m and a scale s with which m·s² is the mean of the squared differences.

    The scale is 1, but for differences whose squares no float can hold. Arguments and errors are those of
    `siren_sr.metrics.mse`.
    """
    x, y = read_pair(a, b)
    difference, scale = x - y, 1.0
    error = difference.square().mean().item()
    if not 1e-200 < error < math.inf:
        scale = difference.abs().max().item() or 1.0
        if scale == math.inf:
            raise ValueError("the values differ by more than any float: divide both by a large number")
        error = (difference / scale).square().mean().item()
    if arguments.flag("channel_sum", channel_sum):
        pixel_axes = x.shape[-2:] if isinstance(a, Tensor) else x.shape[:2]
        error *= x.numel() / math.prod(pixel_axes)
    return error, scale


def check_range(data_range: Any, *signals: Any) -> float:
    """The range of two signals as a float.

    Raises:
        ValueError: No positive number, or another one than 1 for integers, whose range is their type's.
    """
    if isinstance(data_range, bool) or not isinstance(data_range, (int, float, np.number)):
        raise ValueError(f"data_range must be a positive number, got {data_range!r}")
    data_range = data_range if isinstance(data_range, int) else float(data_range)
    if not 0 < data_range < 1e308:
        raise ValueError(f"data_range must be a positive number, got {data_range!r}")
    integer = any(str(getattr(signal, "dtype", "")).removeprefix("torch.") in LEVELS for signal in signals)
    if integer and data_range != 1:
        raise ValueError(f"integers are divided by their largest value: leave data_range out, got {data_range!r}")
    return float(data_range)
