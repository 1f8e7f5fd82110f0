"""Matrices that are zero but near a diagonal, as those of resampling are: cost and memory linear in the side."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

BLOCK = 128  # rows of a block: a product with it is worth a call, and it touches few columns that it needs not


class Banded:
    """A matrix (m, n) as dense blocks of consecutive rows, each over just the columns that it touches.

    Attributes:
        blocks: (first column, (rows, columns)) of every block, from the top.
        shape: (m, n).
    """

    def __init__(self, blocks: Sequence[tuple[int, Tensor]], n: int) -> None:
        """Take blocks, at least one, for a matrix of n columns."""
        self.blocks = tuple(blocks)
        self.shape = (sum(len(block) for _, block in self.blocks), n)

    @staticmethod
    def from_taps(n: int, index: Tensor, weights: Tensor) -> Banded:
        """The matrix whose row i has weights[i, k] added at column index[i, k]; both (m, taps)."""
        blocks = []
        for start in range(0, len(index), BLOCK):
            at, weight = index[start : start + BLOCK], weights[start : start + BLOCK]
            used = at[weight != 0]
            low, high = (int(used.min()), int(used.max()) + 1) if len(used) else (0, 1)
            block = weight.new_zeros(len(at), high - low)
            blocks.append((low, block.scatter_add_(1, (at - low).clamp(0, high - low - 1), weight)))
        return Banded(blocks, n)

    def to(self, like: Tensor) -> Banded:
        """The same on the device and in the element type of a tensor."""
        return Banded([(column, block.to(like)) for column, block in self.blocks], self.shape[1])

    def dense(self) -> Tensor:
        """The matrix, (m, n)."""
        return self.window(slice(0, self.shape[0]), slice(0, self.shape[1]))

    def rows(self, start: int, stop: int) -> Banded:
        """Some of its rows, at least one, over all columns."""
        blocks, row = [], 0
        for column, block in self.blocks:
            part = block[max(0, start - row) : max(0, stop - row)]
            row += len(block)
            if len(part):
                blocks.append((column, part))
        return Banded(blocks, self.shape[1])

    def window(self, rows: slice, columns: slice) -> Tensor:
        """A part of it, dense; slices with start and stop."""
        start, stop = columns.start, columns.stop
        result = self.blocks[0][1].new_zeros(max(0, rows.stop - rows.start), stop - start)
        row = 0
        if rows.stop > rows.start:
            for column, block in self.rows(rows.start, rows.stop).blocks:
                low, high = max(start, column), min(stop, column + block.shape[1])
                if low < high:
                    result[row : row + len(block), low - start : high - start] = block[:, low - column : high - column]
                row += len(block)
        return result

    def extent(self) -> tuple[Tensor, Tensor]:
        """First and last column of every row that is not zero, (m,) each; (n, -1) of a row of zeros."""
        first, last = [], []
        for column, block in self.blocks:
            used, at = block != 0, torch.arange(column, column + block.shape[1], device=block.device)
            first.append(torch.where(used, at, self.shape[1]).amin(1))
            last.append(torch.where(used, at, -1).amax(1))
        return torch.cat(first), torch.cat(last)

    @functools.cached_property
    def T(self) -> Banded:  # noqa: N802 (as of tensors)
        """The transpose."""
        m, n = self.shape
        blocks, stops = [], [0]
        for _, block in self.blocks:
            stops.append(stops[-1] + len(block))
        for start in range(0, n, BLOCK):
            stop = min(start + BLOCK, n)
            touching = [i for i, (c, b) in enumerate(self.blocks) if c < stop and c + b.shape[1] > start]
            rows = slice(stops[touching[0]], stops[touching[-1] + 1]) if touching else slice(0, 1)
            blocks.append(_trimmed(rows.start, self.window(rows, slice(start, stop)).T))
        return Banded(blocks, m)

    def __matmul__(self, other: Banded) -> Banded:
        """The product with another one."""
        blocks = []
        for column, block in self.blocks:
            part = other.rows(column, column + block.shape[1])
            low = min(c for c, _ in part.blocks)
            high = max(c + b.shape[1] for c, b in part.blocks)
            blocks.append(_trimmed(low, block @ part.window(slice(0, part.shape[0]), slice(low, high))))
        return Banded(blocks, other.shape[1])

    def __call__(self, values: Tensor, axis: int = -1) -> Tensor:
        """Multiply along an axis of a tensor: (..., n, ...) -> (..., m, ...)."""
        moved = values.movedim(axis, -1)
        # As plain products over the moved axis: much faster than a general contraction.
        parts = [nn.functional.linear(moved[..., c : c + b.shape[1]], b) for c, b in self.blocks]
        return (parts[0] if len(parts) == 1 else torch.cat(parts, -1)).movedim(-1, axis)


def _trimmed(column: int, block: Tensor) -> tuple[int, Tensor]:
    """A block without its outer columns of zeros."""
    used = (block != 0).any(0).nonzero().flatten()
    if len(used) == 0:
        return column, block[:, :1]
    return column + int(used[0]), block[:, int(used[0]) : int(used[-1]) + 1]
