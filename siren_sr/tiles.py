"""An image as many small sine networks: equal windows that overlap, each with its own network, blended smoothly.

A single network of useful width costs every point the price of the whole picture; a 64-wide network per 32 pixels
costs little and fits in a fraction of the steps. All networks of a batch are evaluated by one batched product.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from siren_sr import coordinates
from siren_sr.init import default_bias_, sitzmann_
from siren_sr.objectives import SquaredError, value
from siren_sr.optimizers import adam, warmup_cosine
from siren_sr.training import Callback, Entry, Progress, Stage, train

BATCH = 8  # tiles trained to the end at once: what stays in the cache of a processor


@dataclass(frozen=True)
class Windows:
    """Windows of equal length along one axis of n samples, evenly spread, all inside.

    Attributes:
        n: Samples of the axis.
        starts: First sample of each window.
        length: Samples of each window.
    """

    n: int
    starts: tuple[int, ...]
    length: int

    @staticmethod
    def cover(n: int, tile: int, margin: int) -> Windows:
        """The fewest windows of ``tile + 2·margin`` samples whose neighbours overlap by at least 2·margin."""
        length = min(tile + 2 * margin, n)
        count = max(1, math.ceil((n - 2 * margin) / tile))
        return Windows(n, tuple(round(i * (n - length) / max(1, count - 1)) for i in range(count)), length)

    def weights(self, x: Tensor) -> Tensor:
        """Blending weights of all windows at coordinates in [-1, 1] of the axis: (windows, len(x)), columns sum to 1.

        sin² ramps over the overlaps, continuous with their derivative; zero outside a window.
        """
        position = (x.double() + 1) * (self.n / 2)
        rows = []
        for i, start in enumerate(self.starts):
            r = position - start
            w = ((r >= 0) & (r <= self.length)).double()
            if i > 0:
                overlap = self.starts[i - 1] + self.length - start
                w = w * torch.sin(0.5 * math.pi * (r / overlap).clamp(0, 1)).square()
            else:
                w = torch.where(r < 0, torch.ones_like(w), w)
            if i + 1 < len(self.starts):
                overlap = start + self.length - self.starts[i + 1]
                w = w * torch.sin(0.5 * math.pi * ((self.length - r) / overlap).clamp(0, 1)).square()
            else:
                w = torch.where(r > self.length, torch.ones_like(w), w)
            rows.append(w)
        result = torch.stack(rows)
        # Three windows can meet where a side is just too long for fewer.
        return (result / result.sum(0)).to(x)

    def local(self, i: int, x: Tensor) -> Tensor:
        """Coordinates in window i, [-1, 1], of coordinates in the axis."""
        return ((x.double() + 1) * (self.n / self.length) - (2 * self.starts[i] / self.length + 1)).to(x)


class SirenBatch(nn.Module):
    """Several small sine networks that read the same coordinates: (N, D) -> (N, networks·C).

    ω0 is folded into the weights, which makes the hidden layers' ω0 a matter of the learning rate only.
    """

    def __init__(
        self,
        networks: int,
        out_features: int,
        *,
        in_features: int = 2,
        hidden_features: int = 64,
        hidden_layers: int = 1,
        first_omega_0: float = 24.0,
        generator: torch.Generator | None = None,
        like: Tensor | None = None,
    ) -> None:
        super().__init__()
        widths = [in_features] + [hidden_features] * (hidden_layers + 1)
        weights, biases = [], []
        for i, (n, m) in enumerate(itertools.pairwise(widths)):
            omega = first_omega_0 if i == 0 else 1.0
            rows = sitzmann_(torch.empty(networks * m, n), omega_0=1.0, is_first=i == 0, generator=generator)
            bias = default_bias_(torch.empty(networks, 1, m), n, generator=generator)
            weights.append(omega * rows.view(networks, m, n).transpose(1, 2).contiguous())
            biases.append(omega * bias)
        weights.append(torch.zeros(networks, hidden_features, out_features))
        biases.append(torch.zeros(networks, 1, out_features))
        like = torch.empty(0) if like is None else like
        self.weights = nn.ParameterList([nn.Parameter(w.to(like)) for w in weights])
        self.biases = nn.ParameterList([nn.Parameter(b.to(like)) for b in biases])

    is_sine = True

    def affine_maps(self) -> tuple[tuple[Tensor, Tensor, float], ...]:
        """(weight, bias, 1.0) of every layer, output last: what `siren_sr.fused` reads."""
        return tuple((w, b, 1.0) for w, b in zip(self.weights, self.biases, strict=True))

    def features(self, coords: Tensor) -> Tensor:
        """Last hidden activations, (networks, N, hidden_features)."""
        h = coords.expand(len(self.weights[0]), *coords.shape[-2:])
        for w, b in zip(list(self.weights)[:-1], list(self.biases)[:-1], strict=True):
            h = torch.sin(torch.baddbmm(b, h, w))
        return h

    def forward(self, coords: Tensor) -> Tensor:
        """(N, D) -> (N, networks·C), network by network."""
        rows = torch.baddbmm(self.biases[-1], self.features(coords), self.weights[-1])
        return rows.permute(1, 0, 2).reshape(coords.shape[-2], -1)

    @torch.no_grad()
    def solve_output(self, coords: Tensor, target: Tensor, *, ridge: float) -> None:
        """Set the linear outputs to the ridge regression of target (networks, N, C): exact, in one solve."""
        h = self.features(coords)
        h_mean, y_mean = h.mean(1, keepdim=True), target.mean(1, keepdim=True)
        h = h - h_mean
        eye = torch.eye(h.shape[2], device=h.device, dtype=h.dtype)
        gram = h.transpose(1, 2) @ h / h.shape[1] + ridge * eye
        w = torch.linalg.solve(gram, h.transpose(1, 2) @ (target - y_mean) / h.shape[1])
        self.weights[-1].copy_(w)
        self.biases[-1].copy_(y_mean - h_mean @ w)


class TiledSiren(nn.Module):
    """A picture (C, H, W) as blended tiles of small sine networks, coordinates in [-1, 1]².

    Attributes:
        rows: Windows along the rows.
        columns: Windows along the columns.
        networks: The `SirenBatch` of all tiles, row by row.
    """

    def __init__(
        self,
        shape: Sequence[int],
        out_features: int,
        *,
        tile: int = 32,
        margin: int = 4,
        hidden_features: int = 64,
        hidden_layers: int = 1,
        first_omega_0: float = 24.0,
        generator: torch.Generator | None = None,
        like: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = 2, out_features
        self.first_omega_0 = first_omega_0
        self._config = {
            "shape": list(shape),
            "out_features": out_features,
            "tile": tile,
            "margin": margin,
            "hidden_features": hidden_features,
            "hidden_layers": hidden_layers,
            "first_omega_0": first_omega_0,
        }
        self.rows, self.columns = (Windows.cover(n, tile, margin) for n in shape)
        self.networks = SirenBatch(
            len(self.rows.starts) * len(self.columns.starts),
            out_features,
            hidden_features=hidden_features,
            hidden_layers=hidden_layers,
            first_omega_0=first_omega_0,
            generator=generator,
            like=like,
        )

    def config(self) -> dict[str, Any]:
        """The constructor's arguments as plain values."""
        return dict(self._config)

    def on_grid(self, axes: Sequence[Tensor]) -> Tensor:
        """Evaluate on a rectangle of coordinates, one vector per grid axis (rows, columns): (C, len, len)."""
        ys, xs = axes
        row_weights, column_weights = self.rows.weights(ys), self.columns.weights(xs)
        result = ys.new_zeros(self.out_features, len(ys), len(xs))
        for i, j, network in self._tiles():
            iy, ix = row_weights[i].nonzero()[:, 0], column_weights[j].nonzero()[:, 0]
            if len(iy) == 0 or len(ix) == 0:
                continue
            local = (self.rows.local(i, ys[iy]), self.columns.local(j, xs[ix]))
            values = self._one(network, coordinates.points(local))
            values = values.T.reshape(-1, len(iy), len(ix)) * row_weights[i, iy, None] * column_weights[j, ix]
            result[:, iy[:, None], ix] += values
        return result

    def forward(self, coords: Tensor) -> Tensor:
        """Evaluate at any points (N, 2), x first: (N, C)."""
        xs, ys = coords.unbind(-1)
        row_weights, column_weights = self.rows.weights(ys), self.columns.weights(xs)
        result = coords.new_zeros(len(coords), self.out_features)
        for i, j, network in self._tiles():
            weight = row_weights[i] * column_weights[j]
            index = weight.nonzero()[:, 0]
            if len(index):
                local = torch.stack([self.columns.local(j, xs[index]), self.rows.local(i, ys[index])], -1)
                result = result.index_add(0, index, weight[index, None] * self._one(network, local))
        return result

    def _tiles(self) -> Iterator[tuple[int, int, int]]:
        """(row, column, network) of every tile."""
        for network in range(len(self.rows.starts) * len(self.columns.starts)):
            row, column = divmod(network, len(self.columns.starts))
            yield row, column, network

    def _one(self, network: int, coords: Tensor) -> Tensor:
        """One tile's network at its own coordinates, (N, 2) -> (N, C)."""
        h = coords
        weights, biases = list(self.networks.weights), list(self.networks.biases)
        for w, b in zip(weights[:-1], biases[:-1], strict=True):
            h = torch.sin(torch.addmm(b[network], h, w[network]))
        return torch.addmm(biases[-1][network], h, weights[-1][network])


