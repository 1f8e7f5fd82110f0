"""Interpolate a grid at any positions: small dense matrices for a rectangle of positions, 16 terms for single points.

The kernel is Keys' (a = -0.5), which is differentiable once everywhere. Outside the grid, samples are mirrored as
MATLAB does. Positions are counted in samples from the centre of the first one, in float64 as a rule: a picture may be
long.
"""

from __future__ import annotations

import torch
from torch import Tensor

from siren_sr.grids.resampling import bicubic, mirrored


def span(positions: Tensor) -> Tensor:
    """Return the numbers of all samples that the kernel reads at some positions, also of those outside the grid."""
    first, last = int(torch.floor(positions.min())) - 1, int(torch.floor(positions.max())) + 2
    return torch.arange(first, last + 1, device=positions.device)


def weights(positions: Tensor, numbers: Tensor, *, like: Tensor) -> Tensor:
    """Return the matrix (positions, numbers) that reads samples at positions, with the device and type of ``like``."""
    return bicubic(positions[:, None] - numbers).to(like)


def on_grid(image: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Interpolate images (B, C, h, w) at a rectangle of positions, as MATLAB enlarges: (B, C, rows, columns)."""
    a, b = ((p, span(p), n) for p, n in zip((rows, columns), image.shape[2:], strict=True))
    image = image.index_select(2, mirrored(a[1], a[2]).to(image.device))
    image = image.index_select(3, mirrored(b[1], b[2]).to(image.device))
    return weights(*a[:2], like=image) @ image @ weights(*b[:2], like=image).T


def at_points(values: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Interpolate grids (B, h, w, K) at N points, given by their positions along both axes: (B, N, K)."""
    taps = torch.arange(-1, 3, device=rows.device)
    y, x = (torch.floor(p.detach()).long()[:, None] + taps for p in (rows, columns))
    along_y, along_x = (bicubic(p[:, None] - i).to(values) for p, i in ((rows, y), (columns, x)))
    y, x = mirrored(y, values.shape[1]), mirrored(x, values.shape[2])
    result = values.new_zeros(len(values), len(rows), values.shape[3])
    for i in range(4):
        for j in range(4):
            result = result + values[:, y[:, i], x[:, j]] * (along_y[:, i] * along_x[:, j])[:, None]
    return result
