"""Windows that overlap along an axis, and the weights that blend what is made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from siren_sr.grids import coordinates


@dataclass(frozen=True)
class Windows:
    """Windows of equal length along one axis of n samples, evenly spread, all inside.

    Attributes:
        n: Samples of the axis.
        starts: First sample of each window.
        length: Samples of each window.
    """

    n: int
    starts: tuple[int, ...]
    length: int

    @staticmethod
    def cover(n: int, tile: int, margin: int) -> Windows:
        """The fewest windows of ``tile + 2·margin`` samples whose neighbours overlap by at least 2·margin."""
        length = min(tile + 2 * margin, n)
        count = max(1, math.ceil((n - 2 * margin) / tile))
        return Windows(n, tuple(round(i * (n - length) / max(1, count - 1)) for i in range(count)), length)

    def parts(self, x: Tensor) -> list[tuple[int, Tensor, Tensor]]:
        """Blending weights at coordinates in [-1, 1] of the axis.

        sin² ramps over the overlaps, continuous with their derivative; the first and the last window reach outwards.

        Args:
            x: (N,), in any order.

        Returns:
            For every window that has a part in any of them: its number, which (ascending) and its weights there. The
            weights of all windows add up to 1. No more than a few N numbers are ever in memory.
        """
        position, order = ((x.double() + 1) * (self.n / 2)).sort()
        last, total, found = len(self.starts) - 1, torch.zeros_like(position), []
        starts = torch.tensor(self.starts, dtype=torch.float64, device=x.device)
        first = torch.searchsorted(position, starts).tolist()
        stop = torch.searchsorted(position, starts + self.length, right=True).tolist()
        for i, start in enumerate(self.starts):
            part = slice(0 if i == 0 else first[i], len(x) if i == last else stop[i])
            if part.start >= part.stop:
                continue
            r = position[part] - start
            w = torch.ones_like(r)
            if i > 0:
                overlap = self.starts[i - 1] + self.length - start
                w = w * torch.sin(0.5 * math.pi * (r / overlap).clamp(0, 1)).square()
            if i < last:
                overlap = start + self.length - self.starts[i + 1]
                w = w * torch.sin(0.5 * math.pi * ((self.length - r) / overlap).clamp(0, 1)).square()
            # Three windows can meet where a side is just too long for fewer.
            total[part] += w
            found.append((i, part, w))
        result = []
        for i, part, w in found:
            index, ascending = order[part].sort()
            result.append((i, index, (w / total[part])[ascending].to(x)))
        return result

    def local(self, i: int, x: Tensor) -> Tensor:
        """Coordinates in window i, [-1, 1], of coordinates in the axis."""
        return ((x.double() + 1) * (self.n / self.length) - (2 * self.starts[i] / self.length + 1)).to(x)


def blending_weights(axis: Windows) -> list[tuple[int, Tensor]]:
    """Blending weights of every window at its own samples; over all windows they add up to 1."""
    (x,) = coordinates.axes((axis.n,), dtype=torch.float64)
    result = []
    for i, index, weights in axis.parts(x):
        whole = x.new_zeros(axis.n).index_copy(0, index, weights)
        result.append((i, whole[axis.starts[i] : axis.starts[i] + axis.length]))
    return result