def fit_tiles(
    target: Tensor,
    *,
    steps: int = 60,
    lr: float = 4e-2,
    generator: torch.Generator | None = None,
    callback: Callback | None = None,
    done: int = 0,
    seconds: float = 0.0,
    **options: Any,
) -> tuple[TiledSiren, tuple[Entry, ...]]:
    """Fit a `TiledSiren` to a picture (C, H, W), batch of tiles by batch of tiles.

    Every tile is brought to unit size; its output layer is solved exactly before and after Adam trains all layers.

    Args:
        target: What the tiles must show together.
        steps: Adam steps of every batch.
        lr: Its highest learning rate.
        generator: CPU generator of the initial weights.
        callback: Called after every step, counting from ``done`` and ``seconds`` of earlier work.
        done: Steps made before.
        seconds: Seconds spent before.
        options: Of `TiledSiren`.

    Returns:
        The network and the history; tiles not reached when a callback stopped it are zero.
    """
    model = TiledSiren(target.shape[1:], len(target), generator=generator, like=target, **options)
    rows, columns = model.rows, model.columns
    starts = [(a, b) for a in rows.starts for b in columns.starts]
    shape = (rows.length, columns.length)
    points = coordinates.grid(shape, device=target.device, dtype=target.dtype)
    batches = range(0, len(starts), BATCH)
    total, history = done + steps * len(batches), []
    for first in batches:
        part = slice(first, first + BATCH)
        batch = _select(model.networks, part)
        windows = torch.stack([target[:, a : a + shape[0], b : b + shape[1]] for a, b in starts[part]])
        unit = windows.square().mean((1, 2, 3)).sqrt() + 2e-4
        wanted = windows / unit[:, None, None, None]
        outputs = wanted.flatten(2).transpose(1, 2)
        batch.solve_output(points, outputs, ridge=1e-4)
        stacked = wanted.flatten(0, 1)
        scale = unit.repeat_interleave(len(target))[:, None, None]

        score = SquaredError(lambda field: field.values, stacked, dims=2, weight=scale[:, 0].square())
        stage = Stage(
            value(stacked), steps, shape, adam(lr, betas=(0.9, 0.99)), warmup_cosine(steps), score, name="network"
        )
        offset, elapsed = done + len(history), seconds + (history[-1].seconds if history else 0.0)

        def report(progress: Progress, offset=offset, elapsed=elapsed) -> bool | None:
            if callback is None:
                return None
            entry = _shifted(progress.entry, offset, elapsed)
            return callback(Progress(entry, total, entry.seconds / entry.step * (total - entry.step), "network"))

        made = train(batch, [stage], callback=report)
        history += [_shifted(e, offset - done, elapsed - seconds) for e in made]
        batch.solve_output(points, outputs, ridge=1e-6)
        with torch.no_grad():
            batch.weights[-1].mul_(unit[:, None, None])
            batch.biases[-1].mul_(unit[:, None, None])
        _assign(model.networks, part, batch)
        if len(made) < steps:
            break
    return model.eval(), tuple(history)


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
