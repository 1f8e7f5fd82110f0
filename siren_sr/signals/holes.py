"""Holes of masked arrays: what is not known must have no share in what is made of the rest."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from siren_sr.grids.systems import conjugate_gradients
from siren_sr.signals.hidden_colours import filled_in


def without_holes(image: np.ma.MaskedArray[Any, Any]) -> NDArray[Any]:
    """Return a plain array, whose holes are filled smoothly from what lies around them; all else stays as it is.

    What is stored under the mask, NaN for example, is never looked at. A channel of which nothing is known takes the
    mean of the others, or 0 if there are none.

    Args:
        image: (H, W), (H, W, C) or (B, H, W, C). The mask is one per value, so that channels may have holes of their
            own. Arrays of other shapes, and those that hold no numbers, are returned as they are stored, to be refused
            by who reads them.
    """
    result = np.array(image.data, subok=False)
    if image.ndim not in (2, 3, 4) or image.dtype.kind not in "iuf" or not image.size:
        return result
    hidden = np.ma.getmaskarray(image)
    if image.ndim == 4:
        return np.stack([without_holes(one) for one in image])
    if not hidden.any():
        return result
    known = np.where(hidden, np.zeros((), result.dtype), result)
    if not np.isfinite(known).all():
        return known
    nothing, known = hidden.all((0, 1)), known.astype(np.float64)  # of which channels nothing is known
    if nothing.any():
        known[..., nothing] = known.sum() / max(1, (~hidden).sum())
    found = _bent(*(torch.from_numpy(np.moveaxis(np.atleast_3d(x), -1, 0).copy()) for x in (known, hidden & ~nothing)))
    found = found.movedim(0, -1).numpy().reshape(result.shape)
    if result.dtype.kind != "f":
        found = found.round()
    np.copyto(result, found.astype(result.dtype), where=hidden)
    return result


def _bent(values: Tensor, hidden: Tensor) -> Tensor:
    """Fill holes by the surface that is bent least, as thin plates are, within the range of the known values.

    Slopes go on into the holes. If they ended at the edge, the enlargement would show that outside of the holes too.
    The surface is the minimum of Σ (Δx)², and is sought from means of the surroundings on. Near the edges, where it
    matters, it is found within the steps that `conjugate_gradients` takes.

    Args:
        values: (C, H, W), float64.
        hidden: (C, H, W), not all of a channel.
    """
    if not hidden.any():
        return values
    least = values.masked_fill(hidden, math.inf).amin((1, 2), keepdim=True)
    most = values.masked_fill(hidden, -math.inf).amax((1, 2), keepdim=True)
    span = (most - least).clamp(min=torch.finfo(values.dtype).tiny)
    start = filled_in((values - least) / span, (~hidden).double())

    def bending(x: Tensor) -> Tensor:
        return torch.where(hidden, _laplacian(_laplacian(x)), 0.0)

    found = start + conjugate_gradients(bending, -bending(start))
    return torch.where(hidden, found.clamp(0, 1) * span + least, values)


def _laplacian(x: Tensor) -> Tensor:
    """The sum of the differences to the four neighbours that there are."""
    p = functional.pad(x[None], (1, 1, 1, 1), mode="replicate")[0]
    return p[:, 1:-1, 2:] + p[:, 1:-1, :-2] + p[:, 2:, 1:-1] + p[:, :-2, 1:-1] - 4 * x


def with_holes(result: NDArray[Any], image: np.ma.MaskedArray[Any, Any]) -> np.ma.MaskedArray[Any, Any]:
    """Return an enlargement as a masked array.

    A value is hidden if the centre of its pixel lies in a hidden pixel of the image, or on the border of one.

    Args:
        result: (H, W), (H, W, C) or (B, H, W, C).
        image: What it was made of, (h, w), (h, w, C) or (B, h, w, C).

    Examples:
        >>> with_holes(np.zeros((2, 6)), np.ma.masked_array([[1.0, 2.0, 3.0]], [[0, 1, 0]])).mask[0]
        array([False, False,  True,  True, False, False])
    """
    hidden = np.ma.getmaskarray(image)
    rows = 1 if image.ndim == 4 else 0
    for axis in (rows, rows + 1):
        n, m = hidden.shape[axis], result.shape[axis]
        # The centre of the pixel j lies at (2 j + 1) n / (2 m) pixels of the image. In whole numbers it is seen exactly
        # whether that is a border.
        centres = (2 * np.arange(m) + 1) * n
        hidden = hidden.take(centres // (2 * m), axis) | hidden.take((centres - 1) // (2 * m), axis)
    return np.ma.MaskedArray(result, hidden, fill_value=image.fill_value)
