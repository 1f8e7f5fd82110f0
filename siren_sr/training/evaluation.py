"""Evaluate a network on the points of a grid, forwards and backwards in chunks, and show the result to objectives.

What a network has at n points is a tensor (rows, n, C). Its rows are the value, then h_d·∂f/∂x_d for every coordinate d
(order >= 1), then Σ_d h_d²·∂²f/∂x_d² (order 2). Networks of sines are evaluated by `siren_sr.network.fused`, and other
modules by autograd.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from siren_sr.derivatives import value_and_derivatives
from siren_sr.grids import coordinates
from siren_sr.network import fused
from siren_sr.network.protocol import bytes_per_point, chunk_size
from siren_sr.training.field import Index

T = TypeVar("T")


class NeedsOrder(Exception):  # noqa: N818 (a request, not an error)
    """A derivative was asked for that was not computed: evaluate again with derivatives up to ``order``."""

    def __init__(self, order: int) -> None:
        super().__init__(f"derivatives of order {order} are needed")
        self.order = order


class RowsField:
    """The rows of a network on a grid, as a `siren_sr.training.field.Field`.

    A derivative that the rows do not hold raises `NeedsOrder` when it is asked for.
    """

    def __init__(self, rows: Tensor, shape: Sequence[int], *, order: int) -> None:
        """Take rows (rows, n, C) with derivatives up to ``order``; ``shape`` is the grid of the n points."""
        self._rows, self._shape, self._order = rows, tuple(shape), order

    @property
    def values(self) -> Tensor:
        """The values of the network, a tensor (C, *grid)."""
        return self._rows[0].T.reshape(-1, *self._shape)

    @property
    def gradient(self) -> Tensor:
        """The gradient of the network per step of the grid, a tensor (C, D, *grid), x first."""
        self._check(1)
        last = len(self._rows) - (self._order == 2)
        return self._rows[1:last].permute(2, 0, 1).reshape(-1, last - 1, *self._shape)

    @property
    def laplacian(self) -> Tensor:
        """The Laplacian of the network per step of the grid, a tensor (C, *grid)."""
        self._check(2)
        return self._rows[-1].T.reshape(-1, *self._shape)

    def _check(self, order: int) -> None:
        if self._order < order:
            raise NeedsOrder(order)


class Grid:
    """The points of a grid in the network's domain, whose coordinates are made when they are needed.

    Attributes:
        shape: Samples per axis, (rows, columns) for an image.
        points: Number of all points.
        spacing: Distance between neighbouring points for every coordinate, x first.
    """

    def __init__(self, shape: Sequence[int], *, align_corners: bool, like: Tensor) -> None:
        """Make a grid whose coordinates have the device and the dtype of the tensor ``like``."""
        self.shape = tuple(shape)
        self.points = math.prod(shape)
        self.spacing = coordinates.spacing(shape, align_corners=align_corners)
        self._axes = coordinates.axes(shape, align_corners=align_corners, device=like.device, dtype=like.dtype)

    def coords(self, index: Index) -> Tensor:
        """Return the coordinates of the n points ``index``, a tensor (n, D), x first."""
        if isinstance(index, slice):
            return coordinates.points(self._axes, *index.indices(self.points)[:2])
        return coordinates.at(self._axes, index)


class Evaluation:
    """Evaluates one network on chunks of points and carries gradients back through them.

    What the backward pass of a chunk needs is kept under a name, its ``slot``. Another chunk under the same name may
    overwrite it.
    """

    def __init__(
        self, model: nn.Module, grid: Grid, *, order: int, chunk: int | None = None, precision: str | None = None
    ) -> None:
        """Prepare to evaluate a network on a grid.

        Args:
            model: Module (N, D) -> (N, C).
            grid: The points.
            order: Highest order of the derivatives: 0, 1 or 2.
            chunk: Number of points that are evaluated at once (default: by the device and the size of the network).
            precision: "bf16" computes the products of hidden layers in bfloat16; None keeps the network's own type.

        Raises:
            ValueError: The precision is unknown, or this network cannot be evaluated in it.
        """
        fused.product_type(precision)
        if precision is not None and not fused.supports(model):
            raise ValueError(f"precision={precision!r} is for plain sine networks: leave it out with other networks")
        self.model, self.grid, self.order = model, grid, order
        self._fused = None
        if fused.supports(model):
            self._fused = fused.Fused(
                model,  # pyright: ignore[reportArgumentType]
                dims=len(grid.shape),
                order=order,
                spacing=grid.spacing,
                precision=precision,
            )
        self._memory: dict[Hashable, Any] = {}
        self._row_count = (1, 1 + len(grid.shape), 2 + len(grid.shape))[order]
        self.chunk = chunk_size(model, rows=self._row_count) if chunk is None else chunk

    def chunks(self, index: Tensor | None = None) -> Iterator[Index]:
        """Yield all points of the grid, or only the points ``index``, chunk by chunk."""
        total = self.grid.points if index is None else len(index)
        for start in range(0, total, self.chunk):
            part = slice(start, min(start + self.chunk, total))
            yield part if index is None else index[part]

    def start(self) -> None:
        """Begin a step by reading the weights anew, since they may have changed."""
        if self._fused is not None:
            self._fused.refold()

    def forward(self, index: Index, slot: Hashable | None = 0) -> Tensor:
        """Return the rows of a chunk, detached, and keep what `backward` needs under ``slot`` unless that is None."""
        coords = self.grid.coords(index)
        if self._fused is None:
            with torch.set_grad_enabled(slot is not None):
                rows = self._rows(coords)
            if slot is not None:
                self._memory[slot] = rows
            return rows.detach()
        key = (slot, len(coords))
        if key not in self._memory:
            self._memory[key] = self._fused.tape(len(coords))
        return self._fused.forward(coords, self._memory[key], backward=slot is not None)

    def backward(self, grad: Tensor, slot: Hashable = 0) -> None:
        """Accumulate the gradients of the chunk that is kept under ``slot``.

        Args:
            grad: Derivative of the loss with respect to the rows of the chunk, a tensor (rows, n, C).
            slot: Name under which `forward` kept the chunk.
        """
        if self._fused is None:
            self._memory.pop(slot).backward(grad)
        else:
            self._fused.backward(grad, self._memory[(slot, grad.shape[1])])

    def finish(self) -> None:
        """End a step: after this, its gradients are in the network's parameters."""
        if self._fused is not None:
            self._fused.write_gradients()

    def bytes_kept(self) -> int:
        """Return how many bytes all chunks of the grid together need between their forward and backward passes."""
        return 2 * self._row_count * self.grid.points * sum(bytes_per_point(self.model))

    def _rows(self, coords: Tensor) -> Tensor:
        if self.order == 0:
            return self.model(coords)[None]
        result = value_and_derivatives(self.model, coords, order=self.order, spacing=self.grid.spacing)
        value, gradient, *rest = result
        return torch.cat([value[None], gradient.permute(2, 0, 1), *(r[None] for r in rest)])


@torch.no_grad()
def evaluate(model: nn.Module, grid: Grid, function: Callable[[RowsField], T]) -> T:
    """Return what a function makes of a network on a whole grid.

    The function is called again with higher derivatives whenever it asks for some that were not computed. No gradients
    are recorded.

    Args:
        model: Module (N, D) -> (N, C).
        grid: The points.
        function: Function of the `RowsField` on the grid.
    """
    order = 0
    while True:
        evaluation = Evaluation(model, grid, order=order)
        rows = torch.cat([evaluation.forward(index, None) for index in evaluation.chunks()], dim=1)
        try:
            return function(RowsField(rows, grid.shape, order=order))
        except NeedsOrder as need:
            order = need.order
