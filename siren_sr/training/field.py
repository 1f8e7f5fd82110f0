"""What a loss is: a function ``field -> scalar`` of a `Field`, the network on a grid.

An objective may look at the values, at the exact gradient and at the exact Laplacian, and pays only for what it looks
at. Everything is in the network's range [-1, 1]. One that is a sum over points may say so (`Pointwise`): it is then
computed in chunks whose memory does not depend on the grid. Ready-made ones are in `siren_sr.training.objectives`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor


class Field(Protocol):
    """The network on a grid; derivatives are per step of the grid (h_d·∂f/∂x_d, Σ h_d²·∂²f/∂x_d²)."""

    @property
    def values(self) -> Tensor:
        """(C, *grid)."""
        ...

    @property
    def gradient(self) -> Tensor:
        """(C, D, *grid), x first."""
        ...

    @property
    def laplacian(self) -> Tensor:
        """(C, *grid)."""
        ...


Objective = Callable[[Field], Tensor]

Index = slice | Tensor
"""Points of a grid in row-major order: a range, or their numbers."""


class Pointwise(Protocol):
    """An objective that is a sum over points: it can be computed chunk by chunk, or on some of the points only."""

    def __call__(self, field: Field) -> Tensor:
        """The loss on the whole grid."""
        ...

    def part(self, field: Field, index: Index) -> Tensor:
        """What the points ``index`` contribute to it, from a field (C, n) of these points alone."""
        ...


def squared_error(prediction: Tensor, target: Tensor, *, channel_sum: bool = False, dims: int = 2) -> Tensor:
    """Mean squared error; with ``channel_sum`` summed over all but the ``dims`` grid axes, as the paper's code does."""
    error = (prediction - target).square()
    return error.sum() / error[(0,) * (error.ndim - dims)].numel() if channel_sum else error.mean()


def psnr_of(error: float) -> float:
    """PSNR in dB of a mean squared error in [-1, 1], whose data range is 2; infinite for 0."""
    return -10 * math.log10(error / 4) if error > 0 else math.inf


class SquaredError:
    """Weighted mean squared error between what a network has at each point and a target; a `Pointwise` objective.

    Args:
        quantity: What the network has: function of a `Field`, (..., *grid) with the grid last.
        target: The same shape.
        dims: Number of grid axes.
        channel_sum: Sum over what is not the grid instead of averaging.
        weight: A factor, or one per point and channel that can be broadcast to (..., points).
    """

    def __init__(
        self,
        quantity: Callable[[Field], Tensor],
        target: Tensor,
        *,
        dims: int,
        channel_sum: bool = False,
        weight: float | Tensor = 1.0,
    ) -> None:
        self._quantity = quantity
        self._target = target.flatten(target.ndim - dims)
        points = self._target.shape[-1]
        self._weight, self._count = weight, points if channel_sum else self._target.numel()

    def __call__(self, field: Field) -> Tensor:
        """The loss on the whole grid."""
        return self.part(field, slice(None))

    def part(self, field: Field, index: Index) -> Tensor:
        """The share of the points ``index``."""
        target = self._target[..., index]
        error = (self._quantity(field).reshape(target.shape) - target).square()
        return (self._weight * error).sum() / self._count


def weighted(objectives: Sequence[tuple[float, Objective]]) -> Objective:
    """Σ weight · objective; `Pointwise` if all of them are."""
    if all(is_pointwise(term) for _, term in objectives):
        return _Sum(objectives)

    def objective(field: Field) -> Tensor:
        return torch.stack([weight * term(field) for weight, term in objectives]).sum()

    return objective


class _Sum:
    """Σ weight · objective of pointwise objectives."""

    def __init__(self, terms: Sequence[tuple[float, Any]]) -> None:
        self._terms = terms

    def __call__(self, field: Field) -> Tensor:
        return self.part(field, slice(None))

    def part(self, field: Field, index: Index) -> Tensor:
        return torch.stack([weight * term.part(field, index) for weight, term in self._terms]).sum()


def is_pointwise(objective: Objective) -> bool:
    """Whether an objective is a `Pointwise` one: whether it has a method ``part``."""
    return callable(getattr(objective, "part", None))
