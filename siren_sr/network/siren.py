"""The network: a sine layer on the coordinates, hidden sine layers, a linear output."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from siren_sr import arguments
from siren_sr import init as initializers
from siren_sr.network.layers import ACTIVATIONS, Activation, SineLayer
from siren_sr.network.protocol import check_coords, check_size, chunk_size, in_chunks


class Siren(nn.Module):
    """A sinusoidal representation network, R^in -> R^out.

    It has a first sine layer, ``hidden_layers`` further sine layers, and a linear output, as in the paper and in
    Sitzmann et al. All sine layers have ``hidden_features`` units. With ``hidden_layers=2`` there are three sine layers
    and one linear layer.

    Args:
        in_features: Dimension D of the coordinates, >= 1.
        out_features: Number of channels C, >= 1.
        hidden_features: Width of the sine layers, >= 1.
        hidden_layers: Number of sine layers after the first, >= 0.
        first_omega_0: ω0 of the first layer, > 0. It sets the frequencies that the network starts with (see
            ``siren_sr.omega``).
        hidden_omega_0: ω0 of the other layers, > 0.
        activation: "sine", "relu" (the paper's baseline) or any callable Tensor -> Tensor.
        first_init: Initializer of the first layer: "sitzmann", "xavier", "he" or a callable
            ``f(weight, *, omega_0, is_first, generator=None) -> weight`` that works in place.
        hidden_init: Initializer of the hidden sine layers. The linear output is always initialized as by Sitzmann for
            sine networks, and by PyTorch's default for others, as in the paper's code.
        generator: CPU ``torch.Generator`` of the initial values; with None a fresh, unpredictable one is used. The
            global random state is never touched.
        device: Device of the parameters.
        dtype: Floating-point type of the parameters: float32 (default), float64 or another one.

    Raises:
        ValueError: A size or an ω0 is out of its range, a name is unknown, the dtype is no floating-point type, or an
            initializer does not fill its weight.
        TypeError: A size is not an integer, an initializer has the wrong signature, or the generator, the device or the
            dtype is none.

    Source: Sitzmann et al., NeurIPS 2020; equation (3) of the super-resolution paper.

    Examples:
        >>> model = Siren(2, 3, generator=torch.Generator().manual_seed(0))
        >>> model(torch.zeros(5, 2)).shape
        torch.Size([5, 3])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        hidden_features: int = 256,
        hidden_layers: int = 2,
        first_omega_0: float = 30.0,
        hidden_omega_0: float = 30.0,
        activation: str | Activation = "sine",
        first_init: str | initializers.Initializer = "sitzmann",
        hidden_init: str | initializers.Initializer = "sitzmann",
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features = arguments.count("in_features", in_features, least=1)
        self.out_features = arguments.count("out_features", out_features, least=1)
        self.hidden_features = arguments.count("hidden_features", hidden_features, least=1)
        self.hidden_layers = arguments.count("hidden_layers", hidden_layers, least=0)
        inner = self.hidden_layers * self.hidden_features + self.in_features + self.out_features
        check_size(self.hidden_features * inner)
        self.first_omega_0 = _omega("first_omega_0", first_omega_0)
        self.hidden_omega_0 = _omega("hidden_omega_0", hidden_omega_0)
        if dtype is not None and not isinstance(dtype, torch.dtype):
            raise TypeError(f"dtype must be a torch.dtype such as torch.float32, got {dtype!r}")
        arguments.generator(generator)
        device = _device(device)
        if dtype is not None and not isinstance(dtype, torch.dtype):
            raise TypeError(f"dtype must be a torch.dtype such as torch.float32, got {dtype!r}")
        if dtype is not None and dtype not in arguments.FLOATING:
            raise ValueError(f"dtype must be a floating-point type such as torch.float32, got {dtype}")
        self._names = {
            "activation": _name(activation, ACTIVATIONS),
            "first_init": _name(first_init, initializers.INITIALIZERS),
            "hidden_init": _name(hidden_init, initializers.INITIALIZERS),
        }
        self.layers = nn.ModuleList(
            SineLayer(
                self.in_features if i == 0 else self.hidden_features,
                self.hidden_features,
                omega_0=self.first_omega_0 if i == 0 else self.hidden_omega_0,
                is_first=i == 0,
                activation=activation,
                init=first_init if i == 0 else hidden_init,
                dtype=dtype,
            )
            for i in range(self.hidden_layers + 1)
        )
        # Without skip_init, nn.Linear would draw its weights from the global generator.
        self.output: nn.Linear = nn.utils.skip_init(  # pyright: ignore[reportAttributeAccessIssue]
            nn.Linear, self.hidden_features, self.out_features, dtype=dtype
        )
        self.reset_parameters(generator)
        if device is not None:
            self.to(device)

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Initialize every parameter anew, in place.

        Args:
            generator: CPU generator; with None a fresh, unpredictable one is used.
        """
        if generator is None:
            generator = torch.Generator()
            generator.seed()
        for layer in self.layers:
            layer.reset_parameters(generator)  # pyright: ignore[reportCallIssue]
        weight = torch.empty_like(self.output.weight, device="cpu")
        if self._names["activation"] == "sine":
            initializers.sitzmann_(weight, omega_0=self.hidden_omega_0, is_first=False, generator=generator)
        else:
            bound = 1 / math.sqrt(self.hidden_features)  # this is nn.Linear's default
            weight.uniform_(-bound, bound, generator=generator)
        self.output.weight.copy_(weight)
        bias = torch.empty_like(self.output.bias, device="cpu")
        self.output.bias.copy_(initializers.default_bias_(bias, self.hidden_features, generator=generator))

    def forward(self, coords: Tensor) -> Tensor:
        """Evaluate the network.

        Args:
            coords: Coordinates, a tensor (..., in_features), usually in [-1, 1].

        Returns:
            Tensor (..., out_features).

        Raises:
            TypeError: ``coords`` is no dense tensor, or of another element type than the network.
            ValueError: The last axis of ``coords`` does not have the length ``in_features``.
        """
        check_coords(coords, self.dtype)
        if coords.shape[-1:] != (self.in_features,):
            raise ValueError(
                f"coords must have shape (..., {self.in_features}), got {tuple(coords.shape)}: "
                "one row per point, one column per coordinate"
            )
        x = coords
        for layer in self.layers:
            x = layer(x)
        return self.output(x)

    def on_points(self, coords: Tensor) -> Tensor:
        """Evaluate the network at any points: (N, D), x first -> (N, C)."""
        return self(coords)

    def on_grid(self, axes: Sequence[Tensor]) -> Tensor:
        """Evaluate the network on a box of coordinates.

        Only so many points are evaluated at once as suit the device; on a CPU they fit its caches.

        Args:
            axes: One vector of coordinates per grid axis, (rows, columns) for an image.

        Returns:
            Tensor (C, *lengths), where ``lengths`` are those of the vectors.
        """
        return in_chunks(self, axes, chunk=chunk_size(self))

    @property
    def dtype(self) -> torch.dtype:
        """Element type of the parameters."""
        return self.output.weight.dtype

    @property
    def device(self) -> torch.device:
        """Device of the parameters."""
        return self.output.weight.device

    def affine_maps(self) -> tuple[tuple[Tensor, Tensor, float], ...]:
        """Return (weight, bias, ω0) of every layer, the output last, which is what `siren_sr.network.fused` reads."""
        sines = [(layer.weight, layer.bias, layer.omega_0) for layer in self.layers]
        return (*sines, (self.output.weight, self.output.bias, 1.0))  # pyright: ignore[reportReturnType]

    @property
    def is_sine(self) -> bool:
        """Whether all activations are sines, so that derivatives can be carried forward (`siren_sr.derivatives`).

        It is False for a subclass that has a ``forward`` of its own.
        """
        plain = type(self).forward is Siren.forward and all(type(layer) is SineLayer for layer in self.layers)
        return plain and self._names["activation"] == "sine"

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values, from which `from_config` builds the network again.

        Callables of the user's own appear by their names; `from_config` says how they are given back.
        """
        return {
            "in_features": self.in_features,
            "out_features": self.out_features,
            "hidden_features": self.hidden_features,
            "hidden_layers": self.hidden_layers,
            "first_omega_0": self.first_omega_0,
            "hidden_omega_0": self.hidden_omega_0,
            **self._names,
        }

    @staticmethod
    def state_shapes(config: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Yield the name and the shape of every tensor of the network that a `config` describes, without building it.

        Raises:
            LookupError: An entry is missing.
            TypeError: A size is not an integer.
            ValueError: A size is too small.
        """
        names = ("in_features", "out_features", "hidden_features", "hidden_layers")
        n, c, width, layers = (arguments.count(k, config[k], least=k != "hidden_layers") for k in names)
        yield from (("output.weight", (c, width)), ("output.bias", (c,)))
        for i in range(layers + 1):
            yield f"layers.{i}.weight", (width, width if i else n)
            yield f"layers.{i}.bias", (width,)

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], *, like: Tensor, activation: str | Activation | None = None
    ) -> Siren:
        """Return the network that a `config` describes, with weights that are still to be loaded.

        Args:
            config: What `config` returned.
            like: Tensor whose element type the network gets.
            activation: The activation, if it was a callable of the user's own. Initializers of the user's own are not
                needed again; only their names are kept.

        Raises:
            ValueError: The activation was the user's own and is not given.
        """
        options = dict(config)
        if activation is not None:
            options["activation"] = activation
        elif options["activation"] not in ACTIVATIONS:
            raise ValueError(
                f"the network was fitted with an activation of your own, {options['activation']!r}: "
                "pass it as Fit.load(path, activation=...)"
            )
        for key in ("first_init", "hidden_init"):
            if options[key] not in initializers.INITIALIZERS:
                options[key] = initializers.known_by_name(options[key])
        return cls(**options, dtype=like.dtype)

    def summary(self) -> str:
        """Return a few words on the network, for a reader."""
        return f"first_omega_0 {self.first_omega_0:.2f}"

    def extra_repr(self) -> str:
        """Return what ``print(model)`` shows above the layers."""
        return ", ".join(f"{key}={value}" for key, value in self.config().items())


def _name(value: object, taken: Iterable[str]) -> str:
    """Return a name as it was given, or the name of a callable, made different from the names of the library."""
    if isinstance(value, str):
        return value
    name = getattr(value, "__name__", type(value).__name__)
    return f"custom {name}" if name in taken else name


def _omega(name: str, value: float) -> float:
    try:
        return arguments.positive(name, value)
    except ValueError:
        raise ValueError(
            f"{name} must be a finite number > 0, got {value!r}: 30 is usual, see siren_sr.omega"
        ) from None


def _device(value: Any) -> torch.device | None:
    """Return the device of a network; on "meta" it has no values yet."""
    if isinstance(value, (str, torch.device)) and str(value).partition(":")[0] == "meta":
        return torch.device("meta")
    return arguments.device(value)
