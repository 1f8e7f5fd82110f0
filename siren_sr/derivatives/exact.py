"""Derivatives of a network and of an image, and the factor between the two.

Exact: `gradient` and `laplacian` of a network at any coordinates; sine networks carry
(value, gradient, Laplacian) forward through their layers, other modules go through nested autograd.
Numerical: `image_gradient` (Sobel) and `image_laplacian` (3×3) of samples on a grid, as in the paper.

The two differ by a factor that the paper tuned by hand and left open. It follows from the kernels: on a grid of
spacing h, a Taylor expansion of kornia's kernels gives

    Sobel            ≈ 8 · h · ∂f          (weights 1+2+1 on each side, 2h apart)
    3×3 Laplacian    ≈ 3 · Σ_d h_d² · ∂²f/∂x_d²   (8 neighbours, three rows and three columns of second differences)

with one h per axis (coordinates.spacing). Passing ``spacing=`` to the exact operators applies the powers of h, so
that only the constants `SOBEL_FACTOR` = 8 and `LAPLACIAN_FACTOR` = 3 remain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from siren_sr.network.siren import Siren

Model = Callable[[Tensor], Tensor]


def gradient(model: Model, coords: Tensor, *, spacing: Sequence[float] | None = None) -> Tensor:
    """Exact gradient of a network's outputs with respect to its coordinates.

    Args:
        model: A `Siren`, or any differentiable map (N, D) -> (N, C) that treats points independently.
        coords: Points, shape (N, D).
        spacing: Optional step h per coordinate; the result is then h_d·∂f/∂x_d, the change per sample of a grid.

    Returns:
        Tensor (N, C, D), differentiable with respect to the model's parameters.

    Raises:
        ValueError: ``coords`` is not (N, D), or ``spacing`` has not D entries.

    Examples:
        >>> gradient(lambda x: x.prod(-1, keepdim=True), torch.tensor([[2.0, 5.0]])).tolist()
        [[[5.0, 2.0]]]
    """
    return value_and_derivatives(model, coords, order=1, spacing=spacing)[1]


def laplacian(model: Model, coords: Tensor, *, spacing: Sequence[float] | None = None) -> Tensor:
    """Exact Laplacian Σ_d ∂²f/∂x_d² of a network's outputs.

    Args:
        model: A `Siren`, or any twice differentiable map (N, D) -> (N, C) on independent points.
        coords: Points, shape (N, D).
        spacing: Optional step h per coordinate; the result is then Σ_d h_d²·∂²f/∂x_d².

    Returns:
        Tensor (N, C), differentiable with respect to the model's parameters.

    Raises:
        ValueError: ``coords`` is not (N, D), or ``spacing`` has not D entries.

    Examples:
        >>> laplacian(lambda x: (x**2).sum(-1, keepdim=True), torch.zeros(1, 3)).tolist()
        [[6.0]]
    """
    return value_and_derivatives(model, coords, order=2, spacing=spacing)[2]


def value_and_derivatives(
    model: Model, coords: Tensor, *, order: int, spacing: Sequence[float] | None = None
) -> tuple[Tensor, ...]:
    """Value, gradient (order >= 1) and Laplacian (order 2) in one evaluation.

    Args:
        model: As for `gradient`.
        coords: Points, shape (N, D).
        order: 0, 1 or 2.
        spacing: Optional step h per coordinate.

    Returns:
        ``order + 1`` tensors: (N, C), (N, C, D), (N, C).
    """
    if coords.ndim != 2:
        raise ValueError(f"coords must have shape (N, D), got {tuple(coords.shape)}: use coords.reshape(-1, D)")
    if spacing is not None and len(spacing) != coords.shape[1]:
        raise ValueError(f"spacing needs one step per coordinate ({coords.shape[1]}), got {len(spacing)}")
    if isinstance(model, Siren) and model.is_sine:
        return model.taylor(coords, order=order, spacing=spacing)
    return nested_autograd(model, coords, order=order, spacing=spacing)


def nested_autograd(
    model: Model, coords: Tensor, *, order: int, spacing: Sequence[float] | None = None
) -> tuple[Tensor, ...]:
    """The plain way to the same result, for any module: ``torch.autograd.grad`` per output, and again per coordinate.

    Kept as the reference of the tests and as the path of ReLU and user-defined activations.
    """
    with torch.enable_grad():
        x = coords.detach().clone().requires_grad_(True)
        value = model(x)
        if value.ndim != 2 or value.shape[0] != x.shape[0]:
            raise ValueError(f"the model must map (N, D) to (N, C), it mapped {tuple(x.shape)} to {tuple(value.shape)}")
        if order == 0:
            return (value,)
        h = x.new_tensor([1.0] * x.shape[1] if spacing is None else list(spacing))
        gradients, laplacians = [], []
        for c in range(value.shape[1]):
            first = _grad(value[:, c], x)
            gradients.append(first * h)
            if order == 2:
                seconds = [_grad(first[:, d], x)[:, d] * h[d] ** 2 for d in range(x.shape[1])]
                laplacians.append(torch.stack(seconds).sum(0))
    result = (value, torch.stack(gradients, dim=1))
    return result if order == 1 else (*result, torch.stack(laplacians, dim=1))


def _grad(y: Tensor, x: Tensor) -> Tensor:
    """dy_i/dx_i for independent points; zero where y does not depend on x (ReLU's second derivative)."""
    if not y.requires_grad:
        return torch.zeros_like(x)
    (result,) = torch.autograd.grad(
        y, x, torch.ones_like(y), create_graph=True, allow_unused=True, materialize_grads=True
    )
    return result
