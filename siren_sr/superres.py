"""Super resolution of a single image: section 3.4 of the paper, and better."""

from __future__ import annotations

import math
import numbers
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from siren_sr import coordinates, objectives, resampling, signals
from siren_sr.degradation import check_kernel
from siren_sr.fit import Fit
from siren_sr.fitting import check_steps, default_generator, make_fit
from siren_sr.prior import Prior, ask
from siren_sr.restoration import QUALITIES
from siren_sr.siren import Siren
from siren_sr.strategies import STRATEGIES, Plan, Problem, Strategy, TiledPlan
from siren_sr.tiling import fit_tiles
from siren_sr.training import Callback, Entry, Progress, final_score, train


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
            Floats in [0, 1], uint8 or uint16; gray, RGB, with alpha (which is treated as one more channel).
        scale: Enlargement, any real number >= 1, or one per axis (rows, columns). Default: 4 if ``size`` is absent.
        size: Or the size wanted, (H, W), not smaller than the image.
        quality: "fast", "standard" or "best": how long to try (the guide has seconds and dB).
        kernel: The downsampling that made the image: "bicubic" (MATLAB's ``imresize``), another name of
            ``siren_sr.resampling.KERNELS`` such as "box", a number, which is the standard deviation of a Gaussian in
            pixels of the result, or a 2-D array of weights on such pixels.
        noise: Standard deviation of the image's noise, for an image in [0, 1]; 10/255 of an 8-bit image is visible.
        prior: Your own upscaler, (1, C, h, w) float32 in [0, 1] -> (1, C, H', W') in [0, 1], a pretrained network for
            example. It is given all channels, alpha too. Its result, resized if it has another size, is moved to the
            nearest picture that explains the image (with ``noise``, only as far as the image is to be believed), and
            made continuous. At the size asked for, the result is that picture. With a prior there is nothing to try
            harder: leave ``quality`` alone.
        strategy: "consistent" (the default), the paper's "basic", "trick1", "trick2", or a function
            `Problem` -> `Plan`.
        steps: Training steps in all (default: the strategy's; the paper's have 5000 epochs, scaled in proportion).
        align_corners: Corner-aligned grids, as in the paper's code, instead of pixel centres. "consistent" accepts
            pixel centres only.
        generator: CPU generator of the initial weights (default: seed 0, so that a call repeats itself; the global
            random state is never touched).
        device: Where to compute (default: where the tensor is, or the CPU).
        callback: Called after every step with a `Progress`; returning True stops.
        return_fit: Return the `Fit`, a continuous image that renders at any resolution.

    Returns:
        An image of the same kind, element type and channels as the input. A path gives a PIL image (a uint16 array
        for 16-bit colour, which PIL cannot hold); for a path with an EXIF orientation that turns the picture,
        ``scale`` and ``size`` are those of the picture as it is seen.

    Raises:
        ValueError: A bad image, scale, size, kernel, noise or result of the prior, an unknown strategy or quality, one
            of these with a strategy of the paper, or a training that diverged.
        TypeError: Unsupported kinds.
        OSError: A file that cannot be read.

    Examples:
        >>> super_resolve(np.zeros((5, 8), np.uint8), scale=1.5, steps=1).shape
        (8, 12)
    """
    if scale is None and size is None:
        scale = 4
    chosen = _resolve(strategy)
    _check(strategy, quality, kernel, noise, prior)
    if signals.is_batch(image):
        options = {
            "scale": scale,
            "size": size,
            "quality": quality,
            "kernel": kernel,
            "noise": noise,
            "prior": prior,
            "strategy": strategy,
            "steps": steps,
            "align_corners": align_corners,
            "generator": generator,
            "device": device,
            "callback": callback,
            "return_fit": return_fit,
        }
        results = [super_resolve(one, **options) for one in image]
        if return_fit:
            return results
        return torch.stack(results) if isinstance(image, Tensor) else np.stack(results)
    data = signals.as_signal(image, dims=2, device=device)
    if getattr(data.info, "orientation", 1) in (5, 6, 7, 8):  # stored lying on its side
        scale = scale[::-1] if isinstance(scale, Sequence) else scale
        size = None if size is None else size[::-1]
    height, width = signals.grid_size(data.shape, scale=scale, size=size)
    if height < data.shape[0] or width < data.shape[1]:
        raise ValueError(
            f"the result would be {height}x{width}, smaller than the image, {data.shape[0]}x{data.shape[1]}: "
            "scale must be >= 1 on each axis (to shrink an image use siren_sr.resampling.resize)"
        )
    start, done = time.perf_counter(), 0

    def report(step: int, steps: int) -> bool:
        nonlocal done
        done = step
        if callback is None:
            return False
        seconds = time.perf_counter() - start
        entry = Entry(step, math.nan, math.nan, seconds, 0.0)
        # What follows is not known yet: assume that it takes as long as this part.
        return bool(callback(Progress(entry, 2 * steps, seconds / step * (2 * steps - step), "pixels")))

    steps = None if steps is None else check_steps(steps)
    generator = default_generator(generator)
    problem = Problem(
        image=data.values,
        size=(height, width),
        steps=steps,
        align_corners=align_corners,
        quality=quality,
        kernel=kernel,
        noise=float(noise),
        prior=None if prior is None else ask(prior, data.values, (height, width)),
        generator=generator,
        report=report,
    )
    plan = chosen(problem)
    if isinstance(plan, TiledPlan):
        seconds = time.perf_counter() - start
        fit = _run_tiled(plan, problem, data, generator, callback, done=done, seconds=seconds)
    else:
        fit = _run(plan, problem, data, generator, callback)
    return fit if return_fit else fit.render(size=problem.size)


def _run(
    plan: Plan,
    problem: Problem,
    data: signals.Signal,
    generator: torch.Generator,
    callback: Callback | None,
) -> Fit:
    model = Siren(
        2,
        len(data.values),
        hidden_features=plan.hidden_features,
        hidden_layers=plan.hidden_layers,
        first_omega_0=plan.first_omega_0,
        generator=generator,
        device=data.values.device,
        dtype=data.values.dtype,
    )
    history = train(model, plan.stages, callback=callback)
    psnr = final_score(model, plan.stages[-1])
    stopped = len(history) < sum(stage.steps for stage in plan.stages)
    return make_fit(model, data, history, psnr=psnr, align_corners=problem.align_corners, stopped=stopped)


def _run_tiled(
    plan: TiledPlan,
    problem: Problem,
    data: signals.Signal,
    generator: torch.Generator,
    callback: Callback | None,
    *,
    done: int,
    seconds: float,
) -> Fit:
    residual = plan.picture - resampling.resize(plan.base, problem.size)
    tiled = fit_tiles(residual, plan.tiles, generator=generator, callback=callback, done=done, seconds=seconds)
    axes = coordinates.axes(problem.size, device=residual.device, dtype=residual.dtype)
    with torch.no_grad():
        detail = tiled.model.on_grid(axes)
        base = plan.correct(detail)
        shown = resampling.resize(base, problem.size) + detail
    psnr = objectives.psnr_of(objectives.squared_error(shown, plan.picture).item())
    return make_fit(tiled.model, data, tiled.history, psnr=psnr, base=base, stopped=tiled.stopped)


def _check(strategy: str | Strategy, quality: str, kernel: Any, noise: float, prior: Any) -> None:
    """Validate the options of the strategy "consistent"."""
    if quality not in QUALITIES:
        raise ValueError(f"quality={quality!r} is unknown: use one of {sorted(QUALITIES)}")
    if isinstance(noise, bool) or not isinstance(noise, numbers.Real):
        raise TypeError(f"noise must be a number, the standard deviation for an image in [0, 1], got {noise!r}")
    if not 0 <= noise <= 1:
        raise ValueError(f"noise={noise} is not in [0, 1]: it is a standard deviation for an image in [0, 1]")
    if prior is not None and not callable(prior):
        raise TypeError(f"prior must be a callable, (1, C, h, w) -> (1, C, H, W), got {type(prior).__name__}")
    if prior is not None and quality != "standard":
        raise ValueError(f"quality={quality!r} says how long to look for a picture, and prior= gives it: leave one out")
    check_kernel(kernel)
    if strategy in ("basic", "trick1", "trick2"):
        changed = {
            "quality": quality != "standard",
            "kernel": not (isinstance(kernel, str) and kernel == "bicubic"),
            "noise": noise != 0,
            "prior": prior is not None,
        }
        if any(changed.values()):
            names = ", ".join(name for name, is_set in changed.items() if is_set)
            raise ValueError(f'strategy="{strategy}" is as published and knows no {names}: use "consistent"')


def _resolve(strategy: str | Strategy) -> Strategy:
    if isinstance(strategy, str):
        if strategy not in STRATEGIES:
            raise ValueError(f"strategy={strategy!r} is unknown: use one of {sorted(STRATEGIES)} or a callable")
        return STRATEGIES[strategy]
    if not callable(strategy):
        raise TypeError(f"strategy must be a name or a callable Problem -> Plan, got {type(strategy).__name__}")
    return strategy
