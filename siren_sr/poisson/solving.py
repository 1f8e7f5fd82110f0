"""One Poisson problem as a training: its terms, the recipe, ω0, and the mean that is met at the end."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from siren_sr import arguments, io, omega
from siren_sr.derivatives import inverse_gradient, inverse_laplacian, laplacian_of_gradient
from siren_sr.fitting.fit import Fit
from siren_sr.network.siren import Siren
from siren_sr.poisson.options import Kind, PoissonOptions
from siren_sr.poisson.targets import read_condition, read_ring, read_target
from siren_sr.signals import Origin, Signal, from_unit
from siren_sr.training import objectives
from siren_sr.training.evaluation import Grid, evaluate
from siren_sr.training.field import Objective, weighted
from siren_sr.training.loop import Stage, batches_per_step, final_score, train
from siren_sr.training.optimizers import adam
from siren_sr.training.progress import Monitor
from siren_sr.training.recipes import Recipe, choose

AS_PUBLISHED = ("paper", "published")  # recipes that follow section 5.4
THINNEST = 3  # samples of an axis along which a network's second derivative is bound
LAPLACIAN_STEPS = 150  # a Laplacian is matched in the image's norm, which is learned much faster (docs/poisson.md)
# The arrays as large as the image that are in memory at once, as measured on images of 768x768.
COPIES = {"numerical": 80, "analytical": 30}


def solve(kind: Kind, given: Any, options: PoissonOptions, monitor: Monitor) -> Fit:
    """The fit to one target."""
    target, origin = read_target(kind, given, options.device)
    channels, shape = len(target), tuple(target.shape[-2:])
    if kind == "laplacian" and options.method == "analytical" and min(shape) < THINNEST:
        raise ValueError(
            f"a Laplacian of {shape[0]}x{shape[1]} samples does not tell exact second derivatives apart: give at least "
            f'{THINNEST} samples on each axis, or method="numerical"'
        )
    io.check_memory(
        (channels, *shape),
        "float32",
        copies=COPIES[options.method],
        max_memory=options.max_memory,
        what="to solve it",
        advice="solve a part of it",
    )
    hidden_layers = 2 if options.hidden_layers is None else options.hidden_layers
    recipe = _recipe(kind, options, hidden_layers)
    match, terms = _terms(kind, target, origin, options)
    # Conditions need the whole grid.
    batch = recipe.batch if options.optimizer is None and len(terms) == 1 else None
    name = f"poisson ({kind}, {options.method})"
    stage = options.stage(recipe, weighted(terms), score=match, shape=shape, name=name, batch=batch)
    updates = stage.steps * batches_per_step(math.prod(shape), batch)
    model = options.network(
        2,
        channels,
        hidden_layers=hidden_layers,
        first_omega_0=_first_omega_0(kind, target, options, updates=updates, hidden_layers=hidden_layers),
        like=target,
    )
    mean = None if options.mean is None else read_condition("mean", options.mean, (channels,), target)
    history = train(model, [stage], monitor=monitor)
    if mean is not None:
        _set_mean(model, stage, from_unit(mean))
    return Fit(
        model=model.eval(),
        history=history,
        psnr=final_score(model, stage),
        shape=shape,
        origin=origin,
        align_corners=options.align_corners,
        stopped=len(history) < stage.steps,
        made=arguments.told("solve_poisson", options),
    )


def _recipe(kind: Kind, options: PoissonOptions, hidden_layers: int) -> Recipe:
    """How to train: the recipe asked for, with what section 5.4 and experience say of derivatives."""
    pointwise, name = options.method == "analytical", options.recipe
    recipe = choose(
        None if name == "fast" else name,
        pointwise=pointwise,
        dims=2,
        hidden_layers=hidden_layers,
        activation=options.activation,
    )
    if name in AS_PUBLISHED and (pointwise or options.activation != "sine"):
        return replace(recipe, optimizer=adam(1e-4))
    if name in (None, "fast") and kind == "laplacian" and not pointwise:
        return replace(recipe, steps=LAPLACIAN_STEPS)
    return recipe


def _terms(
    kind: Kind, target: Tensor, origin: Origin, options: PoissonOptions
) -> tuple[Objective, list[tuple[float, Objective]]]:
    """The objective that measures how well the target is met, and what is minimised, each term with its weight."""
    # The network's range [-1, 1] is twice as long as the image's [0, 1]: so are its derivatives.
    if kind == "gradient":
        found = match = objectives.gradient(2 * target, method=options.method)
    else:
        found = match = objectives.laplacian(2 * target, method=options.method)
        if options.method == "numerical" and options.recipe not in AS_PUBLISHED:
            # A Laplacian's own misfit weighs frequencies by |k|⁴, and what is slow is hardly learned.
            found = objectives.laplacian(2 * target, norm="image")
    terms: list[tuple[float, Objective]] = [(1.0, found)]
    if options.mean_gradient is not None:
        mean = read_condition("mean_gradient", options.mean_gradient, (len(target), 2), target)
        terms.append((1.0, objectives.mean_gradient(2 * mean)))
    if options.boundary is not None:
        terms.append((1.0, objectives.boundary(from_unit(read_ring(options.boundary, target, origin)))))
    return match, terms


@torch.no_grad()
def _set_mean(model: Siren, stage: Stage, mean: Tensor) -> None:
    """Meet the mean condition exactly: derivatives do not see the output's bias, so it is free to do so."""
    grid = Grid(stage.shape, align_corners=stage.align_corners, like=mean)
    found = evaluate(model, grid, lambda field: field.values.flatten(1).mean(1))
    model.output.bias.add_(mean - found)


def _first_omega_0(kind: Kind, target: Tensor, options: PoissonOptions, *, updates: int, hidden_layers: int) -> float:
    """ω0 as the user wants it, or equation (7) for the image that the target belongs to, without the image."""
    asked = options.given_omega_0()
    if isinstance(asked, (int, float)):
        return asked
    if asked is None:
        laplacian = target if kind == "laplacian" else laplacian_of_gradient(target)
        star = omega.FACTOR * float(laplacian.std()) if laplacian.numel() > 1 else 0.0
        return max(omega.MINIMUM, max(omega.MINIMUM, star) / (4 if options.method == "analytical" else 1))
    image = Signal.of(2 * (inverse_laplacian(target) if kind == "laplacian" else inverse_gradient(target)))
    if asked == omega.TANGENT_KERNEL:
        return omega.choose(image, updates=updates, hidden_layers=hidden_layers)
    return omega.choose(image, asked)
