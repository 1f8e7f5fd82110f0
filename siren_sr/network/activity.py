"""What the units of a network do: the pre-activations and activations of every layer, and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from siren_sr import arguments
from siren_sr.network.protocol import check_coords
from siren_sr.network.siren import Siren


@dataclass(frozen=True)
class LayerActivity:
    """What one layer did in `capture`. Gradients are those of the mean output; they are None if not asked for.

    Attributes:
        name: Name of the layer: "layers.0", ..., "output".
        pre_activation: The pre-activation ω0·(W x + b), (N, features); for the output layer, the output.
        activation: The activation φ(pre_activation), (N, features); for the output layer, the output.
        pre_activation_grad: The gradient d mean(output) / d pre_activation, (N, features).
        activation_grad: The gradient d mean(output) / d activation, (N, features).
    """

    name: str
    pre_activation: Tensor
    activation: Tensor
    pre_activation_grad: Tensor | None
    activation_grad: Tensor | None


@arguments.undisturbed()
def capture(model: Siren, coords: Tensor, *, gradients: bool = True) -> tuple[LayerActivity, ...]:
    """Record the pre-activations and activations of every layer, and their gradients, for the studies of section 4.

    Args:
        model: The network; the gradients of its parameters are left alone.
        coords: Points, a tensor (N, D).
        gradients: Whether to compute also the gradients of the mean of all outputs.

    Returns:
        One entry per layer, the output layer last. All tensors are detached.

    Raises:
        TypeError: The model is no `Siren`, or the coordinates are no tensor of its element type.
        ValueError: The coordinates do not have the shape (N, D).

    Examples:
        >>> activity = capture(Siren(1, 1, hidden_layers=1), torch.linspace(-1, 1, 8)[:, None])
        >>> [a.name for a in activity]
        ['layers.0', 'layers.1', 'output']
    """
    if not isinstance(model, Siren):
        raise TypeError(f"model must be a Siren, got {type(model).__name__}")
    gradients = arguments.flag("gradients", gradients)
    check_coords(coords, model.dtype)
    pairs: list[tuple[str, Tensor, Tensor]] = []
    with torch.enable_grad():
        x = coords.detach().clone().requires_grad_(True)
        if x.ndim != 2 or x.shape[1] != model.in_features:
            raise ValueError(f"coords must have shape (N, {model.in_features}), got {tuple(x.shape)}")
        for i, layer in enumerate(model.layers):
            z = layer.pre_activation(x)  # pyright: ignore[reportCallIssue]
            x = layer.activation(z)  # pyright: ignore[reportCallIssue]
            pairs.append((f"layers.{i}", z, x))
        x = model.output(x)
        pairs.append(("output", x, x))
        tensors = [t for _, z, a in pairs for t in (z, a)]
        grads: Sequence[Tensor | None] = [None] * len(tensors)
        if gradients:
            grads = torch.autograd.grad(x.mean(), tensors)
    return tuple(
        LayerActivity(name, z.detach(), a.detach(), grads[2 * i], grads[2 * i + 1])
        for i, (name, z, a) in enumerate(pairs)
    )
