"""How an image came about, as a task assumed it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from siren_sr.io import JpegTables

KERNEL = "degradation.kernel"  # the tensor of a saved fit that holds an array of weights


@dataclass(frozen=True, eq=False)
class Degradation:
    """How an image came about, as the user said or as was found in the image.

    Attributes:
        kernel: What made it small: the name of a resampling kernel, the standard deviation of a Gaussian in pixels of
            the result, or an array of weights on such pixels, float64 of sum 1.
        noise: Standard deviation of its noise, in units of floats, where integers of 8 or 16 bits count as [0, 1].
        compression: How it was compressed, or None.
    """

    kernel: str | float | Tensor = "bicubic"
    noise: float = 0.0
    compression: JpegTables | None = None


def written(degradation: Degradation | None) -> tuple[dict[str, Tensor], dict[str, Any] | None]:
    """Return what a file holds of a degradation: tensors, and plain values."""
    if degradation is None:
        return {}, None
    kernel, tables = degradation.kernel, degradation.compression
    tensors = {KERNEL: kernel.detach().cpu().contiguous()} if isinstance(kernel, Tensor) else {}
    compression = tables and {
        "tables": tables.tables.tolist(),
        "sampling": [list(pair) for pair in tables.sampling],
        "colour": tables.colour,
        "size": None if tables.size is None else list(tables.size),
    }
    plain = {"kernel": None if tensors else kernel, "noise": degradation.noise, "compression": compression}
    return tensors, plain


def read(stored: Mapping[str, Any] | None, tensors: Mapping[str, Tensor]) -> Degradation | None:
    """Return what `written` told; a stranger may have written it.

    Raises:
        ValueError: It is impossible.
        TypeError: Something of another kind than is written.
        LookupError: Something is missing.
    """
    if stored is None:
        return None
    kernel, noise, compression = stored["kernel"], stored["noise"], stored["compression"]
    if kernel is None:
        kernel = tensors[KERNEL]
        if kernel.ndim != 2 or not kernel.dtype.is_floating_point or not bool(torch.isfinite(kernel).all()):
            raise ValueError(f"the kernel is no array of weights: it has the shape {tuple(kernel.shape)}")
    elif isinstance(kernel, bool) or not isinstance(kernel, (str, float)) or not kernel:
        raise TypeError(f"the kernel is {str(kernel)[:40]!r}, which is neither a name nor a number")
    elif isinstance(kernel, float) and not 0 < kernel < math.inf:
        raise ValueError(f"the kernel is a Gaussian of the impossible standard deviation {kernel}")
    if isinstance(noise, bool) or not isinstance(noise, (int, float)) or not 0 <= noise < math.inf:
        raise ValueError(f"the noise is {str(noise)[:40]!r}, which is no standard deviation")
    return Degradation(kernel, float(noise), None if compression is None else _tables(compression))


def _tables(stored: Mapping[str, Any]) -> JpegTables:
    size = stored["size"]
    if size is not None:
        rows, columns = size
        if not all(type(n) is int and n > 0 for n in (rows, columns)):
            raise ValueError(f"the compressed image has the impossible size {rows!r} x {columns!r}")
        size = (rows, columns)
    tables = np.array(stored["tables"], dtype=np.int64)
    return JpegTables(tables, tuple((v, h) for v, h in stored["sampling"]), stored["colour"], size)
