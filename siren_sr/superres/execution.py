"""One image by one strategy: it is asked for a plan, and what it plans is trained."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from siren_sr import arguments
from siren_sr.fitting.degradation import Degradation
from siren_sr.fitting.fit import Fit
from siren_sr.fitting.task import make_fit
from siren_sr.fitting.tiles import fit_tiles
from siren_sr.grids import coordinates, resampling
from siren_sr.grids.boundaries import per_axis
from siren_sr.network.periods import wrap_
from siren_sr.network.siren import Siren
from siren_sr.network.tiled import TiledSiren
from siren_sr.signals import Signal
from siren_sr.superres import assumed
from siren_sr.superres.compression.compressed import Compressed
from siren_sr.superres.options import SuperResolveOptions
from siren_sr.superres.plan import Plan, Problem, TiledPlan
from siren_sr.training.field import psnr_of, squared_error
from siren_sr.training.loop import final_score, train
from siren_sr.training.progress import Monitor

log = logging.getLogger(__name__)


def enlarge(
    data: Signal,
    size: tuple[int, int],
    ask_prior: Callable[[], Tensor | None],
    prior_name: str | None,
    options: SuperResolveOptions,
    degradation: Degradation,
    monitor: Monitor,
    *,
    compressed: Compressed | None = None,
) -> Any:
    """One image enlarged to ``size``, or its fit.

    Args:
        data: The image, upright.
        size: (H, W) of the result.
        ask_prior: Function that returns the picture (C, H, W) that the prior proposes, or None.
        prior_name: What the prior is called.
        options: The options of the task.
        degradation: What is assumed of how the image came about.
        monitor: Is told of the work.
        compressed: What is known of how the image was compressed.

    Raises:
        TypeError: The strategy returns no plan.
    """
    monitor.restart()
    problem = Problem(
        image=data.values,
        size=size,
        steps=options.steps,
        align_corners=options.align_corners,
        quality=options.quality,
        kernel=degradation.kernel,
        noise=assumed.share(data, degradation.noise),
        boundary=options.boundary,
        limits=data.origin.limits,
        compressed=compressed,
        ask_prior=ask_prior,
        prior_name=prior_name,
        generator=arguments.seeded(options.generator),
        monitor=monitor,
        return_fit=options.return_fit,
    )
    plan = None
    with monitor.interruptible():
        plan = None if monitor.stopped else options.chosen_strategy()(problem)
    if isinstance(plan, Plan | TiledPlan) and plan.prior is not None:
        log.info('details come from prior="%s"; without a prior nothing but the image is used', plan.prior)
    if isinstance(plan, TiledPlan) and not options.return_fit:
        # Nobody asked for the networks that would show the picture at other sizes.
        return data.origin.restore(plan.picture)
    if isinstance(plan, TiledPlan) and not monitor.stopped:
        fit = _run_tiled(plan, problem, data)
    elif isinstance(plan, Plan) and not monitor.stopped:
        fit = _run(plan, problem, data)
    elif monitor.stopped:
        # No network: the base holds the picture reached, or for want of one the image.
        fit = _without_network(data, problem, plan.picture if isinstance(plan, TiledPlan) else data.values)
    else:
        raise TypeError(f"strategy must return a Plan or a TiledPlan, got {type(plan).__name__}")
    # What was found is told as if the user had said it, so that who reads it can repeat it.
    told = replace(options, noise=degradation.noise) if degradation.noise else options
    told = replace(told, kernel=degradation.kernel) if options.estimates_kernel else told
    made = arguments.told("super_resolve", told)
    fit = replace(fit, made=made, prior=None if plan is None else plan.prior, degradation=degradation)
    return fit if options.return_fit else fit.render(size=problem.size)


def _without_network(data: Signal, problem: Problem, base: Tensor) -> Fit:
    """A fit that shows its base only."""
    size = problem.size
    model = TiledSiren(size, len(base), tile=max(size), hidden_features=1, generator=problem.generator, like=base)
    return make_fit(model, data, (), base=base, boundary=problem.boundary, stopped=True)


def _run(plan: Plan, problem: Problem, data: Signal) -> Fit:
    """Train the one network of a plan."""
    model = Siren(
        2,
        len(data.values),
        hidden_features=plan.hidden_features,
        hidden_layers=plan.hidden_layers,
        first_omega_0=plan.first_omega_0,
        generator=problem.generator,
        device=data.values.device,
        dtype=data.values.dtype,
    )
    wrap_(model, per_axis(problem.boundary, 2))
    history = train(model, plan.stages, monitor=problem.monitor)
    psnr = final_score(model, plan.stages[-1])
    stopped = len(history) < sum(stage.steps for stage in plan.stages)
    return make_fit(
        model,
        data,
        history,
        psnr=psnr,
        align_corners=problem.align_corners,
        boundary=problem.boundary,
        stopped=stopped,
    )


def _run_tiled(plan: TiledPlan, problem: Problem, data: Signal) -> Fit:
    """Fit the tiles of a plan; what they do not show goes into the base."""
    boundary = per_axis(problem.boundary, 2)
    residual = plan.picture - resampling.resize(plan.base, problem.size, border=boundary)
    tiled = fit_tiles(residual, plan.tiles, boundary=boundary, generator=problem.generator, monitor=problem.monitor)
    axes = coordinates.axes(problem.size, device=residual.device, dtype=residual.dtype)
    with torch.no_grad():
        detail = tiled.model.on_grid(axes)
    psnr = psnr_of(squared_error(detail, residual).item())
    base = plan.picture - detail
    return make_fit(
        tiled.model, data, tiled.history, psnr=psnr, base=base, boundary=problem.boundary, stopped=tiled.stopped
    )
