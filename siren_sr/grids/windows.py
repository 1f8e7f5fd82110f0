"""Windows that overlap along an axis, and the weights with which what is made of them is blended."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from siren_sr.grids import coordinates


def windows_of(n: int, tile: int, margin: int) -> int:
    """Return how many windows `Windows.cover` lays over an axis."""
    return max(1, -((2 * margin - n) // tile))


@dataclass(frozen=True)
class Windows:
    """Windows of equal length along one axis of n samples. They are evenly spread and lie inside the axis.

    Attributes:
        n: Number of samples of the axis.
        starts: Number of the first sample of each window.
        length: Number of samples of each window.
    """

    n: int
    starts: tuple[int, ...]
    length: int

    @staticmethod
    def cover(n: int, tile: int, margin: int) -> Windows:
        """Return the fewest windows that cover an axis and whose neighbours overlap by at least 2·margin samples.

        Args:
            n: Number of samples of the axis, >= 1.
            tile: Number of samples of a window without its margins, >= 1.
            margin: Number of further samples at either end of a window, >= 0. A window has ``tile + 2·margin`` samples,
                or n if the axis is shorter.
        """
        length = min(tile + 2 * margin, n)
        count = windows_of(n, tile, margin)
        return Windows(n, tuple(round(i * (n - length) / max(1, count - 1)) for i in range(count)), length)

    def parts(self, x: Tensor) -> list[tuple[int, Tensor, Tensor]]:
        """Return the blending weights of the windows at coordinates in [-1, 1] of the axis.

        The weights are sin² ramps over the overlaps and are continuous together with their derivative. The first and
        the last window also hold the coordinates outside of [-1, 1].

        Args:
            x: Coordinates, a tensor (N,) in any order.

        Returns:
            For every window that holds any of the coordinates: its number, the ascending numbers of the coordinates
            that it holds, and its weights there. At every coordinate the weights of all windows add up to 1. No more
            than a few times N numbers are ever in memory.
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
            # Windows that only touch have no ramp; a point on their border has a mean of both.
            if i > 0 and (overlap := self.starts[i - 1] + self.length - start):
                w = w * torch.sin(0.5 * math.pi * (r / overlap).clamp(0, 1)).square()
            if i < last and (overlap := start + self.length - self.starts[i + 1]):
                w = w * torch.sin(0.5 * math.pi * ((self.length - r) / overlap).clamp(0, 1)).square()
            # The ramps of two windows add up to 1, but three windows can meet where a side is just too long for fewer.
            total[part] += w
            found.append((i, part, w))
        result = []
        for i, part, w in found:
            index, ascending = order[part].sort()
            result.append((i, index, (w / total[part])[ascending].to(x)))
        return result

    def local(self, i: int, x: Tensor) -> Tensor:
        """Turn coordinates of the axis into those of window i, which run over [-1, 1] in the window."""
        return ((x.double() + 1) * (self.n / self.length) - (2 * self.starts[i] / self.length + 1)).to(x)


@dataclass(frozen=True)
class Cover:
    """Windows along every axis of a grid, so that it can be worked on window by window and the results be blended.

    Attributes:
        axes: The `Windows` of every grid axis.
    """

    axes: tuple[Windows, ...]

    @property
    def count(self) -> int:
        """The number of windows."""
        return math.prod(len(axis.starts) for axis in self.axes)

    def parts(self) -> Iterator[tuple[tuple[slice, ...], tuple[Tensor, ...]]]:
        """Yield the samples of every window as slices, and its blending weights along each axis in float64.

        The windows come in row-major order.
        """
        weights = [blending_weights(axis) for axis in self.axes]
        for place in itertools.product(*(range(len(axis.starts)) for axis in self.axes)):
            slices = [slice(w.starts[i], w.starts[i] + w.length) for w, i in zip(self.axes, place, strict=True)]
            yield tuple(slices), tuple(w[i] for w, i in zip(weights, place, strict=True))

    def blend(self, function: Callable[[tuple[slice, ...]], Tensor], *, like: Tensor) -> Tensor:
        """Return the mean of what a function makes of every window, weighted so that no border shows.

        Args:
            function: Function of a window, which is one slice per grid axis, that returns a tensor (C, *lengths).
            like: Tensor (C, *grid) with the shape, the device and the element type of the result.
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
    """Return the weights of every window at its own samples, in float64.

    At every sample of the axis the weights of all windows add up to 1.
    """
    (x,) = coordinates.axes((axis.n,), dtype=torch.float64)
    result = []
    for i, index, weights in axis.parts(x):
        whole = x.new_zeros(axis.n).index_copy(0, index, weights)
        result.append(whole[axis.starts[i] : axis.starts[i] + axis.length])
    return result
