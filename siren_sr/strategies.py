"""Strategies of super resolution: functions `Problem` -> `Plan` or `TiledPlan`, which say what to train on.

A strategy never trains. The paper's three (section 3.4) fit the network to the low-resolution image, and to blurred
or bicubic versions of it, and evaluate it on a denser grid. ``"consistent"``, the default, asks instead that the
network, *seen through the downsampling*, be the given image, and lets the picture's own edges and repetitions decide
what the image does not say. To add one, write such a function and pass it to `super_resolve`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from siren_sr import derivatives, objectives, omega, resampling, restoration
from siren_sr.degradation import Downsample
from siren_sr.loss import weighted
from siren_sr.optimizers import adam, reduce_on_plateau
from siren_sr.tiling import TileRecipe
from siren_sr.training import Stage


@dataclass(frozen=True)
class Problem:
    """What a strategy is given.

    Attributes:
        image: The low-resolution image, (C, h, w) in [-1, 1].
        size: (H, W) wanted.
        steps: Training steps wanted, in all or for every group of tiles, or None for the strategy's own number.
        align_corners: Corner-aligned grid, as in the paper, instead of pixel centres.
        quality: How hard to try, a name in `siren_sr.restoration.QUALITIES`.
        kernel: Of the downsampling that made the image, see `siren_sr.degradation.check_kernel`.
        noise: Standard deviation of the image's noise, in units of an image in [0, 1].
        prior: The user's own enlarged image (C, H, W) in [-1, 1], or None.
        generator: CPU generator for what a strategy draws itself.
        report: A strategy that works long itself calls ``report(step, steps)`` after each of its ``steps``, and ends
            with what it has if that returns True.
    """

    image: Tensor
    size: tuple[int, int]
    steps: int | None
    align_corners: bool
    quality: str = "standard"
    kernel: Any = "bicubic"
    noise: float = 0.0
    prior: Tensor | None = None
    generator: torch.Generator | None = None
    report: Callable[[int, int], bool] = lambda step, steps: False


@dataclass(frozen=True)
class Plan:
    """Train one network through stages.

    Attributes:
        stages: What to train it on, in order.
        first_omega_0: ω0 of its first layer.
        hidden_features: Its width.
        hidden_layers: Its sine layers after the first.
    """

    stages: tuple[Stage, ...]
    first_omega_0: float
    hidden_features: int = 256
    hidden_layers: int = 2


# What a smooth base lacks is small: one hidden layer is enough for it. Chosen on crops of photographs.
DETAIL = TileRecipe(tile=32, margin=4, hidden_layers=1, first_omega_0=24.0, steps=15, batch=400, lr=2e-2)
PRIOR_ERROR = 0.03  # root mean square error expected of a prior's picture in [0, 1]: 30 dB
ROUNDING = 0.016  # of the strength with which D shows an even picture: differences that small are left alone

# In the search for the picture, for Gaussians and arrays: noise of a quarter of the rounding to 8 bits. Of 0,
# 0.0002, 0.0005 and 0.0011 the middle ones were the best.
BLURRED = 3e-4


@dataclass(frozen=True)
class TiledPlan:
    """Represent a picture by tiles of small networks, on top of a smooth enlargement.

    What the networks do not show of it stays in the base of the `siren_sr.Fit`, which has all samples of the picture:
    at its own size the fit is the picture.

    Attributes:
        picture: (C, H, W) in [-1, 1].
        base: (C, h, w), whose bicubic enlargement the networks need not show.
        tiles: How the tiles are made and trained.
    """

    picture: Tensor
    base: Tensor
    tiles: TileRecipe = DETAIL


Strategy = Callable[[Problem], Plan | TiledPlan]


def basic(problem: Problem) -> Plan:
    """Table 7, basic SIREN: 5000 epochs on the low-resolution image."""
    return _published(problem, [(1, 1, 5000)])


def trick1(problem: Problem) -> Plan:
    """Table 7, SIREN trick 1 (Figure 2, top): blurred versions of the image, the image, enlarged ones."""
    return _published(
        problem,
        [(4, 4, 500), (3, 3, 500), (2, 2, 500), (1.5, 1.5, 500), (1, 1, 1000), (1, 1.5, 1000), (1, 2, 1000)],
    )


def trick2(problem: Problem) -> Plan:
    """Table 7, SIREN trick 2 (Figure 2, bottom): the image, then bicubic enlargements up to 3 in twenty steps."""
    return _published(problem, [(1, 1, 1000), *((1, 1 + i / 10, 200) for i in range(1, 21))])


def _published(problem: Problem, schedule: Sequence[tuple[float, float, int]]) -> Plan:
    """Section 5.5: (down, up, epochs) stages; Adam 5e-4 with weight decay 5e-6, MSE + MSE of 0.1·Sobel, ω_HR.

    ``problem.steps`` scales the epochs in proportion. Errors are summed over channels as in the published code, where
    the weight decay has its meaning relative to that sum. Blurred versions that would have no pixel are left out.
    """
    smallest = min(problem.image.shape[-2:])
    schedule = [entry for entry in schedule if smallest >= entry[0]]
    share = 1.0 if problem.steps is None else problem.steps / sum(epochs for _, _, epochs in schedule)
    ends = np.rint(np.cumsum([0, *(epochs for _, _, epochs in schedule)]) * share).astype(int).tolist()
    stages = []
    for i, (down, up, _) in enumerate(schedule):
        target = resampling.resize_as_published(problem.image, down=down, up=up)
        gradient = derivatives.image_gradient(target)
        stages.append(
            Stage(
                objective=weighted(
                    [
                        (1.0, objectives.value(target, channel_sum=True)),
                        (1.0, objectives.gradient(gradient, factor=0.1, channel_sum=True)),
                    ]
                ),
                steps=ends[i + 1] - ends[i],
                shape=tuple(target.shape[-2:]),
                optimizer=adam(5e-4, weight_decay=5e-6),
                scheduler=reduce_on_plateau(patience=20),
                score=objectives.value(target),
                align_corners=problem.align_corners,
                name=f"down {down:g}, up {up:g}",
            )
        )
    user = (problem.image + 1) / 2
    omega_hr = omega.omega_hr(user, size=problem.size)
    return Plan(tuple(s for s in stages if s.steps > 0), max(omega.MINIMUM, omega_hr))


def consistent(problem: Problem) -> TiledPlan:
    """The library's own: a picture that downsamples to the image, then tiles of sine networks that represent it.

    1. Picture: `siren_sr.restoration` finds one with D x = image, D being the downsampling of ``problem.kernel``. A
       user's prior is moved to the nearest such picture instead. With noise, D x is an image without it.
    2. Network: tiles fitted to that picture minus the bicubic enlargement.
    3. Base: the samples of what the network does not show. So the result is the picture, and explains the image.

    Raises:
        ValueError: ``align_corners``: downsampling is defined on pixel centres.
    """
    if problem.align_corners:
        raise ValueError('strategy="consistent" is defined on pixel centres: leave align_corners=False')
    image, shape = problem.image, problem.image.shape[-2:]
    down = Downsample(problem.size, shape, kernel=problem.kernel, like=image)
    if problem.prior is not None:
        given = down.project(problem.prior, image, noise=_slack(problem.noise, shape, problem.size))
        return TiledPlan(given, image, replace(DETAIL, steps=problem.steps or DETAIL.steps))
    effort = restoration.QUALITIES[problem.quality]
    unit = restoration.restore(
        (image + 1) / 2,
        down,
        (resampling.resize(image, problem.size) + 1) / 2,
        effort,
        noise=problem.noise if isinstance(problem.kernel, str) else max(problem.noise, BLURRED),
        generator=problem.generator,
        report=problem.report,
    )
    return TiledPlan(unit * 2 - 1, image, replace(DETAIL, steps=problem.steps or effort.steps))


def _slack(noise: float, shape: Sequence[int], size: Sequence[int]) -> float:
    """How much an image is to be doubted where a prior contradicts it, the ``noise`` of `Downsample.project`: the ratio
    of the variances of their errors, and never so little that the image's rounding to 8 bits is believed.
    """
    rounding = ROUNDING * math.prod(shape) / math.prod(size)  # the eigenvalues of D Dᵀ go with the number of pixels
    return max(min(restoration.PRIOR_SLACK, rounding), (noise / PRIOR_ERROR) ** 2)


STRATEGIES: dict[str, Strategy] = {"consistent": consistent, "basic": basic, "trick1": trick1, "trick2": trick2}
