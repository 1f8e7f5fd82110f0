"""What `fit_signal` and `solve_poisson` may be asked for: defaults, help and checks of every option."""

from __future__ import annotations

import dataclasses
import math
import numbers
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from siren_sr import arguments, omega
from siren_sr import init as initializers
from siren_sr.arguments import option
from siren_sr.fitting.tiles import TileRecipe
from siren_sr.grids.boundaries import Boundaries, check_boundary, wraps
from siren_sr.init import InitializerLike
from siren_sr.network.fused import product_type
from siren_sr.network.layers import ActivationLike, resolve_activation
from siren_sr.network.siren import Siren
from siren_sr.omega import Measure
from siren_sr.training.field import Objective
from siren_sr.training.loop import Stage
from siren_sr.training.objectives import OBJECTIVES, ObjectiveFactory, ObjectiveLike
from siren_sr.training.optimizers import OptimizerFactory, SchedulerFactory
from siren_sr.training.options import check_options
from siren_sr.training.progress import Callback
from siren_sr.training.recipes import Recipe, RecipeLike, resolve

PUBLISHED = ("paper", "published")  # recipes whose trainings end where they end, for better or worse
BOUNDARY = "what lies beyond the edges: mirror; wrap, for textures and loops; or one per axis, wrap,mirror"
Omega = float | str | Callable[[Tensor], float]
"""ω0 itself, the name of a rule or measure, or a function of the (C, *grid) tensor."""


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """What every task that trains one network may be asked for; `fit_signal` says what each option means.

    Raises:
        ValueError: A number out of its range, or an unknown name.
        TypeError: Another kind of thing than is asked for.
    """

    omega_0: Omega | None = option(help="first-layer ω0: a number, or a rule's name", one_network=True)
    hidden_omega_0: float = option(30.0, "ω0 of the other layers", one_network=True)
    hidden_features: int = option(256, "width", one_network=True)
    hidden_layers: int | None = option(help="sine layers after the first", one_network=True)
    activation: ActivationLike = option("sine", "sine or relu", one_network=True)
    first_init: InitializerLike = option("sitzmann", "initializer of the first layer", one_network=True)
    hidden_init: InitializerLike = option("sitzmann", "initializer of the hidden layers", one_network=True)
    recipe: RecipeLike | None = option(help="fast, whole, paper or published", one_network=True)
    steps: int | None = option(help="training steps")
    optimizer: OptimizerFactory | None = option(one_network=True)
    scheduler: SchedulerFactory | None = option(one_network=True)
    align_corners: bool = option(False, one_network=True)
    generator: torch.Generator | None = option()
    device: torch.device | str | None = option(help="cpu, cuda or mps")
    callback: Callback | None = option()
    progress: bool = option(False, "show a progress bar")
    max_memory: float | None = option()
    checkpoint: str | os.PathLike[str] | None = option(help="file that holds what was reached, to go on from")
    every: float = option(60.0, "seconds between two writings of the checkpoint")

    def __post_init__(self) -> None:
        """Check every option."""
        _check_omega(self.omega_0)
        resolve_activation(self.activation)
        initializers.resolve(self.first_init, name="first_init")
        initializers.resolve(self.hidden_init, name="hidden_init")
        arguments.settle(
            self,
            hidden_omega_0=arguments.positive("hidden_omega_0", self.hidden_omega_0),
            hidden_features=arguments.count("hidden_features", self.hidden_features),
            align_corners=arguments.flag("align_corners", self.align_corners),
        )
        if self.hidden_layers is not None:
            arguments.settle(self, hidden_layers=arguments.count("hidden_layers", self.hidden_layers, least=0))
        resolve(self.recipe, pointwise=True)
        arguments.optional_callable("optimizer", self.optimizer, what="a callable parameters -> optimizer")
        arguments.optional_callable("scheduler", self.scheduler, what="a callable optimizer -> scheduler")
        check_options(self)

    def network(
        self, in_features: int, out_features: int, *, hidden_layers: int, first_omega_0: float, like: Tensor
    ) -> Siren:
        """A new network of these options; ``like`` gives device and dtype."""
        return Siren(
            in_features,
            out_features,
            hidden_features=self.hidden_features,
            hidden_layers=hidden_layers,
            first_omega_0=first_omega_0,
            hidden_omega_0=self.hidden_omega_0,
            activation=self.activation,
            first_init=self.first_init,
            hidden_init=self.hidden_init,
            generator=arguments.seeded(self.generator),
            device=like.device,
            dtype=like.dtype,
        )

    def given_omega_0(self) -> float | str | Measure | None:
        """ω0 where it needs no look at the signal (other activations than the sine have 30), a rule for it, or None."""
        if self.omega_0 is None:
            return None if self.activation == "sine" else 30.0
        return self.omega_0 if isinstance(self.omega_0, str) or callable(self.omega_0) else float(self.omega_0)

    def stage(
        self,
        recipe: Recipe,
        objective: Objective,
        *,
        score: Objective,
        shape: tuple[int, ...],
        name: str,
        batch: int | None,
    ) -> Stage:
        """How to train on a grid of ``shape``: by the recipe, but for what the user set."""
        steps = arguments.count("steps of the recipe", recipe.steps) if self.steps is None else self.steps
        as_published = self.recipe in PUBLISHED and self.optimizer is None and self.scheduler is None
        return Stage(
            objective=objective,
            steps=steps,
            shape=shape,
            optimizer=self.optimizer or recipe.optimizer,
            scheduler=self.scheduler or recipe.scheduler(steps),
            score=score,
            align_corners=self.align_corners,
            name=name,
            batch=batch,
            **({"worse": math.inf} if as_published else {}),
        )


