"""What a loss is: a function ``field -> scalar`` of a `Field`, which is the network on a grid.

An objective may look at the values of the network, at its exact gradient and at its exact Laplacian. Derivatives are
computed only up to the order that it looks at. All values are in the network's range [-1, 1]. An objective that is a
sum over points may say so by being `Pointwise`: it is then computed in chunks, whose memory does not depend on the size
of the grid. Ready-made objectives are in `siren_sr.training.objectives`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor


class Field(Protocol):
    """The network on a grid of D axes.

    Derivatives are counted per step of the grid: the gradient is h_d·∂f/∂x_d and the Laplacian is Σ_d h_d²·∂²f/∂x_d²,
    where h_d is the distance between neighbouring samples along coordinate d.
    """

    @property
    def values(self) -> Tensor:
        """The values of the network, a tensor (C, *grid)."""
        ...

    @property
    def gradient(self) -> Tensor:
        """The gradient of the network, a tensor (C, D, *grid), x first."""
        ...

    @property
    def laplacian(self) -> Tensor:
        """The Laplacian of the network, a tensor (C, *grid)."""
        ...


Objective = Callable[[Field], Tensor]
"""A loss: a function of a `Field` that returns a scalar."""

Index = slice | Tensor
"""Some points of a grid, numbered in row-major order: a range of numbers, or a tensor of them."""


class Pointwise(Protocol):
    """An objective that is a sum over points: it can be computed chunk by chunk, or on some of the points only."""

    def __call__(self, field: Field) -> Tensor:
        """Return the loss on the whole grid, a scalar."""
        ...

    def part(self, field: Field, index: Index) -> Tensor:
        """Return what the points ``index`` contribute to the loss.

        Args:
            field: The field of these n points alone, with values (C, n) and a gradient (C, D, n).
            index: Which points of the grid they are.
        """
        ...


def squared_error(prediction: Tensor, target: Tensor, *, channel_sum: bool = False) -> Tensor:
    """Return the mean squared error of two tensors (..., *grid) of the same shape, a scalar.

    Args:
        prediction: What the network has.
        target: What it should have.
        channel_sum: For images, whether to sum over all axes but the last two, and to average over these only, as the
            paper's code does.
    """
    error = (prediction - target).square()
    return error.sum() / error[(0,) * (error.ndim - 2)].numel() if channel_sum else error.mean()


def psnr_of(error: float) -> float:
    """Return the PSNR in dB for a mean squared error of values in [-1, 1], whose data range is 2; infinite for 0."""
    return -10 * math.log10(error / 4) if error > 0 else math.inf


class SquaredError:
    """Weighted mean squared error between a quantity of the network and a target; a `Pointwise` objective.

    Args:
        quantity: Function of a `Field` that returns the quantity, a tensor (..., *grid) whose last axes are the grid.
        target: Tensor of the same shape.
        dims: Number of grid axes.
        channel_sum: Whether to sum over all axes but those of the grid instead of averaging over them.
        weight: Factor of the squared errors. A tensor must be broadcastable to (..., 1): it may hold one factor per
            channel, but the same for all points, since the objective is also computed on some of them.
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
        """Return the loss on the whole grid, a scalar."""
        return self.part(field, slice(None))

    def part(self, field: Field, index: Index) -> Tensor:
        """Return what the points ``index`` contribute to the loss, given a field of these points alone."""
        target = self._target[..., index]
        error = (self._quantity(field).reshape(target.shape) - target).square()
        return (self._weight * error).sum() / self._count


def weighted(objectives: Sequence[tuple[float, Objective]]) -> Objective:
    """Return the objective Σ weight · objective, which is `Pointwise` if all of its terms are.

    Args:
        objectives: Pairs of a weight and an objective, at least one.
    """
    if all(is_pointwise(term) for _, term in objectives):
        return _Sum(objectives)

    def objective(field: Field) -> Tensor:
        return torch.stack([weight * term(field) for weight, term in objectives]).sum()

    return objective


class _Sum:
    """The sum Σ weight · objective over pointwise objectives, which is itself pointwise."""

    def __init__(self, terms: Sequence[tuple[float, Any]]) -> None:
        self._terms = terms

    def __call__(self, field: Field) -> Tensor:
        return self.part(field, slice(None))

    def part(self, field: Field, index: Index) -> Tensor:
        return torch.stack([weight * term.part(field, index) for weight, term in self._terms]).sum()


def is_pointwise(objective: Objective) -> bool:
    """Return whether an objective is `Pointwise`, that is, whether it has a method ``part``."""
    return callable(getattr(objective, "part", None))
