"""What a network is to the rest of the library, whichever kind it is: `Siren` and `TiledSiren` are both a `Network`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from siren_sr import arguments
from siren_sr.grids import coordinates

# Activations of a layer evaluated at once: 2 MiB stay in the caches of a processor, other devices need more to be busy.
CHUNK_BYTES = {"cpu": 1 << 21}
OTHER_CHUNK_BYTES = 1 << 27


@runtime_checkable
class Network(Protocol):
    """A map from coordinates in [-1, 1]^D to C values, whose parameters can be trained, saved and loaded.

    Attributes:
        in_features: D.
        out_features: C.
    """

    in_features: int
    out_features: int

    @property
    def dtype(self) -> torch.dtype:
        """Element type of its parameters."""
        ...

    @property
    def device(self) -> torch.device:
        """Where its parameters are."""
        ...

    def on_points(self, coords: Tensor) -> Tensor:
        """Values at any points: (N, D), x first -> (N, C)."""
        ...

    def on_grid(self, axes: Sequence[Tensor]) -> Tensor:
        """Values on a box of coordinates, one vector per grid axis (rows, columns): (C, *lengths)."""
        ...

    def config(self) -> dict[str, Any]:
        """Plain values from which ``from_config`` of its class builds it again, weights apart."""
        ...

    def summary(self) -> str:
        """A few words on what it is, for a reader."""
        ...

    # What every nn.Module has.

    def eval(self) -> Any:
        """Leave the mode of training."""
        ...

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Move it to a device or an element type, in place."""
        ...

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """Its weights and biases."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Its weights and biases by name."""
        ...

    def load_state_dict(self, state_dict: Any) -> Any:
        """Take weights and biases from such a dict."""
        ...


@runtime_checkable
class SineNetwork(Protocol):
    """Layers sin(ω0·(W x + b)), then an affine map; one network, or B networks of one size."""

    @property
    def is_sine(self) -> bool:
        """Whether its affine maps with sines between them are just what it computes."""
        ...

    def affine_maps(self) -> Sequence[tuple[Tensor, Tensor, float]]:
        """(weight, bias, ω0) of every layer, output last, ω0 multiplying both.

        Weights (out, in) and biases (out,) for one network, (B, in, out) and (B, 1, out) for several.
        """
        ...


def sine_maps(model: object) -> Sequence[tuple[Tensor, Tensor, float]] | None:
    """The affine maps of a `SineNetwork`, where they say all that it computes, or None."""
    return model.affine_maps() if isinstance(model, SineNetwork) and model.is_sine else None


MAX_PARAMETERS = 2**33
"""The most weights of a network, as a guard against a slip of the keyboard; so many float32 take 32 GiB."""


def check_size(parameters: int) -> None:
    """Refuse a network before its weights are made.

    Raises:
        ValueError: It has more than `MAX_PARAMETERS` weights.
    """
    if parameters > MAX_PARAMETERS:
        number = f"{parameters}" if parameters < 10**20 else "more than 10^20"
        raise ValueError(
            f"the network would have {number} weights, at most 2^33 are made: ask for fewer or smaller layers"
        )


def check_coords(coords: Any, dtype: torch.dtype) -> None:
    """Refuse coordinates that a network with weights of a type cannot read.

    Raises:
        TypeError: Not a dense tensor, or one of another element type, which only autocast would convert.
    """
    if not isinstance(coords, Tensor):
        raise TypeError(f"coords must be a tensor, one row per point, got {type(coords).__name__}")
    if coords.is_nested or coords.layout != torch.strided:
        raise TypeError(f"coords must be a dense tensor, got {type(coords).__name__} of layout {coords.layout}")
    device = coords.device.type
    if coords.dtype != dtype and not (device in arguments.AUTOCAST_DEVICES and torch.is_autocast_enabled(device)):
        raise TypeError(f"coords are {coords.dtype}, the network is {dtype}: use coords.to(model.dtype)")


def in_chunks(function: Callable[[Tensor], Tensor], axes: Sequence[Tensor], *, chunk: int) -> Tensor:
    """A function of points (N, D) -> (N, C) on a box of coordinates, so many points at a time: (C, *lengths)."""
    size = [len(x) for x in axes]
    total = math.prod(size)
    values = torch.cat([function(coordinates.points(axes, i, min(i + chunk, total))) for i in range(0, total, chunk)])
    return values.T.reshape(-1, *size)


def bytes_per_point(model: nn.Module) -> list[int]:
    """Bytes of the activations of every layer at one point, as far as its weights tell."""
    weights: Sequence[Tensor] = [p for p in model.parameters() if p.ndim == 2]
    if isinstance(model, SineNetwork):
        weights = [weight for weight, _, _ in model.affine_maps()]
    widths = [w.shape[0] * w.shape[2] if w.ndim == 3 else w.shape[0] for w in weights]
    return [n * w.element_size() for n, w in zip(widths, weights, strict=True)]


def chunk_size(model: nn.Module, *, rows: int = 1) -> int:
    """How many points are best evaluated at once, ``rows`` values or derivatives at each."""
    device = next(model.parameters()).device.type
    budget = CHUNK_BYTES.get(device, OTHER_CHUNK_BYTES)
    return max(256, budget // (rows * max(bytes_per_point(model), default=1024)))
