"""Fit the tiles of a signal: how they are made and trained, group by group.

All networks of a group are evaluated by one batched product per layer, and they are trained to the end before the next
group begins. Time is therefore proportional to the size of the signal, and working memory does not depend on it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from siren_sr import arguments
from siren_sr.grids import coordinates
from siren_sr.grids.boundaries import Boundaries
from siren_sr.grids.windows import Windows
from siren_sr.network.tiled import SirenBatch, TiledSiren
from siren_sr.training.field import SquaredError
from siren_sr.training.loop import Stage, train
from siren_sr.training.objectives import value
from siren_sr.training.optimizers import adam, warmup_cosine
from siren_sr.training.progress import Entry, Monitor, drawn, redraw

GROUP = 16  # the number of tiles that are trained at once: so many stay in the caches of a processor


@dataclass(frozen=True)
class TileRecipe:
    """How the tiles of a signal are made and trained; the defaults are for images.

    Attributes:
        tile: Samples of a tile per axis, without the margin.
        margin: Number of further samples on every side of a tile, where neighbours blend.
        hidden_features: Width of a tile's network.
        hidden_layers: Number of its sine layers after the first.
        first_omega_0: ω0 of its first layer, in the tile's own coordinates; with None each tile has its own
            (`tile_omega`).
        steps: Number of passes over a tile's samples; with 0 only the output layer is fitted, exactly.
        batch: Number of samples per update of the weights; None for all samples of a tile.
        lr: Learning rate of Adam, which acts on weights into which ω0 is folded.
    """

    tile: int = 40
    margin: int = 4
    hidden_features: int = 64
    hidden_layers: int = 2
    first_omega_0: float | None = None
    steps: int = 30
    batch: int | None = 128
    lr: float = 2.5e-2

    def __post_init__(self) -> None:
        """Check every number.

        Raises:
            TypeError: A count that is not an integer.
            ValueError: A number out of its range.
        """
        for name, least in (("tile", 1), ("margin", 0), ("hidden_features", 1), ("hidden_layers", 0), ("steps", 0)):
            value = arguments.count(f"TileRecipe: {name}", getattr(self, name), least=least)
            arguments.settle(self, **{name: value})
        if self.batch is not None:
            arguments.settle(self, batch=arguments.count("TileRecipe: batch", self.batch))
        arguments.settle(self, lr=arguments.positive("TileRecipe: lr", self.lr))
        if self.first_omega_0 is not None:
            omega_0 = arguments.positive("TileRecipe: first_omega_0", self.first_omega_0)
            arguments.settle(self, first_omega_0=omega_0)


TILE_RECIPES = {1: TileRecipe(tile=1600, margin=80), 2: TileRecipe(), 3: TileRecipe(tile=12, margin=1)}
"""The tiles of `siren_sr.fit_signal` by number of grid axes. Those of images were chosen on crops of photographs; the
others hold about as many samples."""


@dataclass(frozen=True)
class TileFit:
    """What `fit_tiles` returns.

    Attributes:
        model: The network.
        history: One `Entry` per step of every group.
        stopped: Whether the monitor ended the training.
    """

    model: TiledSiren
    history: tuple[Entry, ...]
    stopped: bool


def fit_tiles(
    target: Tensor,
    recipe: TileRecipe,
    *,
    boundary: Boundaries = "mirror",
    generator: torch.Generator | None = None,
    monitor: Monitor | None = None,
) -> TileFit:
    """Fit a `TiledSiren` to a signal, one group of tiles after the other.

    Args:
        target: The signal, a tensor (C, *grid).
        recipe: How the tiles are made and trained.
        boundary: "wrap" where the signal is one period.
        generator: CPU generator of the initial weights and of the batches.
        monitor: Object that is told of every step of every group; the work ends when it answers True.

    Returns:
        The network, the history, and whether the work was stopped. Tiles that were not reached are then zero.

    Raises:
        ValueError: The training diverged.
    """
    monitor = Monitor() if monitor is None else monitor
    model = TiledSiren(
        target.shape[1:],
        len(target),
        tile=recipe.tile,
        margin=recipe.margin,
        hidden_features=recipe.hidden_features,
        hidden_layers=recipe.hidden_layers,
        first_omega_0=1.0,  # every tile's own ω0 is multiplied in when its group is fitted
        boundary=boundary,
        generator=generator,
        like=target,
    )
    groups = range(0, math.prod(len(w.starts) for w in model.windows), GROUP)
    monitor.plan("network", max(1, recipe.steps) * len(groups))
    work = _Work(model, generator)
    with monitor.part("tiles", work.state) as saved:
        if saved is not None:
            work.restore(saved)
        while work.first in groups and not monitor.stopped:
            with monitor.interruptible():
                work.fit_group(target, recipe, monitor)
    return TileFit(model.eval(), tuple(work.history), monitor.stopped)


class _Work:
    """The groups of tiles under way.

    Attributes:
        first: Number of the first tile of the group that is fitted next.
        history: One `Entry` per step of every group so far.
    """

    def __init__(self, model: TiledSiren, generator: torch.Generator | None) -> None:
        self._model, self._generator, self._tiles = model, generator, list(model.tiles())
        self.first, self.history, self._drawn = 0, list[Entry](), drawn(generator)

    def state(self) -> dict[str, Any]:
        """What `restore` needs, of tensors and plain values: all that was there before the present group."""
        return {
            "networks": dict(self._model.networks.state_dict()),
            "first": self.first,
            "generator": self._drawn,
            "history": [astuple(entry) for entry in self.history],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a `state`."""
        self._model.networks.load_state_dict(state["networks"])
        self.first, self._drawn = state["first"], state["generator"]
        redraw(self._generator, self._drawn)
        self.history = [Entry(*row) for row in state["history"]]

    def fit_group(self, target: Tensor, recipe: TileRecipe, monitor: Monitor) -> None:
        """Fit the next group."""
        part = slice(self.first, self.first + GROUP)
        windows = torch.stack([_window(target, self._model.windows, tile) for tile in self._tiles[part]])
        batch = self._model.networks.part(part)
        with monitor.part(f"group from {self.first}", remember=False):
            made = _fit_group(batch, windows, recipe, generator=self._generator, monitor=monitor)
        steps, seconds = (self.history[-1].step, self.history[-1].seconds) if self.history else (0, 0.0)
        self.history += [replace(entry, step=steps + entry.step, seconds=seconds + entry.seconds) for entry in made]
        self._model.networks.assign(part, batch)
        self.first, self._drawn = part.stop, drawn(self._generator)


