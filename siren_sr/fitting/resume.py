"""To go on training a finished fit."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from siren_sr import arguments
from siren_sr.fitting.options import FitOptions
from siren_sr.grids.boundaries import per_axis
from siren_sr.network.periods import wrap_
from siren_sr.network.siren import Siren
from siren_sr.signals import as_signal
from siren_sr.training.checkpoint import open_checkpoint
from siren_sr.training.field import is_pointwise
from siren_sr.training.loop import train
from siren_sr.training.objectives import value
from siren_sr.training.progress import Monitor
from siren_sr.training.recipes import choose

if TYPE_CHECKING:
    from siren_sr.fitting.fit import Fit


def resume(fit: Fit, signal: Any, **given: Any) -> Fit:
    """What `siren_sr.Fit.resume` does, which says more.

    Args:
        fit: The fit.
        signal: What it was fitted to.
        **given: How to train: fields of `siren_sr.fitting.options.FitOptions`.

    Raises:
        ValueError: The fit has no single network, it was fitted to something else, or as `siren_sr.fit_signal`.
    """
    options = FitOptions(**given, align_corners=fit.align_corners)
    model = fit.model
    if not isinstance(model, Siren) or fit.base is not None or fit.prior is not None:
        raise ValueError(
            "only a fit of one network can be resumed, such as fit_signal returns with tiles=False: call the task again"
        )
    origin = fit.origin
    data = as_signal(
        signal,
        sample_rate=origin.sample_rate,
        dims=None if origin.sample_rate else origin.dims,
        device=options.device or model.device,
    )
    if fit.made.get("task", "fit_signal") != "fit_signal":
        raise ValueError("a fit of solve_poisson cannot be resumed: call solve_poisson again, with more steps")
    kind = (data.shape, len(data.values), data.origin.low, data.origin.high)
    if kind != (fit.shape, model.out_features, origin.low, origin.high):
        raise ValueError(
            "a fit is resumed with the signal to which it was fitted, of shape "
            f"{fit.shape} with {model.out_features} channel(s) and values in [{origin.low:g}, {origin.high:g}]; got "
            f"{data.shape} with {len(data.values)} in [{data.origin.low:g}, {data.origin.high:g}]"
        )
    with arguments.undisturbed():
        values = data.values.to(model.dtype)
        file = open_checkpoint(options, values, model.config(), list(model.state_dict().values()))
        monitor = Monitor(options.callback, file, bar=options.progress)
        model = copy.deepcopy(model).to(values.device).train()
        wrap_(model, per_axis(fit.boundary, len(fit.shape)))
        loss = options.make_objective()(values)
        score = loss if options.objective == "mse" else value(values)
        recipe = choose(
            options.recipe,
            pointwise=is_pointwise(loss),
            dims=origin.dims,
            hidden_layers=model.hidden_layers,
            activation=model.config()["activation"],
        )
        batch = recipe.batch if options.batch is None and options.optimizer is None else options.batch
        stage = options.stage(recipe, loss, score=score, shape=data.shape, name="fit", batch=batch)
        with monitor:
            made = train(model, [stage], monitor=monitor, generator=options.generator, precision=options.precision)
        step, seconds, index = (
            (fit.history[-1].step, fit.history[-1].seconds, fit.history[-1].stage + 1) if fit.history else (0, 0.0, 0)
        )
        seconds = 0.0 if math.isnan(seconds) else seconds  # a file does not hold them
        later = [replace(e, step=step + e.step, seconds=seconds + e.seconds, stage=index) for e in made]
        result = replace(
            fit,
            model=model.eval(),
            history=(*fit.history, *later),
            psnr=math.nan,
            origin=data.origin,
            stopped=len(made) < stage.steps,
        )
        result = replace(result, psnr=result.measure(values))
        monitor.end(result)
    return result
