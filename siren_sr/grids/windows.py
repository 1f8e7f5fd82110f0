"""Windows that overlap along an axis, and the weights with which what is made of them is blended."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from siren_sr.grids import coordinates
from siren_sr.grids.boundaries import Boundary


def windows_of(n: int, tile: int, margin: int, boundary: Boundary = "mirror") -> int:
    """Return how many windows `Windows.cover` lays over an axis."""
    return -(-n // tile) if boundary == "wrap" else max(1, -((2 * margin - n) // tile))


@dataclass(frozen=True)
class Windows:
    """Windows of equal length along one axis of n samples. They are evenly spread and lie inside the axis.

    On an axis that wraps they lie on a circle of n samples. A window that reaches over the end of the axis goes on at
    its beginning, and a single one overlaps itself. What `parts` and `local` call a window is then a turn of one: the
    number i stands for the window i % count, i // count times around the circle.

    Attributes:
        n: Number of samples of the axis.
        starts: Number of the first sample of each window.
        length: Number of samples of each window.
        wrap: Whether the axis wraps.
    """

    n: int
    starts: tuple[int, ...]
    length: int
    wrap: bool = False

    @staticmethod
    def cover(n: int, tile: int, margin: int, boundary: Boundary = "mirror") -> Windows:
        """Return the fewest windows that cover an axis and whose neighbours overlap by at least 2·margin samples.

        Args:
            n: Number of samples of the axis, >= 1.
            tile: Number of samples of a window without its margins, >= 1.
            margin: Number of further samples at either end of a window, >= 0. A window has ``tile + 2·margin`` samples,
                or n if the axis is shorter.
            boundary: "wrap" for an axis that wraps. Its windows have at most ``tile + 2·margin`` samples.
        """
        count = windows_of(n, tile, margin, boundary)
        if boundary == "wrap":
            return Windows(n, tuple(i * n // count for i in range(count)), -(-n // count) + 2 * margin, wrap=True)
        length = min(tile + 2 * margin, n)
        return Windows(n, tuple(round(i * (n - length) / max(1, count - 1)) for i in range(count)), length)

    def parts(self, x: Tensor) -> list[tuple[int, Tensor, Tensor]]:
        """Return the blending weights of the windows at coordinates in [-1, 1] of the axis.

        The weights are sin² ramps over the overlaps and are continuous together with their derivative. The first and
        the last window also hold the coordinates outside of [-1, 1], unless the axis wraps.

        Args:
            x: Coordinates, a tensor (N,) in any order.

        Returns:
            For every window that holds any of the coordinates: its number (of a turn, where the axis wraps), the
            ascending numbers of the coordinates that it holds, and its weights there. At every coordinate the weights
            of all windows add up to 1. No more than a few times N numbers are ever in memory.
        """
        position, order = (self._from_edge(x) * (self.n / 2)).sort()
        total, found = torch.zeros_like(position), []
        turns = self._turns()
        begins = [self._start(i) for i in turns]
        starts = torch.tensor(begins, dtype=torch.float64, device=x.device)
        first = torch.searchsorted(position, starts).tolist()
        stop = torch.searchsorted(position, starts + self.length, right=True).tolist()
        for at, i in enumerate(turns):
            is_first, is_last = (not self.wrap and i == end for end in (0, len(self.starts) - 1))
            part = slice(0 if is_first else first[at], len(x) if is_last else stop[at])
            if part.start >= part.stop:
                continue
            r = position[part] - begins[at]
            w = torch.ones_like(r)
            # Windows that only touch have no ramp; a point on their border has a mean of both.
            if not is_first and (overlap := self._start(i - 1) + self.length - begins[at]):
                w = w * torch.sin(0.5 * math.pi * (r / overlap).clamp(0, 1)).square()
            if not is_last and (overlap := begins[at] + self.length - self._start(i + 1)):
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
        return (self._from_edge(x) * (self.n / self.length) - (2 * self._start(i) / self.length + 1)).to(x)

    def _from_edge(self, x: Tensor) -> Tensor:
        """How far coordinates lie from the beginning of the axis, which is 2 long, float64."""
        return (x.double() + 1) % 2 if self.wrap else x.double() + 1

    def _start(self, i: int) -> int:
        """The first sample of a window, or of a turn of one."""
        if not self.wrap:
            return self.starts[i]
        turn, window = divmod(i, len(self.starts))
        return self.starts[window] + turn * self.n

    def _turns(self) -> range:
        """The numbers of all windows; on an axis that wraps, of all turns that reach into it."""
        count = len(self.starts)
        return range(-count * (self.length // self.n + 1), count) if self.wrap else range(count)


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
