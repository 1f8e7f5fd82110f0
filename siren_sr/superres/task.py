"""Super resolution of a single image: section 3.4 of the paper, and better."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from siren_sr import signals
from siren_sr.fitting.fit import Fit
from siren_sr.fitting.task import default_generator, make_fit
from siren_sr.fitting.tiles import fit_tiles
from siren_sr.grids import coordinates, resampling
from siren_sr.network.siren import Siren
from siren_sr.network.tiled import TiledSiren
from siren_sr.signals.hidden_colours import fill_hidden
from siren_sr.superres.options import check_options
from siren_sr.superres.plan import Plan, Problem, Strategy, TiledPlan
from siren_sr.superres.upscaler import Prior, ask
from siren_sr.training.field import psnr_of, squared_error
from siren_sr.training.loop import final_score, train
from siren_sr.training.progress import Callback, Entry, Progress


def super_resolve(
    image: Any,
    scale: float | Sequence[float] | None = None,
    *,
    size: Sequence[int] | None = None,
    quality: str = "standard",
    kernel: Any = "bicubic",
    noise: float = 0.0,
    prior: Prior | None = None,
    strategy: str | Strategy = "consistent",
    steps: int | None = None,
    align_corners: bool = False,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
    callback: Callback | None = None,
    return_fit: bool = False,
) -> Any:
    """Enlarge one image, using nothing but the image.

    Args:
        image: Tensor (C, H, W), (H, W) or a batch (B, C, H, W); array (H, W[, C]) or (B, H, W, C); PIL image; path.
            Floats in [0, 1], uint8 or uint16; gray, RGB, with alpha, which is one more channel. Of PIL images and
            files it is known which channel that is, and colours that are wholly transparent are replaced by those
            around them; of tensors and arrays no channel is taken for alpha.
        scale: Enlargement, any real number >= 1, or one per axis (rows, columns). Default: 4 if ``size`` is absent.
        size: Or the size wanted, (H, W), not smaller than the image.
        quality: "fast", "standard" or "best": how long to try (the guide has seconds and dB).
        kernel: The downsampling that made the image: "bicubic" (MATLAB's ``imresize``), another name of
            ``siren_sr.grids.resampling.KERNELS`` such as "box", a number, which is the standard deviation of a Gaussian
            in pixels of the result, or a 2-D array of weights on such pixels.
        noise: Standard deviation of the image's noise, for an image in [0, 1]; 10/255 of an 8-bit image is visible.
        prior: Your own upscaler, (1, C, h, w) float32 in [0, 1] -> (1, C, H', W') in [0, 1], a pretrained network for
            example. It is given all channels, alpha too. Its result, resized if it has another size, is moved to the
            nearest picture that explains the image (with ``noise``, only as far as the image is to be believed), and
            made continuous. At the size asked for, the result is that picture. With a prior there is nothing to try
            harder: leave ``quality`` alone.
        strategy: "consistent" (the default), the paper's "basic", "trick1", "trick2", or a function
            `Problem` -> `Plan`.
        steps: Training steps: of every group of tiles for "consistent", in all for the paper's strategies, whose 5000
            epochs are scaled in proportion. Default: the strategy's own number.
        align_corners: Corner-aligned grids, as in the paper's code, instead of pixel centres. "consistent" accepts
            pixel centres only.
        generator: CPU generator of the initial weights (default: seed 0, so that a call repeats itself; the global
            random state is never touched).
        device: Where to compute (default: where the tensor is, or the CPU).
        callback: Called after every step with a `Progress`. Once it returns True, it is not called again and nothing
            more is computed: the result is what there is by then, and any further images of a batch are enlarged by
            bicubic interpolation only. A `Fit` says so in ``stopped``.
        return_fit: Return the `Fit`, a continuous image that renders at any resolution.

    Returns:
        An image of the same kind, element type and channels as the input. A path gives a PIL image (a uint16 array
        for 16-bit colour, which PIL cannot hold). A file whose EXIF orientation turns the picture is worked on as it is
        seen: so are ``scale``, ``size``, ``kernel`` and ``prior`` meant. The result is stored turned as the file was.

    Raises:
        ValueError: A bad image, scale, size, kernel, noise, device or result of the prior, an unknown strategy or
            quality, an option that the strategy or the prior would make ignored, or a training that diverged.
        TypeError: Unsupported kinds.
        OSError: A file that cannot be read.

    Examples:
        >>> super_resolve(np.zeros((5, 8), np.uint8), scale=1.5, steps=1).shape
        (8, 12)
    """
    options = {k: v for k, v in locals().items() if k != "image"}
    if torch.is_inference_mode_enabled():
        with torch.inference_mode(False):
            return super_resolve(image, **options)
    names = ("quality", "kernel", "noise", "prior", "steps", "generator", "callback")
    chosen = check_options(strategy, **{name: options[name] for name in names})
    watch = _Watch(callback)
    if not signals.is_batch(image):
        return _enlarge(image, chosen, watch, options)
    results = [_enlarge(one, chosen, watch, options) for one in image]
    if return_fit:
        return results
    return torch.stack(results) if isinstance(image, Tensor) else np.stack(results)


class _Watch:
    """The user's callback, and whether it has asked to stop: it is asked no more then."""

    def __init__(self, callback: Callback | None) -> None:
        self.callback, self.stopped = callback, False

    def __call__(self, progress: Progress) -> bool:
        if self.callback is not None and not self.stopped:
            self.stopped = bool(self.callback(progress))
        return self.stopped


def _enlarge(image: Any, strategy: Strategy, watch: _Watch, options: dict[str, Any]) -> Any:
    """One image, or its fit, with the options of `super_resolve`."""
    data = signals.as_signal(image, dims=2, device=options["device"]).upright()
    if data.has_alpha:
        data = replace(data, values=fill_hidden(data.values))
    scale, size, channels = options["scale"], options["size"], len(data.values)
    scale = 4 if scale is None and size is None else scale
    height, width = coordinates.grid_size(data.shape, scale=scale, size=size, channels=channels)
    if height < data.shape[0] or width < data.shape[1]:
        raise ValueError(
            f"the result would be {height}x{width}, smaller than the image, {data.shape[0]}x{data.shape[1]}: "
            "scale must be >= 1 on each axis (to shrink an image use siren_sr.grids.resampling.resize)"
        )
    start, done = time.perf_counter(), 0

    def report(step: int, steps: int) -> bool:
        nonlocal done
        done = step
        seconds = time.perf_counter() - start
        entry = Entry(step, math.nan, math.nan, seconds, 0.0)
        # What follows is not known yet: assume that it takes as long as this part.
        return watch(Progress(entry, 2 * steps, seconds / step * (2 * steps - step), "pixels"))

    prior, steps = options["prior"], options["steps"]
    problem = Problem(
        image=data.values,
        size=(height, width),
        steps=None if steps is None else int(steps),
        align_corners=options["align_corners"],
        quality=options["quality"],
        kernel=options["kernel"],
        noise=float(options["noise"]),
        prior=None if prior is None or watch.stopped else ask(prior, data.values, (height, width)),
        generator=default_generator(options["generator"]),
        report=report,
    )
    plan = None if watch.stopped else strategy(problem)
    if isinstance(plan, TiledPlan) and not watch.stopped:
        seconds = time.perf_counter() - start
        fit, shown = _run_tiled(plan, problem, data, watch, done=done, seconds=seconds)
    elif isinstance(plan, Plan) and not watch.stopped:
        fit, shown = _run(plan, problem, data, watch), None
    elif watch.stopped:
        # No network: the base holds the picture reached, or for want of one the image.
        shown = plan.picture if isinstance(plan, TiledPlan) else None
        fit = _without_network(data, problem, data.values if shown is None else shown)
    else:
        raise TypeError(f"strategy must return a Plan or a TiledPlan, got {type(plan).__name__}")
    if options["return_fit"]:
        return fit
    return fit.render(size=problem.size) if shown is None else data.restore(shown)


def _without_network(data: signals.Signal, problem: Problem, base: Tensor) -> Fit:
    """A fit that shows its base only."""
    size = problem.size
    model = TiledSiren(size, len(base), tile=max(size), hidden_features=1, generator=problem.generator, like=base)
    return make_fit(model, data, (), psnr=math.nan, base=base, stopped=True)


def _run(plan: Plan, problem: Problem, data: signals.Signal, watch: _Watch) -> Fit:
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
    history = train(model, plan.stages, callback=watch)
    psnr = final_score(model, plan.stages[-1])
    stopped = len(history) < sum(stage.steps for stage in plan.stages)
    return make_fit(model, data, history, psnr=psnr, align_corners=problem.align_corners, stopped=stopped)


def _run_tiled(
    plan: TiledPlan, problem: Problem, data: signals.Signal, watch: _Watch, *, done: int, seconds: float
) -> tuple[Fit, Tensor]:
    """The fit, and what it shows at the size asked for, (C, H, W)."""
    residual = plan.picture - resampling.resize(plan.base, problem.size)
    tiled = fit_tiles(residual, plan.tiles, generator=problem.generator, callback=watch, done=done, seconds=seconds)
    axes = coordinates.axes(problem.size, device=residual.device, dtype=residual.dtype)
    with torch.no_grad():
        detail = tiled.model.on_grid(axes)
    psnr = psnr_of(squared_error(detail, residual).item())
    base = plan.picture - detail
    return make_fit(tiled.model, data, tiled.history, psnr=psnr, base=base, stopped=tiled.stopped), plan.picture
