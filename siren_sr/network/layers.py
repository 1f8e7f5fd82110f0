"""The layer of a sine network, φ(ω0·(W x + b)).

This is equation (3) of the paper. The activation φ is a sine, the paper's ReLU baseline, or any callable; ω0 multiplies
the pre-activation whatever φ is, as in the published code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from siren_sr import arguments
from siren_sr import init as initializers

Activation = Callable[[Tensor], Tensor]

ActivationLike = Literal["sine", "relu"] | str | Activation
"""An activation, or the name of one in `ACTIVATIONS`."""

ACTIVATIONS: dict[str, Activation] = {"sine": torch.sin, "relu": torch.relu}


def resolve_activation(activation: ActivationLike) -> Activation:
    """Turn a name of `ACTIVATIONS` or a callable into an activation.

    Raises:
        ValueError: The name is unknown.
        TypeError: ``activation`` is neither a name nor a callable.
    """
    return arguments.resolve("activation", activation, ACTIVATIONS, what="a callable Tensor -> Tensor")


class SineLayer(nn.Module):
    """One layer φ(ω0·(W x + b)).

    Attributes:
        weight: The matrix W, (out_features, in_features).
        bias: The vector b, (out_features,).
        omega_0: The layer's ω0; it scales both the initial spectrum and, through the chain rule, the step of training.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        omega_0: float,
        is_first: bool = False,
        activation: ActivationLike = "sine",
        init: initializers.InitializerLike = "sitzmann",
        dtype: torch.dtype | None = None,
    ) -> None:
        """Make the layer with uninitialized parameters, which `reset_parameters` fills."""
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.omega_0 = float(omega_0)
        self.is_first = is_first
        self.activation = resolve_activation(activation)
        self.init = initializers.resolve(init, name="first_init" if is_first else "hidden_init")
        self.weight = nn.Parameter(torch.empty(out_features, in_features, dtype=dtype))
        self.bias = nn.Parameter(torch.empty(out_features, dtype=dtype))

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Initialize weight and bias anew, in place.

        The numbers are drawn on the CPU first, so that every device gets the same ones.

        Raises:
            ValueError: The initializer left NaN or infinite values, or did not work in place.
        """
        weight = torch.full_like(self.weight, torch.nan, device="cpu")
        self.init(weight, omega_0=self.omega_0, is_first=self.is_first, generator=generator)
        if not bool(torch.isfinite(weight).all()):
            name = getattr(self.init, "__name__", repr(self.init))
            raise ValueError(
                f"the initializer {name} left non-finite values in a weight of shape {tuple(weight.shape)}: "
                "it must fill the whole weight in place (weight.uniform_(...), not weight = ...)"
            )
        self.weight.copy_(weight)
        bias = initializers.default_bias_(
            torch.empty_like(self.bias, device="cpu"), self.in_features, generator=generator
        )
        self.bias.copy_(bias)

    def pre_activation(self, x: Tensor) -> Tensor:
        """Return ω0·(W x + b), of shape (..., out_features)."""
        # ω0 is folded into the small weight instead of scaling the large product.
        return nn.functional.linear(x, self.omega_0 * self.weight, self.omega_0 * self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate the layer: (..., in_features) -> (..., out_features)."""
        z = self.pre_activation(x)
        result = self.activation(z)
        if not isinstance(result, Tensor) or result.shape != z.shape:
            found = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
            raise TypeError(
                f"the activation must return a tensor of the shape it was given, {tuple(z.shape)}, got {found}"
            )
        return result

    def extra_repr(self) -> str:
        """Return what ``print(layer)`` shows of the layer's settings."""
        return f"{self.in_features}, {self.out_features}, omega_0={self.omega_0:g}"
