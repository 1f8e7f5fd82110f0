"""Colour planes as libjpeg makes them of an image and turns them back, with its rounding: values are whole, 0 to 255.

Every tensor is float64 and holds integers, since not every device multiplies matrices of integers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

Factors = tuple[int, int]
"""Rows and columns of pixels for one value of a plane."""

_FIXED = 2**16  # libjpeg's constants of colour have 16 binary digits behind the point


def _fixed(*rows: Sequence[float]) -> Tensor:
    return torch.floor(torch.tensor(rows, dtype=torch.float64).abs() * _FIXED + 0.5) * torch.tensor(rows).sign()


# The equations of JFIF, with as many digits as libjpeg-turbo has: one more would change the last bit.
_TO_YCC = _fixed((0.299, 0.587, 0.114), (-0.168735892, -0.331264108, 0.5), (0.5, -0.418687589, -0.081312411))
_RED, _BLUE, _GREENS = _fixed((1.402, 0))[0, 0], _fixed((1.772, 0))[0, 0], _fixed((-0.34414, -0.71414))[0]


def to_ycc(rgb: Tensor) -> Tensor:
    """Convert whole values of red, green and blue (..., 3, H, W) to luma and two of colour."""
    sums = torch.einsum("ij,...jhw->...ihw", _TO_YCC.to(rgb), rgb)
    # Luma is rounded to the nearest; of colour halves go down, so that white stays below 256.
    half = torch.tensor([0.5 * _FIXED, 128.5 * _FIXED - 1, 128.5 * _FIXED - 1]).to(rgb)
    return torch.floor((sums + half[:, None, None]) / _FIXED)


def to_rgb(ycc: Tensor) -> Tensor:
    """Convert luma and colour (..., 3, H, W) to red, green and blue."""
    y, blue, red = ycc[..., 0, :, :], ycc[..., 1, :, :] - 128, ycc[..., 2, :, :] - 128
    greens = _GREENS.to(ycc)
    r = y + torch.floor((_RED.to(ycc) * red + _FIXED / 2) / _FIXED)
    g = y + torch.floor((greens[0] * blue + greens[1] * red + _FIXED / 2) / _FIXED)
    b = y + torch.floor((_BLUE.to(ycc) * blue + _FIXED / 2) / _FIXED)
    return torch.stack([r, g, b], -3).clamp(0, 255)


def pad(plane: Tensor, rows: int, columns: int) -> Tensor:
    """Repeat the last row and column of a plane (B, H, W) until there are so many rows and columns."""
    size = (0, columns - plane.shape[-1], 0, rows - plane.shape[-2])
    return functional.pad(plane[:, None], size, mode="replicate")[:, 0]


def reduce(plane: Tensor, factors: Factors, block: int) -> Tensor:
    """Reduce a plane (B, H, W) to whole blocks as libjpeg does: means of whole pixels, with its rounding.

    At the right edge pixels are repeated, at the lower edge the means of the last pixels.
    """
    v, h = factors
    rows, columns = -(-plane.shape[-2] // v), -(-plane.shape[-1] // (h * block)) * block
    plane = pad(plane, rows * v, columns * h)
    sums = plane.unflatten(-1, (columns, h)).unflatten(-3, (rows, v)).sum((-1, -3))
    if factors in ((1, 2), (2, 2)):  # halves go up in every second column
        odd = (torch.arange(columns, device=plane.device) % 2).to(sums)
        means = torch.floor((sums + odd + (v - 1)) / (v * h))
    else:
        means = torch.floor((sums + v * h // 2) / (v * h))
    return pad(means, -(-rows // block) * block, columns)


def enlarge(plane: Tensor, factors: Factors, size: Sequence[int]) -> Tensor:
    """Enlarge a plane (B, h, w) to (B, H, W) as libjpeg does when it decodes.

    Where there are two pixels for one value these are 3/4 of the nearer and 1/4 of the farther value; where there
    are more, values are repeated.
    """
    v, h = factors
    if factors == (1, 2) and plane.shape[-1] > 2:
        plane = _divide(_between(plane), (1, 2), 4)
    elif factors == (2, 1):
        plane = _divide(_between(plane.mT).mT, (1, 2), 4, rows=True)
    elif factors == (2, 2) and plane.shape[-1] > 2:
        plane = _divide(_between(_between(plane.mT).mT), (8, 7), 16)
    else:
        plane = plane.repeat_interleave(v, -2).repeat_interleave(h, -1)
    return plane[..., : size[0], : size[1]]


def _between(plane: Tensor) -> Tensor:
    """Twice as many columns, each 3 times the nearer value and once the farther; the outermost have 4 of one."""
    left = torch.cat([plane[..., :1], plane[..., :-1]], -1)
    right = torch.cat([plane[..., 1:], plane[..., -1:]], -1)
    return torch.stack([3 * plane + left, 3 * plane + right], -1).flatten(-2)


def _divide(sums: Tensor, added: Sequence[int], by: int, *, rows: bool = False) -> Tensor:
    """Divide, after adding one number in even columns (or rows) and another in odd ones."""
    dim = -2 if rows else -1
    both = torch.tensor(added).to(sums).repeat(sums.shape[dim] // 2)
    return torch.floor((sums + (both[:, None] if rows else both)) / by)
