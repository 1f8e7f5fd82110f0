"""What a fit is at single points, as the tests of what is made of fits compare it."""

from __future__ import annotations

import torch
from torch import Tensor

from siren_sr import Fit
from siren_sr.grids import coordinates


def on_own_grid(fit: Fit, scale: float) -> tuple[Tensor, Tensor]:
    """Points of a finer grid, (N, D), and what the fit renders there before it is rounded, (N, C)."""
    size = fit.rendered_size(scale=scale)
    axes = coordinates.axes(fit.shape, size=size, align_corners=fit.align_corners, dtype=fit.model.dtype)
    values = torch.cat([slab for _, slab in fit._slabs(axes)], 1)
    return coordinates.points(axes), fit.origin.denormalize(values).flatten(1).T
