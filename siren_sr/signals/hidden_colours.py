"""Colours that nobody sees: what files hold under wholly transparent pixels must not bleed into what is seen."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def fill_hidden(values: Tensor) -> Tensor:
    """Give pixels whose alpha is 0 the colours of those around them; alpha and all other pixels stay.

    Colours are averaged to ever coarser grids, by their alpha, until every pixel has one, and taken back from the
    finest grid that knows: time is linear in the number of pixels.

    Args:
        values: (C, H, W) in [-1, 1], alpha last.

    Returns:
        Likewise. An image of which nothing is seen stays as it is.
    """
    alpha = (values[-1:] + 1) / 2
    hidden = alpha <= 0
    if hidden.all() or not hidden.any():
        return values
    return torch.cat([torch.where(hidden, _filled(values[:-1], alpha), values[:-1]), values[-1:]])


def _filled(colours: Tensor, weight: Tensor) -> Tensor:
    """Colours (C, H, W), those of weight (1, H, W) zero replaced; some weight is positive."""
    missing = weight <= 0
    if not missing.any():
        return colours
    total = functional.avg_pool2d(weight, 2, ceil_mode=True)
    mean = functional.avg_pool2d(colours * weight, 2, ceil_mode=True) / total.clamp(min=torch.finfo(total.dtype).tiny)
    coarse = _filled(mean, total)
    return torch.where(missing, functional.interpolate(coarse[None], colours.shape[1:], mode="bilinear")[0], colours)
