"""Fit a signal: sections 3.1 and 3.2 of the paper, for audio, images and other grids."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import torch

from siren_sr import arguments, io, omega
from siren_sr.fitting.fit import Fit
from siren_sr.fitting.options import FitOptions, Omega
from siren_sr.fitting.tiles import TILE_RECIPES, TileRecipe, fit_tiles
from siren_sr.grids.boundaries import Boundaries, per_axis
from siren_sr.init import InitializerLike
from siren_sr.network.layers import ActivationLike
from siren_sr.network.periods import wrap_
from siren_sr.network.protocol import Network
from siren_sr.signals import Signal, as_signal, is_batch, members
from siren_sr.training.checkpoint import open_checkpoint
from siren_sr.training.field import is_pointwise
from siren_sr.training.loop import batches_per_step, train
from siren_sr.training.objectives import ObjectiveLike, value
from siren_sr.training.optimizers import OptimizerFactory, SchedulerFactory
from siren_sr.training.progress import Callback, Entry, Monitor
from siren_sr.training.recipes import RecipeLike, choose

ONE_NETWORK_SAMPLES = {1: 1 << 15, 2: 1 << 15, 3: 1 << 18}
"""The most samples of a signal that one network represents, by number of axes. Larger signals are represented by tiles,
since one network would be slower and less exact."""

DEFAULT = FitOptions()
COPIES = 18  # the arrays as large as the signal that are in memory at once, as measured on images of 1024x1024


def fit_signal(
    signal: Any,
    *,
    sample_rate: float | None = DEFAULT.sample_rate,
    dims: int | None = DEFAULT.dims,
    omega_0: Omega | None = DEFAULT.omega_0,
    hidden_omega_0: float = DEFAULT.hidden_omega_0,
    hidden_features: int = DEFAULT.hidden_features,
    hidden_layers: int | None = DEFAULT.hidden_layers,
    activation: ActivationLike = DEFAULT.activation,
    first_init: InitializerLike = DEFAULT.first_init,
    hidden_init: InitializerLike = DEFAULT.hidden_init,
    recipe: RecipeLike | None = DEFAULT.recipe,
    steps: int | None = DEFAULT.steps,
    objective: ObjectiveLike = DEFAULT.objective,
    optimizer: OptimizerFactory | None = DEFAULT.optimizer,
    batch: int | None = DEFAULT.batch,
    scheduler: SchedulerFactory | None = DEFAULT.scheduler,
    precision: Literal["bf16"] | None = DEFAULT.precision,
    tiles: bool | TileRecipe | None = DEFAULT.tiles,
    boundary: Boundaries = DEFAULT.boundary,
    align_corners: bool = DEFAULT.align_corners,
    generator: torch.Generator | None = DEFAULT.generator,
    device: torch.device | str | None = DEFAULT.device,
    callback: Callback | None = DEFAULT.callback,
    progress: bool = DEFAULT.progress,
    max_memory: float | None = DEFAULT.max_memory,
    checkpoint: str | os.PathLike[str] | None = DEFAULT.checkpoint,
    every: float = DEFAULT.every,
) -> Fit:
    """Represent a signal by a sine network.

    Args:
        signal: An image (tensor (C, H, W) or (H, W), array (H, W[, C]), PIL image or path), audio (tensor (C, T),
            array (T[, C]) with ``sample_rate``, or path), or a grid of up to three dimensions (``dims=3`` for a
            volume or a video). A batch of images (B, C, H, W) gives a list of fits. ``siren_sr.signals`` says in which
            ranges the values lie.
        sample_rate: Sampling rate in Hz, which says that the signal is audio.
        dims: Number of grid axes, where the signal does not tell it (3 for volumes).
        omega_0: ω0 of the first layer: a number, "tangent_kernel" or a name in ``omega.MEASURES``, or a callable of
            the signal. With the recipe "fast" the default is "tangent_kernel", which predicts the ω0 with which this
            training learns best (`siren_sr.omega.tangent_kernel`). With another recipe, optimizer, schedule or batch
            the default follows the paper's rules: ω0* (equation 7) for images, ω_r (the sampling rate, section 3.1) for
            audio, and equation 7 adapted to the grid for others. For activations other than sine it is 30.
        hidden_omega_0: ω0 of the other layers.
        hidden_features: Width of the sine layers, >= 1.
        hidden_layers: Number of sine layers after the first, >= 0. Default: 2, or `audio_hidden_layers` for audio.
        activation: "sine", "relu", or a callable.
        first_init: Initializer of the first layer.
        hidden_init: Initializer of the hidden layers.
        recipe: "fast", "whole" (for objectives that need the whole grid), "paper", "published", or a function
            ``(*, dims, hidden_layers, activation) -> Recipe``. Default: "fast", or "whole" where it is needed.
        steps: Number of steps, each of which is a pass over all samples, an epoch (default: the recipe's).
        objective: "mse", "mse_fft" (equation 6), "mse_stft" (for sounds), or a function of the target (C, *grid) in
            [-1, 1] that gives an objective, such as ``functools.partial(objectives.spectrum, alpha=10)``.
        optimizer: Function from the parameters to an optimizer (default: the recipe's).
        batch: Number of samples per update of the weights, for objectives that are sums over samples. Default: the
            recipe's number with the recipe's optimizer, and all samples with an optimizer of yours.
        scheduler: Function from the optimizer to a scheduler (default: the recipe's).
        precision: "bf16" computes the products of hidden layers in bfloat16, which makes steps faster and costs some dB
            (see the guide on speed). By default everything is computed in float32, or in float64 for float64 tensors.
        tiles: Whether to represent the signal by many small networks instead of one (`siren_sr.network.tiled`): True,
            False, or a `siren_sr.fitting.tiles.TileRecipe`. By default tiles are used for images and sounds of more
            than 2^15 samples and for volumes of more than 2^18, unless an argument asks for one network. The arguments
            that do are those from ``omega_0`` to ``precision``, except ``steps``, and ``align_corners``.
        boundary: "wrap" where the signal is one period of a longer one, such as a texture that is laid as tiles or a
            loop: the network then has this period, and no seam shows at any size (`siren_sr.network.periods`). Or one
            per grid axis, such as ("mirror", "wrap") for a panorama of 360°. By default, "mirror", nothing is asked of
            the network beyond the edges; what has to be assumed of the signal there is its mirror image.
        align_corners: Whether to use a corner-aligned grid, as the paper does, instead of pixel centres.
        generator: CPU generator of the initial weights. The default has seed 0, so that a call repeats itself; the
            global random state is never touched.
        device: Where to compute (default: where the tensor is, or the CPU).
        callback: Called after every step with a `Progress`. Once it returns True it is not called again and the work
            ends, which ``Fit.stopped`` says. Fits of a batch that were not begun by then hold an untrained network.
        progress: Whether to show a progress bar, on a terminal or in a notebook; nothing is shown by default.
        max_memory: Bytes that may be used, by a rough estimate (default: those that are free). Work that would need
            more is refused before it begins.
        checkpoint: Path of a .safetensors file that holds what was reached, so that little is lost when the process
            dies: the same call goes on from there, and ends with the same bits on a CPU. A file of another call that
            has not come to its end is refused. The file stays when the call is complete, and the same call then
            returns at once; delete it when the result is safe, or let another call replace it.
        every: Seconds between two writings of it.

    Returns:
        A `Fit`, or a list of them for a batch, which type checkers cannot tell apart.

    Raises:
        ValueError: The signal is bad (empty, NaN, out of range, or of a wrong shape), a name is unknown, an option is
            out of its range, tiles are asked for together with an option of one network, or the training diverged and
            nothing helped (`siren_sr.training.train` says what is tried; where that helps there is a warning).
        TypeError: The signal or an option is of a kind that is not supported.
        OSError: A file cannot be read.
        KeyboardInterrupt: Ctrl-C. Its attribute ``result`` holds what was reached, just as if the callback had returned
            True then, unless it came before the first step. A second Ctrl-C ends the call at once, without it.

    Examples:
        >>> fit = fit_signal(torch.linspace(0, 1, 64).reshape(1, 8, 8), hidden_features=16, steps=3)
        >>> fit.render(scale=2).shape
        torch.Size([1, 16, 16])
    """
    options = FitOptions(
        sample_rate=sample_rate,
        dims=dims,
        omega_0=omega_0,
        hidden_omega_0=hidden_omega_0,
        hidden_features=hidden_features,
        hidden_layers=hidden_layers,
        activation=activation,
        first_init=first_init,
        hidden_init=hidden_init,
        recipe=recipe,
        steps=steps,
        objective=objective,
        optimizer=optimizer,
        batch=batch,
        scheduler=scheduler,
        precision=precision,
        tiles=tiles,
        boundary=boundary,
        align_corners=align_corners,
        generator=generator,
        device=device,
        callback=callback,
        progress=progress,
        max_memory=max_memory,
        checkpoint=checkpoint,
        every=every,
    )
    with arguments.undisturbed():
        many = is_batch(signal, dims) and sample_rate is None
        data = [
            as_signal(one, sample_rate=options.sample_rate, dims=options.dims, device=options.device)
            for one in (members(signal) if many else [signal])
        ]
        file = open_checkpoint(options, [(one.values, one.origin.sample_rate) for one in data])
        with Monitor(callback, file, bar=options.progress) as monitor:
            fits = [_fit(one, options, monitor) for one in data]
            result = fits if many else fits[0]
            monitor.end(result)
    return result  # pyright: ignore[reportReturnType]


def _fit(data: Signal, options: FitOptions, monitor: Monitor) -> Fit:
    """Fit one signal, by one network or by tiles."""
    monitor.restart()
    per_axis(options.boundary, len(data.shape))  # raises before any work is done
    tiles = _choose_tiles(data, options)
    io.check_memory(
        data.values.shape,
        "float32",
        copies=COPIES,
        max_memory=options.max_memory,
        what="to fit it",
        advice="fit a part of it",
    )
    return _fit_one_network(data, options, monitor) if tiles is None else _fit_tiled(data, tiles, options, monitor)


def _fit_one_network(data: Signal, options: FitOptions, monitor: Monitor) -> Fit:
    hidden_layers = _hidden_layers(data, options)
    loss = options.make_objective()(data.values)
    score = loss if options.objective == "mse" else value(data.values)
    recipe = choose(
        options.recipe,
        pointwise=is_pointwise(loss),
        dims=data.origin.dims,
        hidden_layers=hidden_layers,
        activation=options.activation,
    )
    batch = options.batch
    if batch is None and options.optimizer is None:
        batch = recipe.batch
    stage = options.stage(recipe, loss, score=score, shape=data.shape, name="fit", batch=batch)
    updates = stage.steps * batches_per_step(math.prod(data.shape), batch)
    model = options.network(
        data.origin.dims,
        len(data.values),
        hidden_layers=hidden_layers,
        first_omega_0=_first_omega_0(
            data, options, updates=updates, hidden_layers=hidden_layers, pointwise=is_pointwise(loss)
        ),
        like=data.values,
    )
    wrap_(model, per_axis(options.boundary, len(data.shape)))
    history = train(model, [stage], monitor=monitor, precision=options.precision)
    stopped = len(history) < stage.steps
    return _measured(
        make_fit(
            model,
            data,
            history,
            align_corners=options.align_corners,
            boundary=options.boundary,
            stopped=stopped,
            made=arguments.told("fit_signal", options),
        ),
        data,
    )


def _fit_tiled(data: Signal, tiles: TileRecipe, options: FitOptions, monitor: Monitor) -> Fit:
    if options.steps is not None:
        tiles = replace(tiles, steps=options.steps)
    tiled = fit_tiles(
        data.values,
        tiles,
        boundary=options.boundary,
        generator=arguments.seeded(options.generator),
        monitor=monitor,
    )
    made = arguments.told("fit_signal", options)
    fit = make_fit(tiled.model, data, tiled.history, boundary=options.boundary, stopped=tiled.stopped, made=made)
    return _measured(fit, data)


def _measured(fit: Fit, data: Signal) -> Fit:
    """Return the fit with its PSNR against the signal filled in."""
    return replace(fit, psnr=fit.measure(data.values))


def _choose_tiles(data: Signal, options: FitOptions) -> TileRecipe | None:
    """Return the recipe of the tiles to use, or None for one network."""
    tiles, changed = options.tiles, options.for_one_network()
    if tiles is None:
        limit = ONE_NETWORK_SAMPLES[1 if data.origin.sample_rate else data.origin.dims]
        tiles = not changed and math.prod(data.shape) > limit
    if tiles is False:
        return None
    if changed:
        raise ValueError(f"tiles= excludes {', '.join(changed)}, options of one network: pass tiles=False with them")
    return TILE_RECIPES[data.origin.dims] if tiles is True else tiles


def _hidden_layers(data: Signal, options: FitOptions) -> int:
    if options.hidden_layers is not None:
        return options.hidden_layers
    return audio_hidden_layers(data.shape[0], len(data.values)) if data.origin.sample_rate else 2


def audio_hidden_layers(samples: int, channels: int = 1) -> int:
    """Return the number of hidden layers for audio: min(5, 1 + ⌊0.6·samples·channels/256²⌋).

    This is the rule of the published code for section 3.1.

    Examples:
        >>> audio_hidden_layers(308207), audio_hidden_layers(537936)
        (3, 5)
    """
    return min(5, 1 + int(0.6 * samples * channels / 256**2))


def _first_omega_0(data: Signal, options: FitOptions, *, updates: int, hidden_layers: int, pointwise: bool) -> float:
    """Return the ω0 that the user asked for, or else the one that this training learns best with, or the paper's."""
    asked = options.given_omega_0()
    if isinstance(asked, (int, float)):
        return asked
    if asked is None:
        # The prediction is made for the library's own training only.
        own = (options.optimizer, options.scheduler, options.batch) == (None, None, None)
        if own and (options.recipe == "fast" or (options.recipe is None and pointwise)):
            asked = omega.TANGENT_KERNEL
        elif data.origin.sample_rate is not None:
            return omega.omega_r(data.origin.sample_rate)
        else:
            asked = "laplacian_variance"
    if asked == omega.TANGENT_KERNEL:
        return omega.choose(data, updates=updates, hidden_layers=hidden_layers)
    return omega.choose(data, asked)


def make_fit(model: Network, data: Signal, history: Sequence[Entry], *, psnr: float = math.nan, **more: Any) -> Fit:
    """Return a `Fit` that gives results back as the kind of thing that ``data`` was.

    The network is put into evaluation mode; ``more`` goes to the other fields of the `Fit`.
    """
    model.eval()
    return Fit(model=model, history=tuple(history), psnr=psnr, shape=data.shape, origin=data.origin, **more)
