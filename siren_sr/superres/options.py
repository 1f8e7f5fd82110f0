"""What `super_resolve` may be asked for: defaults, help and checks of every option."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal

import torch

from siren_sr import arguments
from siren_sr.arguments import option
from siren_sr.fitting.options import BOUNDARY
from siren_sr.grids.boundaries import Boundaries, check_boundary, per_axis, wraps
from siren_sr.superres.compression.finding import AUTO, Compression, check_compression
from siren_sr.superres.consistent import consistent
from siren_sr.superres.kernels import check_kernel
from siren_sr.superres.picture.quality import QUALITIES, Quality
from siren_sr.superres.plan import Strategy
from siren_sr.superres.published import basic, trick1, trick2
from siren_sr.superres.upscaler import Prior
from siren_sr.training.options import check_options
from siren_sr.training.progress import Callback

STRATEGIES: dict[str, Strategy] = {"consistent": consistent, "basic": basic, "trick1": trick1, "trick2": trick2}
"""Strategies by name; to add one by name, put it here."""
PHOTOGRAPHS: Final = "photographs"
PUBLISHED = (basic, trick1, trick2)

ESTIMATE: Final = "estimate"

Scale = float | Sequence[float]
StrategyName = Literal["consistent", "basic", "trick1", "trick2"]


@dataclass(frozen=True, kw_only=True)
class SuperResolveOptions:
    """The options of `super_resolve`, which says what each one means.

    Raises:
        ValueError: An unknown name, a number out of range, or an option that the strategy would ignore.
        TypeError: Another kind of thing than is asked for.
    """

    scale: Any = option(help="enlargement, any number >= 1")
    size: Any = option(help="or the size wanted: H W")
    quality: Quality = option("standard", "fast, standard or best", needs_consistent=True)
    kernel: Any = option(
        "bicubic",
        "what made the image small: bicubic, box, ...; a number, the standard deviation of a Gaussian in pixels of the "
        "result; a .npy file with an array of weights; or estimate, a Gaussian that is found in the image",
        needs_consistent=True,
    )
    noise: float | Literal["auto"] | None = option(
        None, "standard deviation of the image's noise, for an image in [0, 1]; or auto", needs_consistent=True
    )
    prior: Prior | Literal["photographs"] | None = option(
        PHOTOGRAPHS,
        "where details come from: photographs, from which a network has learned; or your own upscaler, (1, C, h, w) -> "
        "(1, C, H, W)",
        needs_consistent=True,
    )
    boundary: Boundaries = option("mirror", BOUNDARY, needs_consistent=True)
    compression: Compression = option(
        AUTO,
        "how the image was compressed: auto, as its file says or its pixels show for certain; jpeg, the same or an "
        "error; none, not at all",
        needs_consistent=True,
    )
    strategy: StrategyName | str | Strategy = option("consistent", "consistent, basic, trick1 or trick2")
    steps: int | None = option(help="training steps")
    align_corners: bool = option(False)
    generator: torch.Generator | None = option()
    device: torch.device | str | None = option(help="cpu, cuda or mps")
    callback: Callback | None = option()
    progress: bool = option(False, "show a progress bar")
    max_memory: float | None = option()
    checkpoint: str | os.PathLike[str] | None = option(help="file that holds what was reached, to go on from")
    every: float = option(60.0, "seconds between two writings of the checkpoint")
    return_fit: bool = option(False)

    def __post_init__(self) -> None:
        """Check every option; scale and size are checked against the image."""
        arguments.choice("quality", self.quality, QUALITIES)
        noise = self.noise if self.noise is None else _checked_noise(self.noise)
        if isinstance(self.prior, str):
            arguments.choice("prior", self.prior, (PHOTOGRAPHS,))
        else:
            arguments.optional_callable(
                "prior", self.prior, what=f'"{PHOTOGRAPHS}" or a callable, (1, C, h, w) -> (1, C, H, W)'
            )
        check_compression(self.compression)
        arguments.settle(
            self,
            noise=noise,
            align_corners=arguments.flag("align_corners", self.align_corners),
            return_fit=arguments.flag("return_fit", self.return_fit),
        )
        arguments.settle(self, boundary=check_boundary(self.boundary))
        if len(per_axis(self.boundary, 2)) == 2 and wraps(self.boundary) and self.align_corners:
            raise ValueError('boundary="wrap" needs pixel centres: on a corner-aligned grid both ends are one place')
        check_options(self)
        if not self.estimates_kernel:
            check_kernel(self.kernel)
        self._check_strategy()

    @property
    def estimates_kernel(self) -> bool:
        """Whether the kernel is to be found in the image."""
        return isinstance(self.kernel, str) and self.kernel == ESTIMATE

    def chosen_strategy(self) -> Strategy:
        """The strategy as a function."""
        return arguments.resolve("strategy", self.strategy, STRATEGIES, what="a callable Problem -> Plan")

    def knows_degradations(self) -> bool:
        """Whether the strategy cares how the image came about; the paper's do not."""
        chosen = self.chosen_strategy()
        return not any(chosen is published for published in PUBLISHED)

    def _check_strategy(self) -> None:
        """No option may be ignored: the paper's strategies know only some."""
        chosen = self.chosen_strategy()
        if self.knows_degradations():
            return
        changed = [
            field.name
            for field in fields(self)
            if "needs_consistent" in field.metadata
            and not arguments.same(getattr(self, field.name), field.default)
            and not (field.name in ("prior", "compression") and getattr(self, field.name) is None)
        ]
        if changed:
            name, names = getattr(chosen, "__name__", ""), ", ".join(changed)
            raise ValueError(f'strategy="{name}" is as published and knows no {names}: use "consistent"')


def _checked_noise(noise: Any) -> float | Literal["auto"]:
    if isinstance(noise, str) and noise == AUTO:
        return AUTO
    value = arguments.real(
        "noise", noise, what=f'a number, the standard deviation for an image in [0, 1], or "{AUTO}", by an estimate'
    )
    if not 0 <= value < math.inf:
        raise ValueError(f"noise={noise} is no standard deviation: it must be a finite number >= 0")
    return value
