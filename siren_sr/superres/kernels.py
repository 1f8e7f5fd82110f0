"""The kernels of a downsampling: names, Gaussians and arrays of weights, as banded matrices along rows and columns."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from siren_sr.grids import resampling
from siren_sr.grids.banded import Banded
from siren_sr.grids.boundaries import Boundary

RANK_TOLERANCE = 1e-3  # singular values of a kernel array below this share of the largest one are left out


Bands = tuple[Banded, Banded]
"""The same two matrices, banded."""


def check_kernel(kernel: Any) -> str | float | Tensor:
    """Validate the kernel of a downsampling.

    Args:
        kernel: A name in `siren_sr.grids.resampling.KERNELS` ("bicubic" is MATLAB's ``imresize``, "box" an average); a
            number >= 0.3, the standard deviation of a Gaussian in pixels of the large picture; or a 2-D array of
            weights, with which pixels of the large picture add up to a small pixel. The middle of the array, which lies
            between its entries if a side is even, belongs to the centre of the small pixel. The weights are scaled to
            the sum 1. At an even scale the centres of small pixels lie between pixels, so that the entries of an array
            of odd sides lie half a pixel off and are interpolated: a single 1 averages 2x2 pixels. Even sides avoid
            that.

    Returns:
        The name, the number, or a float64 tensor of sum 1.

    Raises:
        ValueError: The name is unknown, the number is too small or not finite, or the array is not 2-D, is empty, is
            not finite or has no positive sum.
        TypeError: The kernel is anything else, such as an array of complex numbers.
    """
    if isinstance(kernel, str):
        if kernel not in resampling.KERNELS:
            raise ValueError(
                f"kernel={kernel!r} is unknown: use one of {sorted(resampling.KERNELS)}, a Gaussian's standard "
                "deviation in pixels of the result, or a 2-D array"
            )
        return kernel
    if isinstance(kernel, numbers.Real) and not isinstance(kernel, bool):
        if not 0.3 <= kernel < math.inf:  # pyright: ignore[reportOperatorIssue]
            raise ValueError(f"kernel={kernel!r}: a Gaussian's standard deviation must be a number >= 0.3 pixels")
        return float(kernel)
    if not isinstance(kernel, Tensor | np.ndarray):
        raise TypeError(f"kernel must be a name, a number or a 2-D array, got {type(kernel).__name__}")
    if isinstance(kernel, Tensor):
        if kernel.is_nested or kernel.is_meta or kernel.is_quantized or kernel.layout != torch.strided:
            raise TypeError(f"kernel must be a dense tensor with values, got one of layout {kernel.layout}")
        real, array = not kernel.is_complex(), kernel.detach().cpu()
    else:
        # The copy is in the machine's own order, whatever the strides, the byte order and the flags of the array are.
        real = kernel.dtype.kind in "biuf"
        array = torch.from_numpy(np.array(kernel, dtype=np.float64, order="C")) if real else kernel
    if not real:
        raise TypeError(f"kernel must be an array of real numbers, got {kernel.dtype}")
    array = torch.as_tensor(array).double()
    if array.ndim != 2 or 0 in array.shape or not torch.isfinite(array).all():
        raise ValueError(f"kernel must be a 2-D array of finite weights, got shape {tuple(array.shape)}")
    if array.sum() <= 1e-6 * array.abs().sum():
        raise ValueError("kernel must have a positive sum: it says how pixels are averaged")
    return array / array.sum()


def kernel_bands(
    size: Sequence[int], shape: Sequence[int], kernel: str | float | Tensor, boundary: Sequence[Boundary]
) -> list[Bands]:
    """Return the terms of a downsampling from ``size`` to ``shape``; `Downsample` says more."""
    if isinstance(kernel, str):
        rows, columns = resampling.resize_bands(size, shape, kernel=kernel, border=boundary)
        return [(rows, columns)]
    positions = [resampling.centres(m, n) for n, m in zip(size, shape, strict=True)]
    if isinstance(kernel, float):
        sigma = kernel
        if sigma > max(size):
            raise ValueError(
                f"kernel={kernel:g}: a Gaussian's standard deviation cannot be larger than the picture, "
                f"{size[0]}x{size[1]} pixels"
            )
        weight = (lambda d: torch.exp(-0.5 * (d / sigma) ** 2), max(1.0, 4 * sigma))
        axes = zip(size, positions, boundary, strict=True)
        rows, columns = (resampling.bands(n, p, kernel=weight, border=border) for n, p, border in axes)
        return [(rows, columns)]
    u, s, v = torch.linalg.svd(kernel, full_matrices=False)
    count = int((s > RANK_TOLERANCE * s[0]).sum())
    rows = [_taps(size[0], positions[0], u[:, r] * s[r].sqrt(), boundary[0]) for r in range(count)]
    columns = [_taps(size[1], positions[1], v[r] * s[r].sqrt(), boundary[1]) for r in range(count)]
    return list(zip(rows, columns, strict=True))


def _taps(n: int, positions: Tensor, taps: Tensor, boundary: Boundary) -> Banded:
    """Return the matrix (m, n) that applies taps, one sample apart and centred on each of m positions.

    Between samples it interpolates linearly.
    """
    at = positions[:, None] + torch.arange(len(taps)) - (len(taps) - 1) / 2
    low = torch.floor(at + 1e-9)
    share = (at - low).clamp(min=0)
    index = torch.cat([low, low + 1], 1).long()
    index = index % n if boundary == "wrap" else resampling.mirrored(index, n)
    return Banded.from_taps(n, index, torch.cat([taps * (1 - share), taps * share], 1))
