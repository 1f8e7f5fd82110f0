"""Matrices that are zero except near a diagonal, as those of resampling are.

Their cost and memory are linear in the side of the matrix.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

# The number of rows of a block. It is large enough to make a product with a block worth a call, and small enough that a
# block spans few columns that its rows do not use.
BLOCK = 128


class Banded:
    """A matrix (m, n) that is stored as dense blocks of consecutive rows, each over only the columns that it uses.

    Attributes:
        blocks: For every block, from the top, its first column and a dense tensor (rows, columns).
        shape: The numbers of rows and columns, (m, n).
    """

    def __init__(self, blocks: Sequence[tuple[int, Tensor]], n: int) -> None:
        """Make a matrix of n columns from its blocks, of which there must be at least one."""
        self.blocks = tuple(blocks)
        self.shape = (sum(len(block) for _, block in self.blocks), n)

    @staticmethod
    def from_taps(n: int, index: Tensor, weights: Tensor) -> Banded:
        """Build the matrix whose row i has weights[i, k] added at column index[i, k]; both tensors are (m, taps)."""
        blocks = []
        for start in range(0, len(index), BLOCK):
            at, weight = index[start : start + BLOCK], weights[start : start + BLOCK]
            used = at[weight != 0]
            low, high = (int(used.min()), int(used.max()) + 1) if len(used) else (0, 1)
            block = weight.new_zeros(len(at), high - low)
            blocks.append((low, block.scatter_add_(1, (at - low).clamp(0, high - low - 1), weight)))
        return Banded(blocks, n)

    @staticmethod
    def from_dense(matrix: Tensor) -> Banded:
        """Make a matrix of one block from a dense tensor (m, n)."""
        return Banded([(0, matrix)], matrix.shape[1])

    def to(self, like: Tensor) -> Banded:
        """Return the same matrix on the device and in the dtype of the tensor ``like``."""
        return Banded([(column, block.to(like)) for column, block in self.blocks], self.shape[1])

    def dense(self) -> Tensor:
        """Return the matrix as one dense tensor (m, n)."""
        return self.window(slice(0, self.shape[0]), slice(0, self.shape[1]))

    def rows(self, start: int, stop: int) -> Banded:
        """Return the matrix of the rows ``start:stop``, at least one, over all columns."""
        blocks, row = [], 0
        for column, block in self.blocks:
            part = block[max(0, start - row) : max(0, stop - row)]
            row += len(block)
            if len(part):
                blocks.append((column, part))
        return Banded(blocks, self.shape[1])

    def window(self, rows: slice, columns: slice) -> Tensor:
        """Return a part of the matrix as a dense tensor; both slices need a start and a stop."""
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
        """Return the first and the last nonzero column of every row, (m,) each; a row of zeros has n and -1."""
        first, last = [], []
        for column, block in self.blocks:
            used, at = block != 0, torch.arange(column, column + block.shape[1], device=block.device)
            first.append(torch.where(used, at, self.shape[1]).amin(1))
            last.append(torch.where(used, at, -1).amax(1))
        return torch.cat(first), torch.cat(last)

    @functools.cached_property
    def T(self) -> Banded:  # noqa: N802 (the name that tensors use)
        """The transposed matrix, (n, m)."""
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
        """Return the product with another banded matrix."""
        blocks = []
        for column, block in self.blocks:
            part = other.rows(column, column + block.shape[1])
            low = min(c for c, _ in part.blocks)
            high = max(c + b.shape[1] for c, b in part.blocks)
            blocks.append(_trimmed(low, block @ part.window(slice(0, part.shape[0]), slice(low, high))))
        return Banded(blocks, other.shape[1])

    def __call__(self, values: Tensor, axis: int = -1) -> Tensor:
        """Multiply a tensor by the matrix along one axis: (..., n, ...) -> (..., m, ...)."""
        moved = values.movedim(axis, -1)
        # Plain products over the moved axis are much faster than a general contraction.
        parts = [nn.functional.linear(moved[..., c : c + b.shape[1]], b) for c, b in self.blocks]
        return (parts[0] if len(parts) == 1 else torch.cat(parts, -1)).movedim(-1, axis)


def _trimmed(column: int, block: Tensor) -> tuple[int, Tensor]:
    """Return a block without its outer columns of zeros, and before it the number of its new first column."""
    used = (block != 0).any(0).nonzero().flatten()
    if len(used) == 0:
        return column, block[:, :1]
    return column + int(used[0]), block[:, int(used[0]) : int(used[-1]) + 1]
