"""Windows that overlap along an axis, and the weights that blend what is made of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
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


@dataclass(frozen=True)
class Cover:
    """Windows along every axis of a grid: it is worked on window by window, and what comes out is blended.

    Attributes:
        axes: `Windows` per grid axis.
    """

    axes: tuple[Windows, ...]

    @property
    def count(self) -> int:
        """How many windows there are."""
        return math.prod(len(axis.starts) for axis in self.axes)

    def parts(self) -> Iterator[tuple[tuple[slice, ...], tuple[Tensor, ...]]]:
        """The samples of every window, row by row, and its blending weights along each axis, float64."""
        weights = [blending_weights(axis) for axis in self.axes]
        for place in itertools.product(*(range(len(axis.starts)) for axis in self.axes)):
            slices = [slice(w.starts[i], w.starts[i] + w.length) for w, i in zip(self.axes, place, strict=True)]
            yield tuple(slices), tuple(w[i] for w, i in zip(weights, place, strict=True))

    def blend(self, function: Callable[[tuple[slice, ...]], Tensor], *, like: Tensor) -> Tensor:
        """The mean of what a function makes of every window, weighted so that no border shows.

        Args:
            function: Window (one slice per grid axis) -> (C, *lengths).
            like: (C, *grid): shape, device and element type of the result.
        """
        if self.count == 1:
            return function(tuple(slice(0, axis.n) for axis in self.axes))
        result = torch.zeros_like(like)
        for part, weights in self.parts():
            piece = function(part)
            for axis, weight in enumerate(weights):
                piece = piece * weight.to(like).view(-1, *[1] * (len(weights) - axis - 1))
            result[(slice(None), *part)] += piece
        return result


def blending_weights(axis: Windows) -> list[Tensor]:
    """Weights of every window at its own samples, float64; over all windows they add up to 1 at every sample."""
    (x,) = coordinates.axes((axis.n,), dtype=torch.float64)
    result = []
    for i, index, weights in axis.parts(x):
        whole = x.new_zeros(axis.n).index_copy(0, index, weights)
        result.append(whole[axis.starts[i] : axis.starts[i] + axis.length])
    return result
