"""What a network is asked for: functions ``field -> scalar loss``, made from their target.

A `Field` is the network on a grid. An objective is any callable that turns one into a scalar; it may look at
the values, at the exact gradient and at the exact Laplacian, and pays only for what it looks at. Everything is in the
network's range [-1, 1]. To add one, write a function of the target that returns such a callable. One that is a sum over
points may say so (`Pointwise`): it is then computed in chunks whose memory does not depend on the grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from siren_sr import derivatives, integration
from siren_sr.spectrogram import WINDOWS, SpectrogramDistance


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

Index = slice | Tensor
"""Points of a grid in row-major order: a range, or their numbers."""


STFT_WEIGHT = 1e-4
"""Of the second term of `stft`: the more exact the fit, the less is enough (docs/reproduce.md)."""


class Pointwise(Protocol):
    """An objective that is a sum over points: it can be computed chunk by chunk, or on some of the points only."""

    def __call__(self, field: Field) -> Tensor:
        """The loss on the whole grid."""
        ...

    def part(self, field: Field, index: Index) -> Tensor:
        """What the points ``index`` contribute to it, from a field (C, n) of these points alone."""
        ...


def squared_error(prediction: Tensor, target: Tensor, *, channel_sum: bool = False, dims: int = 2) -> Tensor:
    """Mean squared error; with ``channel_sum`` summed over all but the ``dims`` grid axes, as the paper's code does."""
    error = (prediction - target).square()
    return error.sum() / error[(0,) * (error.ndim - dims)].numel() if channel_sum else error.mean()


def psnr_of(error: float) -> float:
    """PSNR in dB of a mean squared error in [-1, 1], whose data range is 2; infinite for 0."""
    return -10 * math.log10(error / 4) if error > 0 else math.inf


class SquaredError:
    """Weighted mean squared error between what a network has at each point and a target; a `Pointwise` objective.

    Args:
        quantity: What the network has: function of a `Field`, (..., *grid) with the grid last.
        target: The same shape.
        dims: Number of grid axes.
        channel_sum: Sum over what is not the grid instead of averaging.
        weight: A factor, or one per point and channel that can be broadcast to (..., points).
    """

    def __init__(
        self,
        quantity: Callable[[Field], Tensor],
        target: Tensor,
        *,
        dims: int,
        channel_sum: bool = False,
        weight: float | Tensor = 1.0,
    ) -> None:
        self._quantity = quantity
        self._target = target.flatten(target.ndim - dims)
        points = self._target.shape[-1]
        self._weight, self._count = weight, points if channel_sum else self._target.numel()

    def __call__(self, field: Field) -> Tensor:
        """The loss on the whole grid."""
        return self.part(field, slice(None))

    def part(self, field: Field, index: Index) -> Tensor:
        """The share of the points ``index``."""
        target = self._target[..., index]
        error = (self._quantity(field).reshape(target.shape) - target).square()
        return (self._weight * error).sum() / self._count


def value(target: Tensor, *, channel_sum: bool = False) -> SquaredError:
    """Equation (4): mean squared error of the values.

    Args:
        target: (C, *grid) in [-1, 1].
        channel_sum: Sum over channels instead of averaging (facts of the published code; see the errata).
    """
    return SquaredError(lambda field: field.values, target, dims=target.ndim - 1, channel_sum=channel_sum)


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


