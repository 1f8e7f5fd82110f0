"""Fit the tiles of a signal: how they are made and trained, group by group.

All networks of a group are evaluated by one batched product and trained to the end before the next group: time is
proportional to the size of the signal, working memory independent of it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from siren_sr.grids import coordinates
from siren_sr.grids.windows import Windows
from siren_sr.network.tiled import SirenBatch, TiledSiren
from siren_sr.training.field import SquaredError
from siren_sr.training.loop import Stage, train
from siren_sr.training.objectives import value
from siren_sr.training.optimizers import adam, warmup_cosine
from siren_sr.training.progress import Callback, Entry, Progress

GROUP = 16  # tiles trained to the end at once: what stays in the caches of a processor


@dataclass(frozen=True)
class TileRecipe:
    """How the tiles of a signal are made and trained; the defaults are for images.

    Attributes:
        tile: Samples per axis.
        margin: More samples on every side, where neighbours blend.
        hidden_features: Width of a tile's network.
        hidden_layers: Its sine layers after the first.
        first_omega_0: Its ω0, in the tile's coordinates; None takes it from each tile (`tile_omega`).
        steps: Passes over a tile's samples; with 0 the output layer is all that is fitted, exactly.
        batch: Samples per update.
        lr: Of Adam, on weights into which ω0 is folded.
    """

    tile: int = 40
    margin: int = 4
    hidden_features: int = 64
    hidden_layers: int = 2
    first_omega_0: float | None = None
    steps: int = 30
    batch: int | None = 128
    lr: float = 2.5e-2


TILE_RECIPES = {1: TileRecipe(tile=1600, margin=80), 2: TileRecipe(), 3: TileRecipe(tile=12, margin=1)}
"""The tiles of `siren_sr.fit_signal`, by number of axes: an image's were chosen on crops of photographs, the others
hold as many samples."""


@dataclass(frozen=True)
class TileFit:
    """What `fit_tiles` returns.

    Attributes:
        model: The network.
        history: One entry per step of every group.
        stopped: Whether the callback ended the training.
    """

    model: TiledSiren
    history: tuple[Entry, ...]
    stopped: bool


def fit_tiles(
    target: Tensor,
    recipe: TileRecipe,
    *,
    generator: torch.Generator | None = None,
    callback: Callback | None = None,
    done: int = 0,
    seconds: float = 0.0,
) -> TileFit:
    """Fit a `TiledSiren` to a signal (C, *grid), group of tiles by group of tiles.

    Every tile is brought to unit size; its output layer is solved exactly before and after Adam trains all layers (only
    once where there are no steps).

    Args:
        target: What to represent.
        recipe: How.
        generator: CPU generator of the initial weights and the batches.
        callback: Called after every step of every group; returning True stops.
        done: Steps that a progress bar counts as made before.
        seconds: Time that had passed before.

    Returns:
        The network, the history, and whether it was stopped; tiles not reached are zero then.
    """
    model = TiledSiren(
        target.shape[1:],
        len(target),
        tile=recipe.tile,
        margin=recipe.margin,
        hidden_features=recipe.hidden_features,
        hidden_layers=recipe.hidden_layers,
        first_omega_0=1.0,  # brought in tile by tile
        generator=generator,
        like=target,
    )
    tiles = list(model.tiles())
    shape = tuple(w.length for w in model.windows)
    points = coordinates.grid(shape, device=target.device, dtype=target.dtype)
    groups = range(0, len(tiles), GROUP)
    total, history, stopped = done + max(1, recipe.steps) * len(groups), [], False
    for first in groups:
        started = time.perf_counter()
        part = slice(first, first + GROUP)
        batch = _select(model.networks, part)
        windows = torch.stack([_window(target, model.windows, tile) for tile in tiles[part]])
        unit = windows.flatten(1).square().mean(1).sqrt() + 2e-4
        wanted = windows.flatten(2) / unit[:, None, None]
        outputs = wanted.transpose(1, 2)
        with torch.no_grad():
            omega = tile_omega(windows) if recipe.first_omega_0 is None else windows.new_tensor([recipe.first_omega_0])
            batch.weights[0].mul_(omega[:, None, None])
            batch.biases[0].mul_(omega[:, None, None])
        stacked = wanted.flatten(0, 1).unflatten(1, shape)
        scale = unit.repeat_interleave(len(target))[:, None]
        score = SquaredError(lambda field: field.values, stacked, dims=len(shape), weight=scale.square())
        stage = Stage(
            value(stacked),
            recipe.steps,
            shape,
            adam(recipe.lr, betas=(0.9, 0.99), fused=True),
            warmup_cosine(recipe.steps),
            score,
            name="network",
            batch=recipe.batch,
        )
        offset, elapsed = done + len(history), seconds + (history[-1].seconds if history else 0.0)

        def report(progress: Progress, offset=offset, elapsed=elapsed) -> bool:
            nonlocal stopped
            if callback is not None:
                entry = _shifted(progress.entry, offset, elapsed)
                remaining = entry.seconds / entry.step * (total - entry.step)
                stopped = bool(callback(Progress(entry, total, remaining, "network")))
            return stopped

        if recipe.steps:
            batch.solve_output(points, outputs, ridge=1e-4)
            made = train(batch, [stage], callback=report, generator=generator)
        else:
            made = _solved(started, report)
        history += [_shifted(e, offset - done, elapsed - seconds) for e in made]
        batch.solve_output(points, outputs, ridge=1e-6)
        with torch.no_grad():
            batch.weights[-1].mul_(unit[:, None, None])
            batch.biases[-1].mul_(unit[:, None, None])
        _assign(model.networks, part, batch)
        if stopped:
            break
    return TileFit(model.eval(), tuple(history), stopped)


def tile_omega(windows: Tensor) -> Tensor:
    """ω0 for the network of each tile: three times the rate at which the tile varies, rms |∇f| / rms f.

    The gradient is per unit of the tile's coordinates and each channel's mean is left out, so that neither contrast nor
    offset nor the number of samples matters. The factor is the best of 1, 2, 3 and 4 on crops of three photographs;
    the initial first layer has frequencies of rms ω0/(2√3) per axis.

    Args:
        windows: (tiles, C, *lengths).

    Returns:
        (tiles,), at least 4.
    """
    centred = windows - windows.flatten(2).mean(2).view(*windows.shape[:2], *[1] * (windows.ndim - 2))
    power = centred.square().flatten(1).mean(1)
    slope = torch.zeros_like(power)
    for axis, n in enumerate(windows.shape[2:], start=2):
        if n > 1:
            slope += (windows.diff(dim=axis) * (n / 2)).square().flatten(1).mean(1)
    return (3 * (slope / (power + 1e-6)).sqrt()).clamp(min=4.0)


def _window(target: Tensor, windows: Sequence[Windows], tile: tuple[int, ...]) -> Tensor:
    """A tile's samples, (C, *lengths)."""
    for axis, (w, i) in enumerate(zip(windows, tile, strict=True)):
        target = target.narrow(axis + 1, w.starts[i], w.length)
    return target


def _solved(started: float, report: Callback) -> list[Entry]:
    """The history of tiles that are solved for and not trained: one step."""
    entry = Entry(1, math.nan, math.nan, time.perf_counter() - started, 0.0)
    report(Progress(entry, 1, 0.0, "network"))
    return [entry]


def _shifted(entry: Entry, steps: int, seconds: float) -> Entry:
    return Entry(entry.step + steps, entry.loss, entry.psnr, entry.seconds + seconds, entry.lr, entry.stage)


def _select(batch: SirenBatch, part: slice) -> SirenBatch:
    """A batch of its own with some of the networks of another."""
    result = SirenBatch(1, 1, hidden_features=1, generator=torch.Generator())
    result.weights = nn.ParameterList([nn.Parameter(w.detach()[part].clone()) for w in batch.weights])
    result.biases = nn.ParameterList([nn.Parameter(b.detach()[part].clone()) for b in batch.biases])
    return result


@torch.no_grad()
def _assign(batch: SirenBatch, part: slice, other: SirenBatch) -> None:
    for mine, theirs in zip((*batch.weights, *batch.biases), (*other.weights, *other.biases), strict=True):
        mine[part].copy_(theirs)
