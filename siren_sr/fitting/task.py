"""Fit a signal: sections 3.1 and 3.2 of the paper, for audio, images and other grids."""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from siren_sr import omega, signals
from siren_sr.fitting.fit import Fit
from siren_sr.fitting.tiles import TILE_RECIPES, TileRecipe, fit_tiles
from siren_sr.init import Initializer
from siren_sr.network.layers import Activation
from siren_sr.network.siren import Siren
from siren_sr.network.tiled import TiledSiren
from siren_sr.training.field import Objective, is_pointwise
from siren_sr.training.loop import Stage, batches_per_step, final_score, train
from siren_sr.training.objectives import OBJECTIVES, value
from siren_sr.training.optimizers import OptimizerFactory, SchedulerFactory
from siren_sr.training.progress import Callback
from siren_sr.training.recipes import Recipe, resolve_recipe

ONE_NETWORK_SAMPLES = {1: 1 << 15, 2: 1 << 15, 3: 1 << 18}
"""Larger signals are represented by tiles, by number of axes: there one network is slower and less exact."""

ObjectiveFactory = Callable[[Tensor], Objective]


def fit_signal(
    signal: Any,
    *,
    sample_rate: float | None = None,
    dims: int | None = None,
    omega_0: float | str | Callable[..., float] | None = None,
    hidden_omega_0: float = 30.0,
    hidden_features: int = 256,
    hidden_layers: int | None = None,
    activation: str | Activation = "sine",
    first_init: str | Initializer = "sitzmann",
    hidden_init: str | Initializer = "sitzmann",
    recipe: str | Callable[..., Recipe] | None = None,
    steps: int | None = None,
    objective: str | ObjectiveFactory = "mse",
    optimizer: OptimizerFactory | None = None,
    batch: int | None = None,
    scheduler: SchedulerFactory | None = None,
    precision: str | None = None,
    tiles: bool | TileRecipe | None = None,
    align_corners: bool = False,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
    callback: Callback | None = None,
) -> Any:
    """Represent a signal by a sine network.

    Args:
        signal: An image (tensor (C, H, W) or (H, W), array (H, W[, C]), PIL image or path), audio (tensor (C, T),
            array (T[, C]) with ``sample_rate``, or path), or a grid of up to three dimensions (``dims=3`` for a
            volume or a video). A batch of images (B, C, H, W) gives a list of fits. Ranges: see ``siren_sr.signals``.
        sample_rate: In Hz; says that the signal is audio.
        dims: Number of grid axes, if it cannot be told (3 for volumes).
        omega_0: ω0 of the first layer: a number, "tangent_kernel" or a name in ``omega.MEASURES``, or a callable of
            the signal. Default: with the recipe "fast" the first of these, which predicts what this training learns
            best (`siren_sr.omega.tangent_kernel`); with another recipe, optimizer, schedule or batch the paper's rules,
            ω0* (equation 7) for images, ω_r (the sampling rate, section 3.1) for audio and the same as equation 7,
            adapted, for other grids; 30 for activations other than sine.
        hidden_omega_0: ω0 of the other layers.
        hidden_features: Width.
        hidden_layers: Sine layers after the first. Default: 2, and `audio_hidden_layers` for audio.
        activation: "sine", "relu", or a callable.
        first_init: Initializer of the first layer.
        hidden_init: Initializer of the hidden layers.
        recipe: "fast", "whole" (for objectives that need the whole grid), "paper", "published", or a function
            ``(*, dims, hidden_layers, activation) -> Recipe``. Default: "fast", or "whole" where it is needed.
        steps: Number of steps, each a pass over all samples: an epoch (default: the recipe's).
        objective: "mse", "mse_fft" (equation 6), or a function of the target (C, *grid) in [-1, 1] that gives an
            objective, such as ``functools.partial(objectives.spectrum, alpha=10)``.
        optimizer: Factory, parameters -> optimizer (default: the recipe's).
        batch: Samples per update of the weights, for objectives that are sums over samples (default: the recipe's with
            the recipe's optimizer, all samples with one of yours).
        scheduler: Factory, optimizer -> scheduler (default: the recipe's).
        precision: "bf16" takes the products of hidden layers in bfloat16: faster steps, fewer dB (see the guide on
            speed). Default: everything in float32, or float64 for such tensors.
        tiles: Represent the signal by many small networks instead of one (`siren_sr.network.tiled`): True, False, or a
            `siren_sr.fitting.tiles.TileRecipe`. Default: for images and sounds of more than 2^15 samples and volumes of
            more than 2^18, if nothing asks for one network: no argument from ``omega_0`` to ``precision`` but
            ``steps``, and no ``align_corners``.
        align_corners: Corner-aligned grid, as in the paper, instead of pixel centres.
        generator: CPU generator of the initial weights. Default: seed 0, so that a call repeats itself; the global
            random state is never touched.
        device: Where to compute (default: where the tensor is, or the CPU).
        callback: Called after every step with a `Progress`; returning True stops.

    Returns:
        A `Fit`, or a list of them for a batch.

    Raises:
        ValueError: Bad signal (empty, NaN, out of range, wrong shape), unknown name, tiles together with an option of
            one network, or a training that diverged.
        TypeError: Unsupported kinds.
        OSError: A file that cannot be read.

    Examples:
        >>> fit = fit_signal(torch.linspace(0, 1, 64).reshape(1, 8, 8), hidden_features=16, steps=3)
        >>> fit.render(scale=2).shape
        torch.Size([1, 16, 16])
    """
    options = {k: v for k, v in locals().items() if k != "signal"}
    if torch.is_inference_mode_enabled():
        with torch.inference_mode(False):
            return fit_signal(signal, **options)
    if signals.is_batch(signal, dims) and sample_rate is None:
        return [fit_signal(one, **options) for one in signal]
    data = signals.as_signal(signal, sample_rate=sample_rate, dims=dims, device=device)
    tile_recipe = _choose_tiles(tiles, data, options)
    if tile_recipe is not None:
        return _fit_tiled(data, tile_recipe, steps, default_generator(generator), callback)
    if hidden_layers is None:
        hidden_layers = audio_hidden_layers(data.shape[0], len(data.values)) if data.sample_rate else 2
    loss = _resolve_objective(objective)(data.values)
    score = loss if objective == "mse" else value(data.values)
    if recipe is None:
        recipe = "fast" if is_pointwise(loss) else "whole"
    usual = recipe == "fast" and (optimizer, scheduler, batch) == (None, None, None)
    chosen = resolve_recipe(recipe)(dims=data.kind.dims, hidden_layers=hidden_layers, activation=activation)
    steps = check_steps(chosen.steps if steps is None else steps)
    if batch is None and optimizer is None:
        batch = chosen.batch
    if batch is not None:
        batch = check_steps(batch, name="batch")
    updates = steps * batches_per_step(math.prod(data.shape), batch)
    model = Siren(
        data.kind.dims,
        len(data.values),
        hidden_features=hidden_features,
        hidden_layers=hidden_layers,
        first_omega_0=choose_omega(
            data, omega_0, activation, updates=updates, hidden_layers=hidden_layers, predict=usual
        ),
        hidden_omega_0=hidden_omega_0,
        activation=activation,
        first_init=first_init,
        hidden_init=hidden_init,
        generator=default_generator(generator),
        device=data.values.device,
        dtype=data.values.dtype,
    )
    stage = Stage(
        objective=loss,
        steps=steps,
        shape=data.shape,
        optimizer=optimizer or chosen.optimizer,
        scheduler=scheduler or chosen.scheduler(steps),
        score=score,
        align_corners=align_corners,
        name="fit",
        batch=batch,
    )
    history = train(model, [stage], callback=callback, precision=precision)
    return make_fit(
        model, data, history, psnr=final_score(model, stage), align_corners=align_corners, stopped=len(history) < steps
    )