def _fit_group(
    batch: SirenBatch, windows: Tensor, recipe: TileRecipe, *, generator: torch.Generator | None, monitor: Monitor
) -> Sequence[Entry]:
    """Fit networks to windows (tiles, C, *lengths) of a signal, in place, and return the history.

    Every tile is first brought to a root mean square of about 1. Its output layer is solved exactly before and after
    Adam trains all layers, or only once if there are no steps.
    """
    started, channels, shape = monitor.seconds, windows.shape[1], tuple(windows.shape[2:])
    points = coordinates.grid(shape, device=windows.device, dtype=windows.dtype)
    unit = windows.flatten(1).square().mean(1).sqrt() + 2e-4
    wanted = windows.flatten(2) / unit[:, None, None]
    outputs = wanted.transpose(1, 2)
    omega = tile_omega(windows) if recipe.first_omega_0 is None else windows.new_tensor([recipe.first_omega_0])
    batch.scale_frequencies(omega)
    if recipe.steps:
        batch.solve_output(points, outputs, ridge=1e-4)
        stacked = wanted.flatten(0, 1).unflatten(1, shape)
        scale = unit.repeat_interleave(channels)[:, None]
        stage = Stage(
            value(stacked),
            recipe.steps,
            shape,
            adam(recipe.lr, betas=(0.9, 0.99), fused=True),
            warmup_cosine(recipe.steps),
            SquaredError(lambda field: field.values, stacked, dims=len(shape), weight=scale.square()),
            name="network",
            batch=recipe.batch,
            worse=1e4,  # the solved output is soon lost, and solved again at the end
        )
        history: Sequence[Entry] = train(batch, [stage], monitor=monitor, generator=generator)
    else:
        monitor.step()
        history = [Entry(1, math.nan, math.nan, monitor.seconds - started, 0.0)]
    batch.solve_output(points, outputs, ridge=1e-6)
    batch.scale_output(unit)
    return history


def tile_omega(windows: Tensor) -> Tensor:
    """Return ω0 for the network of each tile: three times the rate at which the tile varies, rms |∇f| / rms f.

    The gradient is taken per unit of the tile's coordinates, and the mean of each channel is left out, so that neither
    contrast nor offset nor the number of samples matters. The factor 3 was the best of 1, 2, 3 and 4 on crops of three
    photographs. The frequencies of a new first layer have the root mean square ω0/(2√3) along each axis of an image.

    Args:
        windows: The samples of the tiles, a tensor (tiles, C, *lengths).

    Returns:
        Tensor (tiles,) of numbers >= 4.
    """
    centred = windows - windows.flatten(2).mean(2).view(*windows.shape[:2], *[1] * (windows.ndim - 2))
    power = centred.square().flatten(1).mean(1)
    slope = torch.zeros_like(power)
    for axis, n in enumerate(windows.shape[2:], start=2):
        if n > 1:
            slope += (windows.diff(dim=axis) * (n / 2)).square().flatten(1).mean(1)
    return (3 * (slope / (power + 1e-6)).sqrt()).clamp(min=4.0)


def _window(target: Tensor, windows: Sequence[Windows], tile: tuple[int, ...]) -> Tensor:
    """Return the samples of a tile, a tensor (C, *lengths)."""
    for axis, (w, i) in enumerate(zip(windows, tile, strict=True)):
        index = torch.arange(w.starts[i], w.starts[i] + w.length, device=target.device)
        target = target.index_select(axis + 1, index % w.n if w.wrap else index)
    return target
