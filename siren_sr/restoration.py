"""The picture that the network is to show, from the low-resolution image: how hard to try, in windows of bounded size.

`siren_sr.pixels` and `siren_sr.hourglass` solve for a picture of moderate size; here their answers are combined, and
those of overlapping windows blended, so that time is linear in the size of a picture and memory bounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from siren_sr import coordinates, hourglass, pixels
from siren_sr.degradation import Downsample
from siren_sr.tiles import Windows

WINDOW, OVERLAP = 640, 48  # pixels of a window's side between its overlaps, and half an overlap
PRIOR_SLACK = 1e-3  # a user's picture is moved until D x is the image, but for its rounding to 8 bit
SHARE = 0.5  # of the hourglass in the mean with the pixels' own solution


@dataclass(frozen=True)
class Effort:
    """How hard to try.

    Attributes:
        plan: Rounds of `siren_sr.pixels.restore`.
        updates: Of the hourglass; 0 leaves it out.
        steps: Of the tiles that represent the picture.
    """

    plan: pixels.Plan
    updates: int
    steps: int


QUALITIES = {
    "fast": Effort(plan=(("plain", 50), ("steered", 50)), updates=0, steps=12),
    "standard": Effort(plan=pixels.PLAN, updates=0, steps=60),
    "best": Effort(plan=pixels.PLAN, updates=1200, steps=100),
}
"""The values of ``quality`` in `siren_sr.super_resolve`."""


def restore(
    image: Tensor,
    down: Downsample,
    start: Tensor,
    effort: Effort,
    *,
    noise: float = 0.0,
    generator: torch.Generator | None = None,
    report: Callable[[int, int], bool] = lambda step, steps: False,
) -> Tensor:
    """The picture behind an image.

    Args:
        image: (C, h, w) in [0, 1].
        down: D, from the size wanted to (h, w).
        start: First guess (C, H, W).
        effort: How hard to try.
        noise: Standard deviation of the image's noise.
        generator: CPU generator of the hourglass (default: seed 0).
        report: Called with the steps made and all steps; returning True ends the work with what there is.

    Returns:
        (C, H, W), not clipped.
    """
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    axes = [_windows(n, reach) for n, reach in zip(start.shape[1:], down.reach, strict=True)]
    total = math.prod(len(axis.starts) for axis in axes) * (sum(steps for _, steps in effort.plan) + effort.updates)
    scale = math.sqrt(start[0].numel() / image[0].numel())
    done, stopped = 0, False

    def tick() -> bool:
        nonlocal done, stopped
        done += 1
        stopped = stopped or report(done, total)
        return stopped

    def solve(image: Tensor, down: Downsample, start: Tensor) -> Tensor:
        x = pixels.restore(image, down, start, plan=effort.plan, noise=noise, scale=scale, tick=tick)
        if effort.updates == 0 or stopped:
            return x
        # What noise there was is gone from x, and the hourglass, which would learn it, need not see it.
        seen = down(x) if noise else image
        drawn = hourglass.draw(seen, down, x.shape[1:], updates=effort.updates, generator=generator, tick=tick)
        return x if drawn is None else x.lerp(down.project(drawn, seen, noise=pixels.EXACT), SHARE)

    if all(len(axis.starts) == 1 for axis in axes):
        return solve(image, down, start)
    rows, columns = ([w.to(start) for _, w in _weights(axis)] for axis in axes)
    result = torch.zeros_like(start)
    for top, row in zip(axes[0].starts, rows, strict=True):
        for left, column in zip(axes[1].starts, columns, strict=True):
            part = slice(top, top + axes[0].length), slice(left, left + axes[1].length)
            here, small_rows, small_columns = down.window(*part)
            piece = start[:, part[0], part[1]]
            if not stopped:
                piece = solve(image[:, small_rows, small_columns], here, piece)
            result[:, part[0], part[1]] += piece * row[:, None] * column
    return result


def _windows(n: int, reach: int) -> Windows:
    """Windows of an axis. A small pixel binds only a window that has all of its ``reach`` pixels: overlaps are wide
    enough that what no window's rim knows, its neighbour does, and windows long enough to hold several small pixels.
    """
    return Windows.cover(n, max(WINDOW, 8 * reach), max(OVERLAP, 3 * reach // 2))


def _weights(axis: Windows) -> list[tuple[int, Tensor]]:
    """Blending weights of every window at its own samples; over all windows they add up to 1."""
    (x,) = coordinates.axes((axis.n,), dtype=torch.float64)
    result = []
    for i, index, weights in axis.parts(x):
        whole = x.new_zeros(axis.n).index_copy(0, index, weights)
        result.append((i, whole[axis.starts[i] : axis.starts[i] + axis.length]))
    return result
