"""Recipes of training: optimizer, schedule, number of steps and size of a batch, by kind of signal and network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from siren_sr import arguments
from siren_sr.network.layers import Activation
from siren_sr.training.optimizers import (
    OptimizerFactory,
    SchedulerFactory,
    adam,
    cosine,
    exponential,
    reduce_on_plateau,
    soap,
)


@dataclass(frozen=True)
class Recipe:
    """How to train, unless told otherwise.

    Attributes:
        steps: Number of steps: passes over all points.
        optimizer: Factory of the optimizer.
        scheduler: Function of the number of steps that gives the scheduler's factory.
        batch: Points per update; None for one update per step.
    """

    steps: int
    optimizer: OptimizerFactory
    scheduler: Callable[[int], SchedulerFactory | None]
    batch: int | None = None


RecipeFactory = Callable[..., Recipe]
"""``f(*, dims, hidden_layers, activation) -> Recipe``."""
RecipeName = Literal["fast", "whole", "paper", "published"]


def paper(*, dims: int, hidden_layers: int, activation: str | Activation) -> Recipe:
    """Section 5: Adam and ReduceLROnPlateau(0.6, patience 10·hidden layers); audio 1e-4 and 500 epochs, images 5e-4
    (ReLU 1e-4) and 5000 epochs.
    """
    audio = dims == 1
    lr = 1e-4 if audio or activation == "relu" else 5e-4
    return Recipe(500 if audio else 5000, adam(lr), lambda steps: reduce_on_plateau(patience=10 * hidden_layers))


def published(*, dims: int, hidden_layers: int, activation: str | Activation) -> Recipe:
    """As `paper`, with the patience of the published code: at least 100 for images, at most 100 for audio."""
    recipe = paper(dims=dims, hidden_layers=hidden_layers, activation=activation)
    patience = min(100, 10 * hidden_layers) if dims == 1 else max(100, 10 * hidden_layers)
    return Recipe(recipe.steps, recipe.optimizer, lambda steps: reduce_on_plateau(patience=patience))


def fast(*, dims: int, hidden_layers: int, activation: str | Activation) -> Recipe:
    """The library's default: Adam on batches of 1024 points, exponential decay (see the guide on speed)."""
    return Recipe(100, adam(8e-4, betas=(0.9, 0.99), fused=True), exponential, batch=1024)


def whole(*, dims: int, hidden_layers: int, activation: str | Activation) -> Recipe:
    """For objectives that need the whole grid: SOAP (Vyas et al., 2024) makes the most of one update per step."""
    return Recipe(500, soap(1e-3), cosine)


def resolve(recipe: str | RecipeFactory | None, *, pointwise: bool) -> RecipeFactory:
    """The recipe that a user asked for.

    Args:
        recipe: A name of `RECIPES`, a function such as those of this file, or None for the library's own choice. That
            is "fast", the training on batches, for objectives that are sums over points, and "whole" for all others.
        pointwise: Whether the objective is a sum over points.

    Raises:
        ValueError: An unknown name.
        TypeError: Neither a name nor a function.
    """
    if recipe is None:
        recipe = "fast" if pointwise else "whole"
    return arguments.resolve(
        "recipe", recipe, RECIPES, what="a callable (*, dims, hidden_layers, activation) -> Recipe"
    )


RECIPES: dict[str, RecipeFactory] = {"fast": fast, "whole": whole, "paper": paper, "published": published}
