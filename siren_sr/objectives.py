"""What a network is asked for: functions ``field -> scalar loss``, made from their target.

A `Field` is the network on a grid. An objective is any callable that turns one into a scalar; it may look at
the values, at the exact gradient and at the exact Laplacian, and pays only for what it looks at. Everything is in the
network's range [-1, 1]. To add one, write a function of the target that returns such a callable.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from siren_sr import derivatives


class Field(Protocol):
    """The network on a grid; derivatives are per step of the grid (h_d·∂f/∂x_d, Σ h_d²·∂²f/∂x_d²)."""

    @property
    def values(self) -> Tensor:
        """(C, *grid)."""
        ...

    @property
    def gradient(self) -> Tensor:
        """(C, D, *grid), x first."""
        ...

    @property
    def laplacian(self) -> Tensor:
        """(C, *grid)."""
        ...


Objective = Callable[[Field], Tensor]


def squared_error(prediction: Tensor, target: Tensor, *, channel_sum: bool = False, dims: int = 2) -> Tensor:
    """Mean squared error; with ``channel_sum`` summed over all but the ``dims`` grid axes, as the paper's code does."""
    error = (prediction - target).square()
    return error.sum() / error[(0,) * (error.ndim - dims)].numel() if channel_sum else error.mean()


def psnr_of(error: float) -> float:
    """PSNR in dB of a mean squared error in [-1, 1], whose data range is 2; infinite for 0."""
    return -10 * math.log10(error / 4) if error > 0 else math.inf


def value(target: Tensor, *, channel_sum: bool = False) -> Objective:
    """Equation (4): mean squared error of the values.

    Args:
        target: (C, *grid) in [-1, 1].
        channel_sum: Sum over channels instead of averaging (facts of the published code; see the errata).
    """

    def objective(field: Field) -> Tensor:
        return squared_error(field.values, target, channel_sum=channel_sum, dims=target.ndim - 1)

    return objective


def spectrum(target: Tensor, *, alpha: float = 50.0, as_published: bool = False) -> Objective:
    """Equation (6): MSE + MSE_FFT/α, the second term on the moduli of the Fourier transform (equation 5).

    Args:
        target: (C, *grid) in [-1, 1].
        alpha: α > 0.
        as_published: Transform over the channel axis, unnormalised, as the published code does (the identity for
            mono); the default transforms over the grid with ``norm="ortho"``, so that both terms are energies.

    Raises:
        ValueError: α is not positive.
    """
    if not alpha > 0:
        raise ValueError(f"alpha must be > 0, got {alpha}")
    axes = tuple(range(1, target.ndim))

    def moduli(values: Tensor) -> Tensor:
        if as_published:
            return torch.fft.fft(values, dim=0).abs()
        return torch.fft.rfftn(values, dim=axes, norm="ortho").abs()

    expected = moduli(target)

    def objective(field: Field) -> Tensor:
        return squared_error(field.values, target) + squared_error(moduli(field.values), expected) / alpha

    return objective


def gradient(target: Tensor, *, method: str = "numerical", factor: float = 1.0, channel_sum: bool = False) -> Objective:
    """Equations (9) and (11): match a gradient measured with Sobel's kernel.

    Args:
        target: (C, 2, H, W), what `siren_sr.derivatives.image_gradient` gives for values in [-1, 1].
        method: "numerical" applies Sobel to the network's values; "analytical" compares the exact derivative, times
            the factor 8 between the two (derived in `siren_sr.derivatives`).
        factor: Multiplies both sides (0.1 in the paper's super resolution).
        channel_sum: Sum over channels and components instead of averaging.

    Raises:
        ValueError: Unknown method.
    """
    analytical = _is_analytical(method)

    def objective(field: Field) -> Tensor:
        exact = derivatives.SOBEL_FACTOR
        found = exact * field.gradient if analytical else derivatives.image_gradient(field.values)
        return factor**2 * squared_error(found, target, channel_sum=channel_sum)

    return objective


def laplacian(target: Tensor, *, method: str = "numerical", channel_sum: bool = False) -> Objective:
    """Equation (8): match a Laplacian measured with the 3×3 kernel.

    Args:
        target: (C, H, W), what `siren_sr.derivatives.image_laplacian` gives for values in [-1, 1].
        method: "numerical" or "analytical" (times the factor 3), as for `gradient`.
        channel_sum: Sum over channels instead of averaging.

    Raises:
        ValueError: Unknown method.
    """
    analytical = _is_analytical(method)

    def objective(field: Field) -> Tensor:
        if analytical:
            found = derivatives.LAPLACIAN_FACTOR * field.laplacian
        else:
            found = derivatives.image_laplacian(field.values)
        return squared_error(found, target, channel_sum=channel_sum)

    return objective


def mean_value(mean: Tensor) -> Objective:
    """Cauchy condition of equation (12): the mean of each channel, shape (C,)."""

    def objective(field: Field) -> Tensor:
        return (field.values.flatten(1).mean(1) - mean).square().mean()

    return objective


def mean_gradient(mean: Tensor) -> Objective:
    """Cauchy condition of equation (13): the mean Sobel gradient of each channel, shape (C, 2)."""

    def objective(field: Field) -> Tensor:
        found = derivatives.image_gradient(field.values).flatten(2).mean(2)
        return (found - mean).square().mean()

    return objective


def consistency(target: Tensor, downsample: Callable[[Tensor], Tensor]) -> Objective:
    """The network, seen through a downsampling, must be the low-resolution image.

    Args:
        target: (C, h, w) in [-1, 1].
        downsample: Differentiable map (C, H, W) -> (C, h, w).
    """

    def objective(field: Field) -> Tensor:
        return squared_error(downsample(field.values), target)

    return objective


def total_variation(*, epsilon: float = 1e-3) -> Objective:
    """Isotropic colour total variation per sample, Σ √(Σ_c |∇f_c|² + ε²)/(C·samples).

    Rudin, Osher and Fatemi, Physica D 60 (1992); channels are coupled as in Bresson and Chan (2008), which keeps
    their edges together. ε smooths the corner at 0.
    """

    def objective(field: Field) -> Tensor:
        return total_variation_of(field.values, epsilon=epsilon)

    return objective


def total_variation_of(values: Tensor, *, epsilon: float = 1e-3) -> Tensor:
    """The functional of `total_variation` on values (C, H, W)."""
    dx = torch.diff(values, dim=2, append=values[:, :, -1:])
    dy = torch.diff(values, dim=1, append=values[:, -1:])
    norm = (dx.square() + dy.square()).sum(0).add(epsilon**2).sqrt()
    return (norm.mean() - epsilon) / values.shape[0]


def weighted(objectives: Sequence[tuple[float, Objective]]) -> Objective:
    """Σ weight · objective."""

    def objective(field: Field) -> Tensor:
        terms = [weight * term(field) for weight, term in objectives]
        return torch.stack(terms).sum()

    return objective


def _is_analytical(method: str) -> bool:
    if method not in ("numerical", "analytical"):
        raise ValueError(f'method={method!r} is unknown: use "numerical" or "analytical"')
    return method == "analytical"


OBJECTIVES: dict[str, Callable[[Tensor], Objective]] = {"mse": value, "mse_fft": spectrum}
"""Objectives of `siren_sr.fit_signal` by name: functions of the target."""
