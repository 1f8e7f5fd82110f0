"""Derivatives of a network and of an image, and the factor between the two.

The exact operators are `gradient` and `laplacian` of a network at any coordinates. Sine networks carry
(value, gradient, Laplacian) forward through their layers; other modules go through nested autograd. The numerical
operators are `image_gradient` (Sobel) and `image_laplacian` (3×3) of samples on a grid, as in the paper.

The two kinds differ by a factor that the paper tuned by hand and left open. It follows from the kernels. On a grid of
spacing h, a Taylor expansion of kornia's kernels gives

    Sobel            ≈ 8 · h · ∂f          (weights 1+2+1 on each side, 2h apart)
    3×3 Laplacian    ≈ 3 · Σ_d h_d² · ∂²f/∂x_d²   (8 neighbours, three rows and three columns of second differences)

with one h per axis (`siren_sr.grids.coordinates.spacing`). The argument ``spacing=`` of the exact operators applies the
powers of h, so that only the constants `SOBEL_FACTOR` = 8 and `LAPLACIAN_FACTOR` = 3 remain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from siren_sr import arguments
from siren_sr.network.protocol import sine_maps

Model = Callable[[Tensor], Tensor]
"""A differentiable map (N, D) -> (N, C) that treats points independently of each other."""


def gradient(model: Model, coords: Tensor, *, spacing: Sequence[float] | None = None) -> Tensor:
    """Return the exact gradient of a network's outputs with respect to its coordinates.

    Args:
        model: A `Siren`, or any differentiable map (N, D) -> (N, C) that treats points independently.
        coords: Points, a tensor (N, D).
        spacing: Optional step h for every coordinate. The result is then h_d·∂f/∂x_d, the change per sample of a grid.

    Returns:
        Tensor (N, C, D), differentiable with respect to the model's parameters.

    Raises:
        TypeError: ``coords`` is no tensor of floating-point numbers, or of another type than the network's weights, or
            the model is no function that returns a tensor.
        ValueError: ``coords`` does not have the shape (N, D), ``spacing`` does not have D entries, or the model does
            not return (N, C).

    Examples:
        >>> gradient(lambda x: x.prod(-1, keepdim=True), torch.tensor([[2.0, 5.0]])).tolist()
        [[[5.0, 2.0]]]
    """
    return value_and_derivatives(model, coords, order=1, spacing=spacing)[1]


def laplacian(model: Model, coords: Tensor, *, spacing: Sequence[float] | None = None) -> Tensor:
    """Return the exact Laplacian Σ_d ∂²f/∂x_d² of a network's outputs.

    Args:
        model: A `Siren`, or any twice differentiable map (N, D) -> (N, C) that treats points independently.
        coords: Points, a tensor (N, D).
        spacing: Optional step h for every coordinate. The result is then Σ_d h_d²·∂²f/∂x_d².

    Returns:
        Tensor (N, C), differentiable with respect to the model's parameters.

    Raises:
        TypeError: ``coords`` is no tensor of floating-point numbers, or of another type than the network's weights, or
            the model is no function that returns a tensor.
        ValueError: ``coords`` does not have the shape (N, D), ``spacing`` does not have D entries, or the model does
            not return (N, C).

    Examples:
        >>> laplacian(lambda x: (x**2).sum(-1, keepdim=True), torch.zeros(1, 3)).tolist()
        [[6.0]]
    """
    return value_and_derivatives(model, coords, order=2, spacing=spacing)[2]


@arguments.undisturbed()
def value_and_derivatives(
    model: Model, coords: Tensor, *, order: int, spacing: Sequence[float] | None = None
) -> tuple[Tensor, ...]:
    """Return the value, the gradient (order >= 1) and the Laplacian (order 2) of a network in one evaluation.

    Args:
        model: A network as for `gradient` or, with order 2, for `laplacian`.
        coords: Points, a tensor (N, D).
        order: Highest order of the derivatives: 0, 1 or 2.
        spacing: Optional step h for every coordinate, per which derivatives are then taken.

    Returns:
        ``order + 1`` tensors: the value (N, C), the gradient (N, C, D) and the Laplacian (N, C).

    Raises:
        TypeError: ``coords`` is no tensor of floating-point numbers, or of another type than the network's weights, or
            the model is no function that returns a tensor.
        ValueError: ``coords`` does not have the shape (N, D), ``spacing`` does not have D entries, or the model does
            not return (N, C), or ``order`` is another number.
    """
    coords, spacing = _checked(model, coords, order, spacing)
    maps = sine_maps(model)
    if maps is not None and maps[0][0].ndim == 2:  # one network, not a batch of several
        if coords.dtype != maps[0][0].dtype:
            raise TypeError(f"coords are {coords.dtype}, the network is {maps[0][0].dtype}: use coords.to(model.dtype)")
        if coords.shape[1] != maps[0][0].shape[1]:
            raise ValueError(f"coords must have shape (N, {maps[0][0].shape[1]}), got {tuple(coords.shape)}")
        return carried_forward(maps, coords, order=order, spacing=spacing)
    return _nested(model, coords, order=order, spacing=spacing)


def _checked(model: Any, coords: Any, order: Any, spacing: Any) -> tuple[Tensor, Sequence[float] | None]:
    """Return the coordinates and the spacing, if the arguments of a derivative are as they should be."""
    if not callable(model):
        raise TypeError(f"model must be a Siren or a function (N, D) -> (N, C), got {type(model).__name__}")
    if isinstance(order, bool) or not isinstance(order, (int, np.integer)) or not 0 <= order <= 2:
        raise ValueError(f"order must be 0, 1 or 2, got {order!r}")
    hint = ": use coords.reshape(-1, D)"
    coords = arguments.tensor("coords", coords, "(N, D)", axes=2, hint=hint)
    if coords.ndim != 2:
        raise ValueError(f"coords must have shape (N, D), got {tuple(coords.shape)}{hint}")
    if spacing is None:
        return coords, None
    try:
        steps = [float(step) for step in spacing]
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise TypeError(f"spacing must be a sequence of numbers, one step per coordinate, got {spacing!r}") from None
    if len(steps) != coords.shape[1] or not all(map(math.isfinite, steps)):
        raise ValueError(f"spacing needs one step per coordinate ({coords.shape[1]}), got {len(steps)}: {spacing!r}")
    return coords, steps


def carried_forward(
    maps: Sequence[tuple[Tensor, Tensor, float]],
    coords: Tensor,
    *,
    order: int,
    spacing: Sequence[float] | None = None,
) -> tuple[Tensor, ...]:
    """Return the same as `value_and_derivatives` for a network of sine layers, in one forward pass.

    Value, gradient and Laplacian travel through the layers together. With z = ω0·(W a + b), the rules of a sine layer
    are ∂ sin z = cos z · ∂z and Δ sin z = cos z · Δz - sin z · |∂z|².

    Args:
        maps: (weight, bias, ω0) of every layer, output last (`siren_sr.network.protocol.SineNetwork`).
        coords: Points, a tensor (N, D).
        order: Highest order of the derivatives: 0, 1 or 2.
        spacing: Optional step h for every coordinate, per which derivatives are then taken.
    """
    state: tuple[Tensor, ...] = (coords,)
    if order >= 1:
        h = coords.new_tensor([1.0] * coords.shape[1] if spacing is None else list(spacing))
        state += (torch.diag(h)[:, None, :].expand(-1, len(coords), -1),)
    if order == 2:
        state += (torch.zeros_like(coords),)
    for weight, bias, omega_0 in maps[:-1]:
        state = _through_sine(_through_linear(state, omega_0 * weight, omega_0 * bias))
    state = _through_linear(state, *maps[-1][:2])
    return state if order == 0 else (state[0], state[1].permute(1, 2, 0), *state[2:])


def _through_sine(state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Carry (value, gradient (D, N, n), Laplacian), or the first of these, through a sine."""
    value, *rest = state
    sine = torch.sin(value)
    if not rest:
        return (sine,)
    cosine = torch.cos(value)
    if len(rest) == 1:
        return sine, cosine * rest[0]
    dz, ddz = rest
    return sine, cosine * dz, cosine * ddz - sine * dz.square().sum(0)


