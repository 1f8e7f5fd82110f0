"""Colours that nobody sees: those of wholly transparent pixels must not bleed into what is seen."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from siren_sr.signals.origin import to_unit


def fill_hidden(values: Tensor) -> Tensor:
    """Give pixels whose alpha is 0 the colours of the pixels around them; alpha and all other pixels stay as they are.

    Colours are averaged onto ever coarser grids, weighted by alpha, until every pixel has one. A hidden pixel then
    takes its colour from the finest grid that has one there. The time is linear in the number of pixels.

    Args:
        values: Tensor (C, H, W) in [-1, 1], whose last channel is alpha.

    Returns:
        Tensor of the same shape and range. An image that is wholly transparent stays as it is.
    """
    alpha = to_unit(values[-1:])
    hidden = alpha <= 0
    if hidden.all() or not hidden.any():
        return values
    return torch.cat([torch.where(hidden, filled_in(values[:-1], alpha), values[:-1]), values[-1:]])


def filled_in(values: Tensor, weight: Tensor) -> Tensor:
    """Return values, replaced where their weight is zero by those around them.

    Args:
        values: (C, H, W).
        weight: (1, H, W) or, for each channel its own, (C, H, W), >= 0; of each channel some must be positive.
    """
    missing = weight <= 0
    if not missing.any():
        return values
    total = functional.avg_pool2d(weight, 2, ceil_mode=True)
    mean = functional.avg_pool2d(values * weight, 2, ceil_mode=True) / total.clamp(min=torch.finfo(total.dtype).tiny)
    coarse = filled_in(mean, total)
    return torch.where(missing, functional.interpolate(coarse[None], values.shape[1:], mode="bilinear")[0], values)
