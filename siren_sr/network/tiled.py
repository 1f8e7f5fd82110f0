"""A signal as many small sine networks: equal windows overlap, each has its own network, and all are blended smoothly.

`siren_sr.fitting.tiles` fits them. With a single network of useful width, every point costs the price of the whole
signal. A 64-wide network per 40x40 pixels costs little and fits in a fraction of the steps.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from siren_sr import arguments
from siren_sr.grids import boundaries, coordinates
from siren_sr.grids.windows import Windows, windows_of
from siren_sr.init import default_bias_, sitzmann_
from siren_sr.network.protocol import check_coords, check_size


class SirenBatch(nn.Module):
    """Several small sine networks that read the same coordinates: (N, D) -> (N, networks·C).

    ω0 is folded into the weights, so that the ω0 of hidden layers only matters for the choice of a learning rate.

    Attributes:
        weights: The weights of every layer, (networks, in, out), the output last.
        biases: The biases of every layer, (networks, 1, out), the output last.
    """

    def __init__(self, weights: Sequence[Tensor], biases: Sequence[Tensor]) -> None:
        """Take the weights (networks, in, out) and the biases (networks, 1, out) of every layer, the output last."""
        super().__init__()
        self.weights = nn.ParameterList([nn.Parameter(w) for w in weights])
        self.biases = nn.ParameterList([nn.Parameter(b) for b in biases])

    @staticmethod
    def initialized(
        networks: int,
        out_features: int,
        *,
        in_features: int = 2,
        hidden_features: int = 64,
        hidden_layers: int = 1,
        first_omega_0: float = 24.0,
        generator: torch.Generator | None = None,
        like: Tensor | None = None,
    ) -> SirenBatch:
        """Return networks with Sitzmann's initialization and an output of zeros.

        Args:
            networks: Number of networks.
            out_features: Number of channels C.
            in_features: Dimension D of the coordinates.
            hidden_features: Width of the sine layers.
            hidden_layers: Number of sine layers after the first.
            first_omega_0: ω0 of the first layer.
            generator: CPU generator of the weights.
            like: Tensor whose device and dtype are used (default: PyTorch's default on the CPU).
        """
        check_size(networks * hidden_features * (hidden_layers * hidden_features + in_features + out_features))
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
        return SirenBatch([w.to(like) for w in weights], [b.to(like) for b in biases])

    def part(self, networks: slice) -> SirenBatch:
        """Return some of the networks as a batch of their own, which shares no memory with this one."""
        return SirenBatch(
            [w.detach()[networks].clone() for w in self.weights], [b.detach()[networks].clone() for b in self.biases]
        )

    @torch.no_grad()
    def assign(self, networks: slice, other: SirenBatch) -> None:
        """Overwrite some of the networks with those of another batch."""
        for mine, theirs in zip((*self.weights, *self.biases), (*other.weights, *other.biases), strict=True):
            mine[networks].copy_(theirs)

    @torch.no_grad()
    def scale_output(self, factors: Tensor) -> None:
        """Multiply the output of each network by its factor, a tensor (networks,)."""
        self.weights[-1].mul_(factors[:, None, None])
        self.biases[-1].mul_(factors[:, None, None])

    @torch.no_grad()
    def scale_frequencies(self, omega_0: Tensor) -> None:
        """Multiply the first layer of each network by its ``omega_0``, (networks,) or (1,), as another ω0 would."""
        self.weights[0].mul_(omega_0[:, None, None])
        self.biases[0].mul_(omega_0[:, None, None])

    @property
    def is_sine(self) -> bool:
        """Always True, since all activations are sines."""
        return True

    def affine_maps(self) -> tuple[tuple[Tensor, Tensor, float], ...]:
        """Return (weight, bias, 1.0) of every layer, the output last, which is what `siren_sr.network.fused` reads."""
        return tuple((w, b, 1.0) for w, b in zip(self.weights, self.biases, strict=True))

    def features(self, coords: Tensor, part: slice = slice(None)) -> Tensor:
        """Return the last hidden activations of the networks ``part``, (networks, N, hidden_features)."""
        h = coords.expand(len(self.weights[0][part]), *coords.shape[-2:])
        for w, b in zip(list(self.weights)[:-1], list(self.biases)[:-1], strict=True):
            h = torch.sin(torch.baddbmm(b[part], h, w[part]))
        return h

    def forward(self, coords: Tensor, part: slice = slice(None)) -> Tensor:
        """Evaluate all networks or those of ``part``: (N, D) -> (N, networks·C), network by network."""
        rows = torch.baddbmm(self.biases[-1][part], self.features(coords, part), self.weights[-1][part])
        return rows.permute(1, 0, 2).flatten(1)

    @torch.no_grad()
    def solve_output(self, coords: Tensor, target: Tensor, *, ridge: float) -> None:
        """Set the linear outputs to the ridge regression of a target, exactly and in one solve.

        Args:
            coords: Points, a tensor (N, D).
            target: What each network is to have at these points, a tensor (networks, N, C).
            ridge: Weight of the output's squared weights, which are added to the mean squared misfit, > 0.
        """
        h = self.features(coords)
        h_mean, y_mean = h.mean(1, keepdim=True), target.mean(1, keepdim=True)
        h = h - h_mean
        eye = torch.eye(h.shape[2], device=h.device, dtype=h.dtype)
        gram = h.transpose(1, 2) @ h / h.shape[1] + ridge * eye
        w = torch.linalg.solve(gram, h.transpose(1, 2) @ (target - y_mean) / h.shape[1])
        self.weights[-1].copy_(w)
        self.biases[-1].copy_(y_mean - h_mean @ w)


class TiledSiren(nn.Module):
    """A signal (C, *grid) as blended tiles of small sine networks, on coordinates in [-1, 1]^D.

    Attributes:
        windows: The `Windows` of every grid axis, (rows, columns) for an image.
        networks: The `SirenBatch` of all tiles, in row-major order.
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
        boundary: boundaries.Boundaries = "mirror",
        generator: torch.Generator | None = None,
        like: Tensor | None = None,
    ) -> None:
        """Make the networks of all tiles, with an output of zeros.

        Args:
            shape: The signal's grid, (rows, columns) for an image.
            out_features: Number of channels C.
            tile: Samples of a tile per axis, without the margin.
            margin: Number of further samples on every side of a tile, where neighbours blend.
            hidden_features: Width of a tile's network.
            hidden_layers: Number of its sine layers after the first.
            first_omega_0: ω0 of its first layer, in the tile's own coordinates, which are [-1, 1] from edge to edge.
            boundary: "wrap", for all grid axes or per axis, lets the tiles go around the axis, so that the network has
                its length as a period. Else coordinates outside of [-1, 1] belong to the outermost tiles.
            generator: CPU generator of the weights.
            like: Tensor whose device and dtype are used (default: PyTorch's default on the CPU).
        """
        super().__init__()
        self.in_features, self.out_features = len(shape), out_features
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
        kinds = boundaries.per_axis(boundary, len(shape))
        if "wrap" in kinds:  # older versions can read all other networks
            self._config["boundary"] = list(kinds)
        self.windows = tuple(Windows.cover(n, tile, margin, kind) for n, kind in zip(shape, kinds, strict=True))
        self.networks = SirenBatch.initialized(
            math.prod(len(w.starts) for w in self.windows),
            out_features,
            in_features=len(shape),
            hidden_features=hidden_features,
            hidden_layers=hidden_layers,
            first_omega_0=first_omega_0,
            generator=generator,
            like=like,
        )

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values, from which `from_config` builds the network again."""
        return dict(self._config)

    @staticmethod
    def state_shapes(config: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Yield the name and the shape of every tensor of the network that a `config` describes, without building it.

        Raises:
            LookupError: An entry is missing.
            TypeError: A size is not an integer.
            ValueError: A size is too small.
        """
        shape = [arguments.count("shape", n) for n in config["shape"]]
        names = ("out_features", "tile", "margin", "hidden_features", "hidden_layers")
        c, tile, margin, width, layers = (
            arguments.count(k, config[k], least=k not in ("margin", "hidden_layers")) for k in names
        )
        kinds = boundaries.per_axis(config.get("boundary", "mirror"), len(shape))
        networks = math.prod(windows_of(n, tile, margin, kind) for n, kind in zip(shape, kinds, strict=True))
        for i in range(layers + 2):
            n, m = width if i else len(shape), c if i > layers else width
            yield f"networks.weights.{i}", (networks, n, m)
            yield f"networks.biases.{i}", (networks, 1, m)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, like: Tensor, activation: object = None) -> TiledSiren:
        """Return the network that a `config` describes, with weights that are still to be loaded.

        Args:
            config: What `config` returned.
            like: Tensor whose device and dtype are used.
            activation: Not used, since the activations of tiles are always sines.
        """
        return cls(**config, generator=torch.Generator(), like=like)

    @property
    def dtype(self) -> torch.dtype:
        """Element type of the parameters."""
        return self.networks.weights[0].dtype

    @property
    def device(self) -> torch.device:
        """Device of the parameters."""
        return self.networks.weights[0].device

    def summary(self) -> str:
        """Return a few words on the network, for a reader."""
        return f"{len(list(self.tiles()))} tiles"

    def tiles(self) -> Iterator[tuple[int, ...]]:
        """Yield, for every tile in row-major order, the number of its window on each axis."""
        return itertools.product(*(range(len(w.starts)) for w in self.windows))

    def _part(self, tile: Sequence[int]) -> slice:
        """Return the slice that picks the network of a tile, or of a turn of one."""
        network = 0
        for w, i in zip(self.windows, tile, strict=True):
            network = network * len(w.starts) + i % len(w.starts)
        return slice(network, network + 1)

    def on_grid(self, axes: Sequence[Tensor]) -> Tensor:
        """Evaluate the networks on a box of coordinates.

        Args:
            axes: One vector of coordinates per grid axis, (rows, columns) for an image.

        Returns:
            Tensor (C, *lengths), where ``lengths`` are those of the vectors.
        """
        result = axes[0].new_zeros(self.out_features, *(len(x) for x in axes))
        parts = [w.parts(x) for w, x in zip(self.windows, axes, strict=True)]
        for chosen in itertools.product(*parts):
            tile, index, weights = zip(*chosen, strict=True)
            local = [w.local(i, x[j]) for w, i, x, j in zip(self.windows, tile, axes, index, strict=True)]
            values = self.networks(coordinates.points(local), self._part(tile)).T.reshape(-1, *map(len, index))
            shapes = [(-1, *[1] * (len(axes) - axis - 1)) for axis in range(len(axes))]
            for w, shape in zip(weights, shapes, strict=True):
                values = values * w.view(shape)
            result[(slice(None), *(j.view(shape) for j, shape in zip(index, shapes, strict=True)))] += values
        return result

    def forward(self, coords: Tensor) -> Tensor:
        """Evaluate the networks at any points: (N, D), x first -> (N, C).

        Raises:
            TypeError: ``coords`` is no dense tensor, or of another element type than the networks.
            ValueError: ``coords`` does not have the shape (N, D).
        """
        check_coords(coords, self.dtype)
        if coords.ndim != 2 or coords.shape[1] != self.in_features:
            raise ValueError(f"coords must have shape (N, {self.in_features}), got {tuple(coords.shape)}")
        return self.on_points(coords)

    def on_points(self, coords: Tensor) -> Tensor:
        """Evaluate the networks at any points: (N, D), x first -> (N, C)."""
        columns = coords.flip(-1).unbind(-1)  # one per grid axis, in the order of the grid
        result = coords.new_zeros(len(coords), self.out_features)
        everywhere = torch.arange(len(coords), device=coords.device)
        for tile, index, weight in self._pieces(columns, (), everywhere, torch.ones_like(columns[0])):
            local = [w.local(i, x[index]) for w, i, x in zip(self.windows, tile, columns, strict=True)]
            values = self.networks(torch.stack(local[::-1], -1), self._part(tile))
            result = result.index_add(0, index, weight[:, None] * values)
        return result

    def _pieces(
        self, columns: Sequence[Tensor], tile: tuple[int, ...], index: Tensor, weight: Tensor
    ) -> Iterator[tuple[tuple[int, ...], Tensor, Tensor]]:
        """Yield (tile, its points, its weights there) for all tiles with the windows ``tile`` on the first axes."""
        axis = len(tile)
        if axis == len(columns):
            yield tile, index, weight
            return
        for i, chosen, w in self.windows[axis].parts(columns[axis][index]):
            yield from self._pieces(columns, (*tile, i), index[chosen], weight[chosen] * w)