def stft(
    target: Tensor, *, weight: float = STFT_WEIGHT, windows: Sequence[int] = WINDOWS, floor: float = 1e-4
) -> Objective:
    """MSE + weight · `SpectrogramDistance`, the multi-resolution STFT loss of Yamamoto et al. (2020); for sounds.

    Args:
        target: (C, T) in [-1, 1].
        weight: Of the second term, > 0. Fits of more than about 40 dB of SNR want less, such as 1e-5.
        windows: In samples; those longer than the sound are left out.
        floor: What is quieter counts as silence.

    Raises:
        ValueError: No sound, shorter than all windows, or an argument out of its range.
    """
    if not weight > 0:
        raise ValueError(f"weight must be > 0, got {weight}")
    distance = SpectrogramDistance(target, windows=windows, floor=floor)

    def objective(field: Field) -> Tensor:
        return squared_error(field.values, target) + weight * distance(field.values)

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
    if _is_analytical(method):
        exact = derivatives.SOBEL_FACTOR
        return SquaredError(
            lambda field: exact * field.gradient, target, dims=2, channel_sum=channel_sum, weight=factor**2
        )

    def objective(field: Field) -> Tensor:
        found = derivatives.image_gradient(field.values)
        return factor**2 * squared_error(found, target, channel_sum=channel_sum)

    return objective


def laplacian(
    target: Tensor, *, method: str = "numerical", norm: str = "derivative", channel_sum: bool = False
) -> Objective:
    """Equation (8): match a Laplacian measured with the 3×3 kernel.

    Args:
        target: (C, H, W), what `siren_sr.derivatives.image_laplacian` gives for values in [-1, 1].
        method: "numerical" or "analytical" (times the factor 3), as for `gradient`.
        norm: "derivative" squares the misfit itself, which weighs an error of frequency k in the image by |k|⁴;
            "image" (numerical only) first undoes the kernel (`siren_sr.integration.inverse_laplacian`), which weighs
            all frequencies alike. Both are 0 for the same images.
        channel_sum: Sum over channels instead of averaging.

    Raises:
        ValueError: Unknown method or norm.
    """
    if norm not in ("derivative", "image") or (norm == "image" and method != "numerical"):
        raise ValueError(f'norm={norm!r} with method={method!r}: use "derivative", or "image" with "numerical"')
    if _is_analytical(method):
        exact = derivatives.LAPLACIAN_FACTOR
        return SquaredError(lambda field: exact * field.laplacian, target, dims=2, channel_sum=channel_sum)

    def objective(field: Field) -> Tensor:
        misfit = derivatives.image_laplacian(field.values) - target
        if norm == "image":
            misfit = integration.inverse_laplacian(misfit)
        return squared_error(misfit, torch.zeros_like(misfit), channel_sum=channel_sum)

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


def outermost(image: Tensor) -> Tensor:
    """The samples of (C, H, W) on the outermost ring, (C, n)."""
    return torch.cat([image[:, 0], image[:, -1], image[:, 1:-1, 0], image[:, 1:-1, -1]], 1)


def boundary(target: Tensor) -> Objective:
    """Dirichlet condition: the values of (C, H, W), in [-1, 1], on the outermost ring. The others are not read."""
    return lambda field: squared_error(outermost(field.values), outermost(target))


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
    """Σ weight · objective; `Pointwise` if all of them are."""
    if all(is_pointwise(term) for _, term in objectives):
        return _Sum(objectives)

    def objective(field: Field) -> Tensor:
        return torch.stack([weight * term(field) for weight, term in objectives]).sum()

    return objective


class _Sum:
    """Σ weight · objective of pointwise objectives."""

    def __init__(self, terms: Sequence[tuple[float, Any]]) -> None:
        self._terms = terms

    def __call__(self, field: Field) -> Tensor:
        return self.part(field, slice(None))

    def part(self, field: Field, index: Index) -> Tensor:
        return torch.stack([weight * term.part(field, index) for weight, term in self._terms]).sum()


def is_pointwise(objective: Objective) -> bool:
    """Whether an objective is a `Pointwise` one: whether it has a method ``part``."""
    return callable(getattr(objective, "part", None))


def _is_analytical(method: str) -> bool:
    if method not in ("numerical", "analytical"):
        raise ValueError(f'method={method!r} is unknown: use "numerical" or "analytical"')
    return method == "analytical"


OBJECTIVES: dict[str, Callable[[Tensor], Objective]] = {"mse": value, "mse_fft": spectrum, "mse_stft": stft}
"""Objectives of `siren_sr.fit_signal` by name: functions of the target."""
