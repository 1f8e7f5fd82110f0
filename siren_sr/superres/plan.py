"""What a strategy is given, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from siren_sr.fitting.tiles import TileRecipe
from siren_sr.training.loop import Stage


@dataclass(frozen=True)
class Problem:
    """What a strategy is given.

    Attributes:
        image: The low-resolution image, (C, h, w) in [-1, 1].
        size: (H, W) wanted.
        steps: Training steps wanted, in all or for every group of tiles, or None for the strategy's own number.
        align_corners: Corner-aligned grid, as in the paper, instead of pixel centres.
        quality: How hard to try, a name in `siren_sr.superres.picture.quality.QUALITIES`.
        kernel: Of the downsampling that made the image, see `siren_sr.superres.downsample.check_kernel`.
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
