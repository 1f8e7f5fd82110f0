"""The picture that the network is to show, from the low-resolution image: how hard to try, in windows of bounded size.

`siren_sr.superres.picture.total_variation` and `siren_sr.superres.picture.deep_prior` solve for a picture of moderate
size, and `siren_sr.superres.picture.self_correction` learns what the first gets wrong; here their answers are combined,
and those of overlapping windows blended, so that time is linear in the size of a picture and memory bounded.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from siren_sr.grids import resampling
from siren_sr.grids.windows import Windows, blending_weights
from siren_sr.superres.downsample import Downsample
from siren_sr.superres.picture import deep_prior, self_correction, total_variation
from siren_sr.superres.picture.quality import QUICK, Effort

WINDOW, OVERLAP = 640, 48  # pixels of a window's side between its overlaps, and half an overlap
PRIOR_SLACK = 1e-3  # a user's picture is moved until D x is the image, but for its rounding to 8 bit
SHARE, SHARE_CORRECTED = 0.5, 0.2  # of the hourglass in the mean with the solution on pixels
DRAWN_TWICE = 1 << 17  # pixels up to which two hourglasses are asked: as quick together as one for a larger picture
LAST: total_variation.Plan = (("both", 20),)  # what the search still makes of what comes after it
# The scale from which on that (+0.1 to +0.3 dB at ×4, -0.2 to -0.5 at ×2) and an hourglass help what was corrected.
HELP_FROM = 3.0


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
        start: The image's plain enlargement (C, H, W), which is the first guess.
        effort: How hard to try.
        noise: Standard deviation of the image's noise.
        generator: CPU generator of what is learned (default: seed 0).
        report: Called with the steps made and all steps; returning True ends the work with what there is.

    Returns:
        (C, H, W), not clipped.
    """
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    axes = [windows(n, reach) for n, reach in zip(start.shape[1:], down.reach, strict=True)]
    side = _longest(max(down.reach))
    places = list(itertools.product(*(range(len(axis.starts)) for axis in axes)))
    # Noise is no mistake of the search, and what blurred an image makes its smaller versions no example.
    learned = effort.corrections if noise == 0 and self_correction.possible(start.shape[1:], down.scale) else 0
    plan = QUICK if learned else _plan(effort.plan, noise)
    scale = math.sqrt(start[0].numel() / image[0].numel())
    helps = not learned or scale >= HELP_FROM
    draws = _draws([axis.length for axis in axes], most=1 if learned else 2) if effort.updates and helps else 0
    share = SHARE_CORRECTED if learned else SHARE
    end = LAST if helps and (learned or draws) else ()
    rounds, last = (sum(steps for _, steps in p) for p in (plan, end))
    teaching = effort.versions * rounds + learned if learned else 0
    total = len(places) * (rounds + draws * effort.updates + last) + teaching
    rows, columns = ([weights.to(start) for _, weights in blending_weights(axis)] for axis in axes)
    done, stopped = 0, False

    def tick() -> bool:
        nonlocal done, stopped
        done += 1
        stopped = stopped or report(done, total)
        return stopped

    def search(image: Tensor, down: Downsample, x: Tensor, plan: total_variation.Plan = plan) -> Tensor:
        return total_variation.restore(image, down, x, plan=plan, noise=noise, scale=scale, tick=tick)

    def learn(x: Tensor) -> self_correction.Corrector | None:
        pairs: list[self_correction.Pair] = []
        versions = self_correction.smaller_versions(
            x, image, down, count=effort.versions, side=side, generator=generator
        )
        for version, reduction in versions:
            small = reduction(version)
            enlarged = resampling.resize(small, version.shape[1:])
            pairs.append((torch.cat([search(small, reduction, enlarged), enlarged]), version))
            if stopped:
                return None
        return self_correction.learn(pairs, scale=scale, updates=learned, generator=generator, tick=tick)

    def draw(image: Tensor, down: Downsample, size: Sequence[int]) -> Tensor | None:
        drawn = image.new_zeros(len(image), *size)
        for _ in range(draws):
            one = deep_prior.draw(image, down, size, updates=effort.updates, generator=generator, tick=tick)
            if stopped:
                return None
            drawn += down.project(one, image, noise=total_variation.EXACT) / draws
        return drawn

    def improve(image: Tensor, down: Downsample, x: Tensor, plain: Tensor) -> Tensor:
        if network is not None:
            x = down.project(
                self_correction.correct(network, torch.cat([x, plain])), image, noise=total_variation.EXACT
            )
        if draws and not stopped:
            # What noise there was is gone from x, and the hourglass, which would learn it, need not see it.
            drawn = draw(down(x) if noise else image, down, x.shape[1:])
            x = x if drawn is None else x.lerp(drawn, share)
        return search(image, down, x, end) if not stopped else x

    def everywhere(solve: Callable[[Tensor, Downsample, Tensor, Tensor], Tensor], x: Tensor) -> Tensor:
        """What a function makes of every window of a picture, given what the image says of it."""
        if len(places) == 1:
            return solve(image, down, x, start)
        result = torch.zeros_like(x)
        for i, j in places:
            part = [slice(axis.starts[k], axis.starts[k] + axis.length) for axis, k in zip(axes, (i, j), strict=True)]
            piece = x[:, part[0], part[1]]
            if not stopped:
                here, small_rows, small_columns = down.window(*part)
                piece = solve(image[:, small_rows, small_columns], here, piece, start[:, part[0], part[1]])
            result[:, part[0], part[1]] += piece * rows[i][:, None] * columns[j]
        return result

    x = everywhere(lambda image, down, x, plain: search(image, down, x), start)
    network = learn(x) if learned and not stopped else None
    return everywhere(improve, x) if (draws or learned) and not stopped else x


def _plan(plan: total_variation.Plan, noise: float) -> total_variation.Plan:
    """A plan for an image with noise: other scales sharpen what is left of it, so that a plan that looks at nothing
    else ends with other places, whose mean has less.
    """
    if noise == 0 or any(name in ("places", "both") for name, _ in plan):
        return plan
    return (*plan[:-1], ("places", plan[-1][1]))


def _draws(size: Sequence[int], *, most: int) -> int:
    """How many hourglasses are asked for a picture of this size, and their mean taken."""
    if min(size) < deep_prior.SMALLEST:
        return 0
    return most if math.prod(size) <= DRAWN_TWICE else 1


def windows(n: int, reach: int) -> Windows:
    """The windows of an axis of n pixels.

    A small pixel binds only a window that has all of its ``reach`` pixels: overlaps are wide enough that what no
    window's rim knows, its neighbour does, and windows long enough to hold several small pixels.
    """
    margin = max(OVERLAP, 3 * reach // 2)
    fewest = Windows.cover(n, _longest(reach), margin)
    needed = math.ceil((n - 2 * margin) / len(fewest.starts))
    return Windows.cover(n, max(1, needed), margin)


def _longest(reach: int) -> int:
    """Pixels of a window's side between its overlaps."""
    return max(WINDOW, 8 * reach)
