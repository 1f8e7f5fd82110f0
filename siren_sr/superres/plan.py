"""What a strategy is given, a `Problem`, and what it answers, a `Plan` or a `TiledPlan`.

A strategy never trains. To add one, write a function from a problem to a plan and pass it to `super_resolve`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from siren_sr.fitting.tiles import TileRecipe
from siren_sr.grids.boundaries import Boundaries
from siren_sr.signals import to_unit
from siren_sr.superres.compression.compressed import Compressed
from siren_sr.superres.downsample import UNLIMITED
from siren_sr.superres.picture.quality import Quality
from siren_sr.training.loop import Stage
from siren_sr.training.progress import Monitor


@dataclass(frozen=True)
class Problem:
    """What a strategy is given.

    Attributes:
        image: The low-resolution image, (C, h, w) in [-1, 1].
        size: The size (H, W) that is wanted.
        steps: Number of training steps that is wanted, in all or for every group of tiles, or None for the strategy's
            own number.
        align_corners: Whether to use a corner-aligned grid, as the paper does, instead of pixel centres.
        quality: How hard to try, a name in `siren_sr.superres.picture.quality.QUALITIES`.
        kernel: Kernel of the downsampling that made the image; `siren_sr.superres.kernels.check_kernel` says what it
            may be.
        noise: Standard deviation of the image's noise, in units of an image in [0, 1].
        boundary: What lies beyond the image's edges.
        limits: Between what values the image could lie at all. Where it lies at one of them, it may have been cut off:
            a bicubic reduction overshoots beside black letters on white paper.
        compressed: What is known of how the image was compressed, or None if it was not.
        ask_prior: Function that returns what `prior` is.
        prior_name: Name of the prior, for the plan; None where there is none.
        generator: CPU generator of the random numbers that a strategy needs.
        monitor: Object that is told of the work. A strategy that itself works for long announces this by
            ``monitor.plan(stage, steps)``, calls ``monitor.step()`` after each step, and ends with what it has when
            that returns True. What it has computed by ``monitor.once(name, function)`` a checkpoint remembers.
        return_fit: Whether the user wants the networks, and not only the picture at the size asked for.
    """

    image: Tensor
    size: tuple[int, int]
    steps: int | None
    align_corners: bool
    quality: Quality
    kernel: Any
    noise: float
    boundary: Boundaries = "mirror"
    limits: tuple[float, float] = UNLIMITED
    compressed: Compressed | None = None
    ask_prior: Callable[[], Tensor | None] = lambda: None
    prior_name: str | None = None
    generator: torch.Generator | None = None
    monitor: Monitor = field(default_factory=Monitor)
    return_fit: bool = True

    @functools.cached_property
    def prior(self) -> Tensor | None:
        """The picture that the prior proposes, (C, H, W) in [-1, 1], or None; it is asked when this is first read."""
        return self.ask_prior()

    @property
    def unit(self) -> Tensor:
        """The image in [0, 1]."""
        return to_unit(self.image)


@dataclass(frozen=True)
class Plan:
    """Train one network through stages.

    Attributes:
        stages: What to train the network on, in order.
        first_omega_0: ω0 of its first layer.
        hidden_features: Width of its sine layers, >= 1.
        hidden_layers: Number of its sine layers after the first, >= 0.
        prior: Name of the prior that has a share in the targets; None where nothing but the image has.
    """

    stages: tuple[Stage, ...]
    first_omega_0: float
    hidden_features: int = 256
    hidden_layers: int = 2
    prior: str | None = None


# The detail that a smooth base lacks is small, so that one hidden layer is enough for it. These numbers were chosen on
# crops of photographs.
DETAIL = TileRecipe(tile=32, margin=4, hidden_layers=1, first_omega_0=24.0, steps=15, batch=400, lr=2e-2)


@dataclass(frozen=True)
class TiledPlan:
    """Represent a picture by tiles of small networks, on top of a smooth enlargement.

    What the networks do not show of the picture stays in the base of the `siren_sr.Fit`, which has as many samples as
    the picture. Rendered at the size of the picture, the fit is therefore the picture.

    Attributes:
        picture: The picture, a tensor (C, H, W) in [-1, 1].
        base: Image (C, h, w) whose bicubic enlargement the networks need not show.
        tiles: How the tiles are made and trained.
        prior: Name of the prior that has a share in the picture; None where nothing but the image has.
    """

    picture: Tensor
    base: Tensor
    tiles: TileRecipe = DETAIL
    prior: str | None = None


Strategy = Callable[[Problem], Plan | TiledPlan]
"""A function ``f(problem) -> Plan | TiledPlan``."""