def _through_linear(state: tuple[Tensor, ...], weight: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
    """Return W a + b for the value, and W ∂a and W Δa for the derivatives, by one product for all of them."""
    value, *rest = state
    if not rest:
        return (nn.functional.linear(value, weight, bias),)
    n = len(value)
    rows = nn.functional.linear(torch.cat([value, *(r.flatten(0, -2) for r in rest)]), weight)
    dimensions = len(rest[0])
    result = [rows[:n] + bias, rows[n : n * (1 + dimensions)].view(dimensions, n, len(weight))]
    if len(rest) == 2:
        result.append(rows[n * (1 + dimensions) :])
    return tuple(result)


@arguments.undisturbed()
def nested_autograd(
    model: Model, coords: Tensor, *, order: int, spacing: Sequence[float] | None = None
) -> tuple[Tensor, ...]:
    """Return the same as `value_and_derivatives` in the plain way, for any module.

    It calls ``torch.autograd.grad`` for every output, and once more for every coordinate. ReLU and user-defined
    activations take this way, and the tests use it as a reference.
    """
    coords, spacing = _checked(model, coords, order, spacing)
    return _nested(model, coords, order=order, spacing=spacing)


def _nested(model: Model, coords: Tensor, *, order: int, spacing: Sequence[float] | None = None) -> tuple[Tensor, ...]:
    wanted = torch.is_grad_enabled()
    with torch.enable_grad():
        x = coords.detach().clone().requires_grad_(True)
        value = model(x)
        if not isinstance(value, Tensor):
            raise TypeError(f"the model must return a tensor (N, C), got {type(value).__name__}")
        if value.ndim != 2 or value.shape[0] != x.shape[0]:
            raise ValueError(f"the model must map (N, D) to (N, C), it mapped {tuple(x.shape)} to {tuple(value.shape)}")
        if order == 0:
            return (value if wanted else value.detach(),)
        h = x.new_tensor([1.0] * x.shape[1] if spacing is None else list(spacing))
        gradients, laplacians = [], []
        for c in range(value.shape[1]):
            first = _grad(value[:, c], x)
            gradients.append(first * h)
            if order == 2:
                seconds = [_grad(first[:, d], x)[:, d] * h[d] ** 2 for d in range(x.shape[1])]
                laplacians.append(torch.stack(seconds).sum(0))
    result = (value, torch.stack(gradients, dim=1))
    result = result if order == 1 else (*result, torch.stack(laplacians, dim=1))
    return result if wanted else tuple(one.detach() for one in result)


def _grad(y: Tensor, x: Tensor) -> Tensor:
    """Return dy_i/dx_i for independent points; it is zero where y does not depend on x, as for ReLU's slope."""
    if not y.requires_grad:
        return torch.zeros_like(x)
    (result,) = torch.autograd.grad(
        y, x, torch.ones_like(y), create_graph=True, allow_unused=True, materialize_grads=True
    )
    return result
