"""A fit as one `torch.nn.Module` whose steps `torch.export` can record, for any number of points."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from siren_sr.export.windows import windows
from siren_sr.fitting.fit import Fit
from siren_sr.grids.boundaries import per_axis
from siren_sr.grids.resampling import bicubic, mirrored
from siren_sr.network.siren import Siren
from siren_sr.network.tiled import TiledSiren


class FitModule(nn.Module):
    """A fit as a function of points: (N, D) in [-1, 1]^D, x first -> (N, C) in units of the signal.

    The values are those of `Fit.render` before they are rounded to the signal's type, as `siren_sr.export_onnx` writes
    them. Nothing in it looks at numbers to decide what is computed next, except which points lie in which tile:
    `torch.export.export` records it, and autograd goes through it.

    Args:
        fit: What a task returned. The module shares its network.

    Raises:
        TypeError: ``fit`` is no `Fit` of this library's networks.

    Examples:
        >>> from siren_sr import fit_signal
        >>> module = FitModule(fit_signal(torch.linspace(0, 1, 36).reshape(1, 6, 6), hidden_features=8, steps=2))
        >>> points = torch.export.Dim("points")
        >>> program = torch.export.export(module, (torch.zeros(4, 2),), dynamic_shapes={"coords": {0: points}})
        >>> program.module()(torch.zeros(9, 2)).shape
        torch.Size([9, 1])
    """

    base: Tensor | None

    def __init__(self, fit: Fit) -> None:
        """Take the network, the base and the range of a fit."""
        super().__init__()
        if not isinstance(fit, Fit) or not isinstance(fit.model, (Siren, TiledSiren)):
            raise TypeError(f"a module is made of a Fit, got {type(fit).__name__}")
        self.model = fit.model
        self._shape, self._border = fit.shape, per_axis(fit.boundary, len(fit.shape))
        self._low, self._span = fit.origin.low, fit.origin.high - fit.origin.low
        self._limits = (fit.origin.floor, fit.origin.ceiling)
        self.register_buffer("base", None if fit.base is None else fit.base.detach())

    def forward(self, coords: Tensor) -> Tensor:
        """Evaluate the fit: (N, D) -> (N, C).

        Raises:
            TypeError: ``coords`` is no dense tensor, or of another element type than the network.
            ValueError: ``coords`` does not have the shape (N, D).
        """
        values = tiles_at(self.model, coords) if isinstance(self.model, TiledSiren) else self.model(coords)
        if self.base is not None:
            values = values + interpolated(self.base, self._border, coords)
        values = (values + 1) * (self._span / 2) + self._low
        floor, ceiling = self._limits
        return values.clamp(floor, ceiling) if floor > -math.inf or ceiling < math.inf else values


def tiles_at(model: TiledSiren, coords: Tensor) -> Tensor:
    """Evaluate tiles at points as `TiledSiren.on_points` does, in steps that do not depend on the points.

    Args:
        model: The tiles.
        coords: Points, a tensor (N, D), x first.

    Returns:
        Tensor (N, C).
    """
    columns = coords.flip(-1).double().unbind(-1)  # one per grid axis
    edges = [(x + 1) % 2 if w.wrap else x + 1 for w, x in zip(model.windows, columns, strict=True)]
    positions = [edge * (w.n / 2) for w, edge in zip(model.windows, edges, strict=True)]
    sums = coords.new_zeros(coords.shape[0], model.out_features + 1)
    everywhere = torch.arange(coords.shape[0], device=coords.device)
    for number, index, weight, local in _pieces(model, positions, 0, everywhere, torch.ones_like(columns[0]), ()):
        values = model.networks(torch.stack(local, -1).to(coords.dtype), slice(number, number + 1))
        share = weight.to(coords.dtype)[:, None]
        sums = sums.index_add(0, index, torch.cat([values * share, share], 1))
    return sums[:, :-1] / sums[:, -1:]


def _pieces(
    model: TiledSiren, positions: Sequence[Tensor], number: int, index: Tensor, weight: Tensor, local: tuple[Any, ...]
) -> Iterator[tuple[int, Tensor, Tensor, tuple[Tensor, ...]]]:
    """Yield for every tile its number, its points, its weights there, and its own coordinates there, x first."""
    a = len(local)
    if a == len(positions):
        yield number, index, weight, local
        return
    axis = model.windows[a]
    for w in windows(axis):
        here = positions[a][index]
        chosen = ((here >= w.low) & (here <= w.high)).nonzero()[:, 0]
        p = here[chosen]
        rise = torch.sin(0.5 * math.pi * (w.up * (p - w.start) + w.up_from).clamp(0, 1)).square()
        fall = torch.sin(0.5 * math.pi * (w.down * (w.end - p) + w.down_from).clamp(0, 1)).square()
        own = (p - w.start) * (2 / axis.length) - 1
        yield from _pieces(
            model,
            positions,
            number * len(axis.starts) + w.number,
            index[chosen],
            weight[chosen] * rise * fall,
            (own, *(x[chosen] for x in local)),
        )


def interpolated(base: Tensor, border: Sequence[str], coords: Tensor) -> Tensor:
    """Interpolate samples (C, *grid) of pixel centres bicubically at points (N, D), x first: (N, C)."""
    channels, *shape = base.shape
    place = torch.zeros(coords.shape[0], 1, dtype=torch.int64, device=coords.device)
    weight = torch.ones(coords.shape[0], 1, dtype=torch.float64, device=coords.device)
    for a, (n, kind) in enumerate(zip(shape, border, strict=True)):
        position = ((coords[:, len(shape) - 1 - a].double() + 1) * n - 1) / 2
        index = position.floor().long()[:, None] + torch.arange(-1, 3, device=coords.device)
        taps = bicubic(position[:, None] - index)
        index = index % n if kind == "wrap" else mirrored(index, n)
        place = (place[:, :, None] * n + index[:, None, :]).flatten(1)
        weight = (weight[:, :, None] * taps[:, None, :]).flatten(1)
    around = base.reshape(channels, -1).T[place]  # (N, 4^D, C)
    return (around * weight.to(base.dtype)[:, :, None]).sum(1)
