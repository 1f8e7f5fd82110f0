"""Recipes of training: the optimizer, the schedule, the steps and the batches for a kind of signal and of network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from siren_sr import arguments
from siren_sr.network.layers import ActivationLike
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
    """How to train a network, unless the user says otherwise.

    Attributes:
        steps: Number of steps, each of which is a pass over all points.
        optimizer: Factory of the optimizer.
        scheduler: Function that turns the number of steps into the scheduler's factory, or into None for a constant
            learning rate.
        batch: Number of points per update of the weights; None for one update per step, on all points.
    """

    steps: int
    optimizer: OptimizerFactory
    scheduler: Callable[[int], SchedulerFactory | None]
    batch: int | None = None


RecipeFactory = Callable[..., Recipe]
"""A function ``f(*, dims, hidden_layers, activation) -> Recipe``, where ``dims`` is the number of grid axes."""
RecipeLike = Literal["fast", "whole", "paper", "published"] | str | RecipeFactory
"""A recipe as a function, or the name of one in `RECIPES`."""


def paper(*, dims: int, hidden_layers: int, activation: ActivationLike) -> Recipe:
    """Return the paper's recipe (section 5): Adam with ReduceLROnPlateau, factor 0.6 and patience 10·hidden layers.

    Audio is trained with the learning rate 1e-4 for 500 epochs, and images with 5e-4 (1e-4 for ReLU) for 5000 epochs.
    """
    audio = dims == 1
    lr = 1e-4 if audio or activation == "relu" else 5e-4
    return Recipe(500 if audio else 5000, adam(lr), lambda steps: reduce_on_plateau(patience=10 * hidden_layers))


def published(*, dims: int, hidden_layers: int, activation: ActivationLike) -> Recipe:
    """Return the recipe `paper` with the patience of the published code.

    Its patience is at least 100 for images and at most 100 for audio.
    """
    recipe = paper(dims=dims, hidden_layers=hidden_layers, activation=activation)
    patience = min(100, 10 * hidden_layers) if dims == 1 else max(100, 10 * hidden_layers)
    return Recipe(recipe.steps, recipe.optimizer, lambda steps: reduce_on_plateau(patience=patience))


def fast(*, dims: int, hidden_layers: int, activation: ActivationLike) -> Recipe:
    """Return the library's default: Adam on batches of 1024 points with an exponential decay of the learning rate.

    The guide on speed says more about it.
    """
    return Recipe(100, adam(8e-4, betas=(0.9, 0.99), fused=True), exponential, batch=1024)


def whole(*, dims: int, hidden_layers: int, activation: ActivationLike) -> Recipe:
    """Return the recipe for objectives that need the whole grid.

    With one update per step, SOAP (Vyas et al., 2024) makes the most of each.
    """
    return Recipe(500, soap(1e-3), cosine)


def resolve(recipe: RecipeLike | None, *, pointwise: bool) -> RecipeFactory:
    """Return the function behind the recipe that a user asked for; arguments and errors as for `choose`."""
    if recipe is None:
        recipe = "fast" if pointwise else "whole"
    return arguments.resolve(
        "recipe", recipe, RECIPES, what="a callable (*, dims, hidden_layers, activation) -> Recipe"
    )


def choose(
    recipe: RecipeLike | None, *, pointwise: bool, dims: int, hidden_layers: int, activation: ActivationLike
) -> Recipe:
    """Return the recipe that a user asked for.

    Args:
        recipe: A name of `RECIPES`, a function such as those of this file, or None for the library's own choice. That
            is "fast", the training on batches, for objectives that are sums over points, and "whole" for all others.
        pointwise: Whether the objective is a sum over points.
        dims: Number of grid axes of the signal.
        hidden_layers: Number of the sine layers of the network after the first.
        activation: Activation of the network.

    Raises:
        ValueError: The name is unknown.
        TypeError: ``recipe`` is neither a name nor a function, or what the function returned is no `Recipe`.
    """
    factory = resolve(recipe, pointwise=pointwise)
    found = factory(dims=dims, hidden_layers=hidden_layers, activation=activation)
    if not isinstance(found, Recipe):
        raise TypeError(f"recipe must return a Recipe, got {type(found).__name__}")
    return found


RECIPES: dict[str, RecipeFactory] = {"fast": fast, "whole": whole, "paper": paper, "published": published}
"""The recipes by name."""