_ONE_NETWORK = (
    *("omega_0", "hidden_omega_0", "hidden_features", "hidden_layers", "activation", "first_init", "hidden_init"),
    *("recipe", "objective", "optimizer", "batch", "scheduler", "precision", "align_corners"),
)


def _choose_tiles(tiles: bool | TileRecipe | None, data: signals.Signal, options: dict[str, Any]) -> TileRecipe | None:
    """The tiles to use, or None for one network."""
    defaults = inspect.signature(fit_signal).parameters
    changed = [name for name in _ONE_NETWORK if options[name] != defaults[name].default]
    if tiles is None:
        limit = ONE_NETWORK_SAMPLES[1 if data.sample_rate else data.kind.dims]
        tiles = not changed and math.prod(data.shape) > limit
    if tiles is False:
        return None
    if changed:
        raise ValueError(f"tiles= excludes {', '.join(changed)}, options of one network: pass tiles=False with them")
    return TILE_RECIPES[data.kind.dims] if tiles is True else tiles


def _fit_tiled(
    data: signals.Signal,
    recipe: TileRecipe,
    steps: int | None,
    generator: torch.Generator,
    callback: Callback | None,
) -> Fit:
    if steps is not None:
        recipe = replace(recipe, steps=check_steps(steps))
    tiled = fit_tiles(data.values, recipe, generator=generator, callback=callback)
    fit = make_fit(tiled.model, data, tiled.history, psnr=math.nan, stopped=tiled.stopped)
    return replace(fit, psnr=fit.measure(data.values))