@dataclass(frozen=True, kw_only=True)
class FitOptions(NetworkOptions):
    """The options of `fit_signal`, which says what each one means; errors as in `NetworkOptions`."""

    sample_rate: float | None = option()
    dims: int | None = option()
    objective: ObjectiveLike = option("mse", "mse, mse_fft or, for sounds, mse_stft", one_network=True)
    batch: int | None = option(one_network=True)
    precision: Literal["bf16"] | None = option(
        help="bf16: products in bfloat16, faster and less exact", one_network=True
    )
    tiles: bool | TileRecipe | None = option(help="many small networks")
    boundary: Boundaries = option("mirror", BOUNDARY)

    def __post_init__(self) -> None:
        """Check every option."""
        super().__post_init__()
        self.make_objective()
        if self.batch is not None:
            arguments.settle(self, batch=arguments.count("batch", self.batch))
        product_type(self.precision)
        if isinstance(self.tiles, np.bool_):
            arguments.settle(self, tiles=bool(self.tiles))
        if not isinstance(self.tiles, (bool, TileRecipe, type(None))):
            raise TypeError(f"tiles must be True, False or a TileRecipe, got {self.tiles!r}")
        arguments.settle(self, boundary=check_boundary(self.boundary))
        if wraps(self.boundary):
            self._check_wrap()

    def _check_wrap(self) -> None:
        """Only sines of whole periods wrap, on grids whose first and last sample are neighbours."""
        if self.align_corners:
            raise ValueError('boundary="wrap" needs pixel centres: on a corner-aligned grid both ends are one place')
        if self.activation not in ("sine", torch.sin):
            raise ValueError('boundary="wrap" needs activation="sine": no other is known to be periodic')

    def make_objective(self) -> ObjectiveFactory:
        """The objective as a function of the target."""
        return arguments.resolve("objective", self.objective, OBJECTIVES, what="a function of the target")

    def for_one_network(self) -> list[str]:
        """Names of the options that are set and that tiles would ignore."""
        return [
            field.name
            for field in dataclasses.fields(self)
            if "one_network" in field.metadata and getattr(self, field.name) != field.default
        ]


def _check_omega(omega_0: Any) -> None:
    if omega_0 is None or (callable(omega_0) and not isinstance(omega_0, str)):
        return
    if isinstance(omega_0, str):
        if omega_0 not in (omega.TANGENT_KERNEL, *omega.MEASURES):
            names = ", ".join((omega.TANGENT_KERNEL, *omega.MEASURES))
            raise ValueError(f"omega_0: unknown measure {omega_0!r}: use a number, one of {names}, or a function")
        return
    if isinstance(omega_0, bool) or not isinstance(omega_0, numbers.Real):
        raise TypeError(f"omega_0 that is no number must be a name or a function, got {omega_0!r}")
    if not 0 < arguments.real("omega_0", omega_0, what="a finite number > 0") < math.inf:
        raise ValueError(f"first_omega_0 must be a finite number > 0, got {omega_0}: 30 is usual, see siren_sr.omega")
