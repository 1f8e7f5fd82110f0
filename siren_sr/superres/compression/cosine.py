"""The discrete cosine transform of 8 x 8 blocks: exactly as libjpeg rounds it, and without rounding."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

BLOCK = 8
BITS = 13  # binary digits of the constants in libjpeg's accurate integer transform
KEPT = 2  # binary digits that its first pass keeps behind the point


@functools.cache
def orthonormal(size: int = BLOCK) -> Tensor:
    """The matrix of the transform: frequencies by samples, float64, orthonormal; of 8 it is T.81's (A.3.3)."""
    k, n = torch.arange(size, dtype=torch.float64)[:, None], torch.arange(size, dtype=torch.float64)
    matrix = torch.cos((2 * n + 1) * k * math.pi / (2 * size)) * math.sqrt(2 / size)
    matrix[0] /= math.sqrt(2)
    return matrix


def forward(blocks: Tensor) -> Tensor:
    """Transform samples (..., 8, 8) into coefficients."""
    matrix = orthonormal().to(blocks)
    return matrix @ blocks @ matrix.T


def inverse(coefficients: Tensor) -> Tensor:
    """Transform coefficients (..., 8, 8) into samples."""
    matrix = orthonormal().to(coefficients)
    return matrix.T @ coefficients @ matrix


@functools.cache
def integers() -> Tensor:
    """The integer matrix of libjpeg's accurate transform, which is sqrt(8) · 2¹³ times the orthonormal one.

    The transform of Loeffler, Ligtenberg and Moschytz ("Practical fast 1-D DCT algorithms with 11 multiplications",
    1989) multiplies by few numbers, and libjpeg rounds these to 13 binary digits. Nothing else is rounded within a
    pass, so that the pass is a product with this matrix: each entry is the sum of those numbers that lie on the ways
    from a sample to a frequency. The transposed matrix is its way back.
    """
    c = [math.sqrt(2) * math.cos(k * math.pi / 16) for k in range(8)]
    # Each number is rounded on its own and the sums are taken of what was rounded, as the algorithm's steps do.
    low, high, lower = (_fixed(value) for value in (c[6], c[2] - c[6], -c[2] - c[6]))
    one = 2**BITS
    evens = [
        [one] * 4,
        [low + high, low, -low, -low - high],
        [one, -one, -one, one],
        [low, low + lower, -low - lower, -low],
    ]
    all_odd, outer, inner, third, first = (
        _fixed(v) for v in (c[3], c[7] - c[3], -c[1] - c[3], -c[3] - c[5], c[5] - c[3])
    )
    own = [_fixed(a * c[1] + b * c[3] + d * c[5] + e * c[7]) for a, b, d, e in _OWN]
    # The differences of the samples 0 and 7, 1 and 6, 2 and 5, 3 and 4 on their way to the frequencies 1, 3, 5, 7.
    odds = [
        [own[3] + outer + first + all_odd, all_odd, first + all_odd, outer + all_odd],
        [all_odd, own[2] + inner + third + all_odd, inner + all_odd, third + all_odd],
        [first + all_odd, inner + all_odd, own[1] + inner + first + all_odd, all_odd],
        [outer + all_odd, third + all_odd, all_odd, own[0] + outer + third + all_odd],
    ]
    matrix = torch.zeros(BLOCK, BLOCK, dtype=torch.float64)
    for i, (even, odd) in enumerate(zip(evens, odds, strict=True)):
        matrix[2 * i] = torch.tensor(even + even[::-1], dtype=torch.float64)
        matrix[2 * i + 1] = torch.tensor(odd + [-value for value in odd[::-1]], dtype=torch.float64)
    return matrix


# The factor of each difference of samples that only its own product has, in cosines of 1, 3, 5 and 7 sixteenths of π.
_OWN = ((-1, 1, 1, -1), (1, 1, -1, 1), (1, 1, 1, -1), (1, 1, -1, -1))


def _fixed(value: float) -> int:
    return math.floor(value * 2**BITS + 0.5) if value > 0 else -math.floor(-value * 2**BITS + 0.5)


def rounded_forward(blocks: Tensor) -> Tensor:
    """Transform integer samples (..., 8, 8) into 8 times their coefficients, rounded as libjpeg does; float64."""
    matrix = integers().to(blocks)
    rows = rounded_shift(blocks @ matrix.T, BITS - KEPT)
    return rounded_shift(matrix @ rows, BITS + KEPT)


def rounded_inverse(coefficients: Tensor) -> Tensor:
    """Transform integer coefficients (..., 8, 8) into integer samples, rounded as libjpeg does; float64."""
    matrix = integers().to(coefficients)
    columns = rounded_shift(matrix.T @ coefficients, BITS - KEPT)
    return rounded_shift(columns @ matrix, BITS + KEPT + 3)


def rounded_shift(values: Tensor, bits: int) -> Tensor:
    """Divide integers by a power of two, rounded to the nearest; halves go up."""
    return torch.floor((values + 2 ** (bits - 1)) / 2**bits)