def audio_hidden_layers(samples: int, channels: int = 1) -> int:
    """Depth for audio (section 3.1, rule of the published code): min(5, 1 + ⌊0.6·samples·channels/256²⌋).

    Examples:
        >>> audio_hidden_layers(308207), audio_hidden_layers(537936)
        (3, 5)
    """
    return min(5, 1 + int(0.6 * samples * channels / 256**2))


def choose_omega(
    data: signals.Signal,
    omega_0: Any,
    activation: str | Activation = "sine",
    *,
    updates: int,
    hidden_layers: int,
    predict: bool = True,
) -> float:
    """Resolve ``omega_0`` for a signal and a training; ``predict``: one whose end `siren_sr.omega` can predict."""
    if isinstance(omega_0, numbers.Real) and not isinstance(omega_0, bool):
        return float(omega_0)
    if omega_0 is None and activation != "sine":
        return 30.0
    if omega_0 is None and not predict and data.sample_rate is not None:
        return omega.omega_r(data.sample_rate)
    if omega_0 is None:
        omega_0 = omega.TANGENT_KERNEL if predict else "laplacian_variance"
    user = (data.values + 1) / 2 if data.sample_rate is None else data.values
    if omega_0 == omega.TANGENT_KERNEL:
        return omega.choose(
            user,
            sample_rate=data.sample_rate,
            dims=data.kind.dims,
            updates=updates,
            hidden_layers=hidden_layers,
        )
    return omega.choose(user, omega_0, sample_rate=data.sample_rate, dims=data.kind.dims)


def make_fit(model: Siren | TiledSiren, data: signals.Signal, history: Any, *, psnr: float, **more: Any) -> Fit:
    """A `Fit` that gives results back as ``data`` came."""
    model.eval()
    return Fit(
        model=model,
        history=history,
        psnr=psnr,
        **{
            "shape": data.shape,
            "low": data.low,
            "high": data.high,
            "kind": data.kind,
            "sample_rate": data.sample_rate,
            "device": data.device,
            "info": data.info,
            **more,
        },
    )


def default_generator(generator: torch.Generator | None) -> torch.Generator:
    """The given generator, or one with seed 0."""
    return torch.Generator().manual_seed(0) if generator is None else generator


def check_steps(steps: int, *, name: str = "steps") -> int:
    """Validate a number of steps, or another count."""
    if isinstance(steps, bool) or not isinstance(steps, int):
        raise TypeError(f"{name} must be an integer >= 1, got {steps!r}")
    if steps < 1:
        raise ValueError(f"{name} must be >= 1, got {steps}")
    return steps


def _resolve_objective(objective: str | ObjectiveFactory) -> ObjectiveFactory:
    if isinstance(objective, str):
        if objective not in OBJECTIVES:
            raise ValueError(
                f"objective={objective!r} is unknown: use one of {sorted(OBJECTIVES)} or a function of the target"
            )
        return OBJECTIVES[objective]
    if not callable(objective):
        raise TypeError(f"objective must be a name or a function of the target, got {type(objective).__name__}")
    return objective
