"""Super resolution of a single image: section 3.4 of the paper, and better.

A strategy is a function `Problem` -> `Plan`: it says what to train on, and never trains.
The paper's three fit the network to the low-resolution image (and blurred or bicubic versions of it) and evaluate it
on a denser grid. ``"consistent"``, the default, asks instead that the network, *seen through the downsampling*, be
the given image, and lets the picture's own edges and repetitions decide what the image does not say.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from siren_sr import coordinates, derivatives, objectives, omega, pixels, resampling, signals
from siren_sr.fit import Fit
from siren_sr.fitting import check_steps, default_generator, final_score, make_fit, psnr_against
from siren_sr.siren import Siren
from siren_sr.tiles import fit_tiles
from siren_sr.training import Callback, Entry, Progress, Stage, adam, reduce_on_plateau, train


@dataclass(frozen=True)
class Problem:
    """What a strategy is given.

    Attributes:
        image: The low-resolution image, (C, h, w) in [-1, 1].
        size: (H, W) wanted.
        steps: Training steps wanted in all, or None for the strategy's own number.
        align_corners: Corner-aligned grid, as in the paper, instead of pixel centres.
        report: A strategy that works long itself calls ``report(step, steps)`` after each of its ``steps``, and ends
            with what it has if that returns True.
    """

    image: Tensor
    size: tuple[int, int]
    steps: int | None
    align_corners: bool
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


@dataclass(frozen=True)
class TiledPlan:
    """Represent a picture by a smooth base and tiles of small networks for what the base lacks.

    Attributes:
        picture: (C, H, W) in [-1, 1], what base and network are to show together.
        base: (C, h, w), whose bicubic interpolant is the base.
        correct: Map from what the trained network shows, (C, H, W), to the base to use with it.
        steps: Training steps per batch of tiles.
    """

    picture: Tensor
    base: Tensor
    correct: Callable[[Tensor], Tensor]
    steps: int = 60


Strategy = Callable[[Problem], Plan | TiledPlan]


def basic(problem: Problem) -> Plan:
    """Table 7, basic SIREN: 5000 epochs on the low-resolution image."""
    return _published(problem, [(1, 1, 5000)])


def trick1(problem: Problem) -> Plan:
    """Table 7, SIREN trick 1 (Figure 2, top): blurred versions of the image, the image, enlarged ones."""
    return _published(
        problem,
        [(4, 4, 500), (3, 3, 500), (2, 2, 500), (1.5, 1.5, 500), (1, 1, 1000), (1, 1.5, 1000), (1, 2, 1000)],
    )


def trick2(problem: Problem) -> Plan:
    """Table 7, SIREN trick 2 (Figure 2, bottom): the image, then bicubic enlargements up to 3 in twenty steps."""
    return _published(problem, [(1, 1, 1000), *((1, 1 + i / 10, 200) for i in range(1, 21))])


def _published(problem: Problem, schedule: Sequence[tuple[float, float, int]]) -> Plan:
    """Section 5.5: (down, up, epochs) stages; Adam 5e-4 with weight decay 5e-6, MSE + MSE of 0.1·Sobel, ω_HR.

    ``problem.steps`` scales the epochs in proportion. Errors are summed over channels as in the published code, where
    the weight decay has its meaning relative to that sum. Blurred versions that would have no pixel are left out.
    """
    total = sum(epochs for _, _, epochs in schedule)
    share = 1.0 if problem.steps is None else problem.steps / total
    smallest = min(problem.image.shape[-2:])
    schedule = [entry for entry in schedule if smallest >= entry[0]]
    ends = np.rint(np.cumsum([0, *(epochs for _, _, epochs in schedule)]) * share).astype(int).tolist()
    stages = []
    for i, (down, up, _) in enumerate(schedule):
        target = resampling.resize_as_published(problem.image, down=down, up=up)
        gradient = derivatives.image_gradient(target)
        stages.append(
            Stage(
                objective=objectives.weighted(
                    [
                        (1.0, objectives.value(target, channel_sum=True)),
                        (1.0, objectives.gradient(gradient, factor=0.1, channel_sum=True)),
                    ]
                ),
                steps=ends[i + 1] - ends[i],
                shape=tuple(target.shape[-2:]),
                optimizer=adam(5e-4, weight_decay=5e-6),
                scheduler=reduce_on_plateau(patience=20),
                score=psnr_against(target),
                align_corners=problem.align_corners,
                name=f"down {down:g}, up {up:g}",
            )
        )
    user = (problem.image + 1) / 2
    omega_hr = omega.omega_hr(user, size=problem.size)
    return Plan(tuple(s for s in stages if s.steps > 0), max(omega.MINIMUM, omega_hr))


def consistent(problem: Problem) -> TiledPlan:
    """The library's own: a picture that downsamples to the image, then tiles of sine networks that represent it.

    1. Pixels: the picture with D x = image and least steered total variation and least distance from its own
       non-local means (`siren_sr.pixels`), D being MATLAB's bicubic.
    2. Network: tiles fitted to that picture minus the bicubic enlargement.
    3. Base: the low-resolution samples b for which D(bicubic(b) + network) = image exactly, in closed form. So the
       continuous result, not only its pixels, explains the image (up to the final clipping to the image's range).

    Raises:
        ValueError: ``align_corners``: downsampling is defined on pixel centres.
    """
    if problem.align_corners:
        raise ValueError('strategy="consistent" is defined on pixel centres: leave align_corners=False')
    image, shape = problem.image, problem.image.shape[-2:]
    down = resampling.Downsample(problem.size, shape, like=image)
    enlarge = resampling.resize_matrices(shape, problem.size, like=image)
    done, total = iter(range(1, pixels.iterations() + 1)), pixels.iterations()
    unit = pixels.restore(
        (image + 1) / 2,
        down,
        (resampling.apply(enlarge, image) + 1) / 2,
        tick=lambda: problem.report(next(done), total),
    )

    def correct(detail: Tensor) -> Tensor:
        return image + _deconvolve(down, enlarge, image - down(resampling.apply(enlarge, image) + detail))

    return TiledPlan(unit * 2 - 1, image, correct, steps=60 if problem.steps is None else problem.steps)


def _deconvolve(down: resampling.Downsample, enlarge: Sequence[Tensor], residual: Tensor) -> Tensor:
    """The small image e with D(bicubic(e)) = residual: one small linear system per axis."""
    rows, columns = down.rows.double() @ enlarge[0].double(), down.columns.double() @ enlarge[1].double()
    half = torch.linalg.solve(rows, residual.double())
    return torch.linalg.solve(columns, half.transpose(1, 2)).transpose(1, 2).to(residual)


def super_resolve(
    image: Any,
    scale: float | Sequence[float] | None = None,
    *,
    size: Sequence[int] | None = None,
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
        ValueError: A bad image, scale or size, an unknown strategy, or a training that diverged.
        TypeError: Unsupported kinds.
        OSError: A file that cannot be read.

    Examples:
        >>> super_resolve(np.zeros((5, 8), np.uint8), scale=1.5, steps=1).shape
        (8, 12)
    """
    if scale is None and size is None:
        scale = 4
    chosen = _resolve(strategy)
    if signals.is_batch(image):
        options = {
            "scale": scale,
            "size": size,
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
    problem = Problem(data.values, (height, width), steps, align_corners, report)
    plan = chosen(problem)
    generator = default_generator(generator)
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
    stopped = False

    def watch(progress: Progress) -> bool:
        nonlocal stopped
        stopped = stopped or (callback is not None and bool(callback(progress)))
        return stopped

    residual = plan.picture - resampling.resize(plan.base, problem.size)
    model, history = fit_tiles(
        residual, steps=plan.steps, generator=generator, callback=watch, done=done, seconds=seconds
    )
    axes = coordinates.axes(problem.size, device=residual.device, dtype=residual.dtype)
    with torch.no_grad():
        detail = model.on_grid(axes)
        base = plan.correct(detail)
        shown = resampling.resize(base, problem.size) + detail
    error = objectives.squared_error(shown, plan.picture).item() / 4
    psnr = -10 * math.log10(error) if error > 0 else math.inf
    return make_fit(model, data, history, psnr=psnr, base=base, stopped=stopped)


def _resolve(strategy: str | Strategy) -> Strategy:
    if isinstance(strategy, str):
        if strategy not in STRATEGIES:
            raise ValueError(f"strategy={strategy!r} is unknown: use one of {sorted(STRATEGIES)} or a callable")
        return STRATEGIES[strategy]
    if not callable(strategy):
        raise TypeError(f"strategy must be a name or a callable Problem -> Plan, got {type(strategy).__name__}")
    return strategy


STRATEGIES: dict[str, Strategy] = {"consistent": consistent, "basic": basic, "trick1": trick1, "trick2": trick2}
