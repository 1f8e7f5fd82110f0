"""Large linear systems that are solved without a matrix."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

STEPS, RMS = 40, 1e-4  # for values of the order of 1


def conjugate_gradients(operator: Callable[[Tensor], Tensor], wanted: Tensor) -> Tensor:
    """Solve operator(z) = wanted for z by conjugate gradients, starting from zero.

    It ends after `STEPS` steps, or when the root mean square of what is missing of ``wanted`` is at most `RMS`.

    Args:
        operator: A linear map that is symmetric and positive.
        wanted: The right-hand side.

    Returns:
        Tensor z of the shape of ``wanted``.
    """
    x, r = torch.zeros_like(wanted), wanted
    p, rr, limit = r, r.square().sum(), RMS**2 * wanted.numel()
    for _ in range(STEPS):
        if rr <= limit:
            break
        q = operator(p)
        alpha = rr / (p * q).sum()
        x, r = x + alpha * p, r - alpha * q
        before, rr = rr, r.square().sum()
        p = r + rr / before * p
    return x
