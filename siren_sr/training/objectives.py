"""Ready-made losses: functions of a target that return an objective (`siren_sr.training.field`).

To add one, write such a function in a file of your own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from siren_sr import derivatives
from siren_sr.derivatives import inverse
from siren_sr.training.field import Field, Objective, SquaredError, squared_error
from siren_sr.training.spectrogram import WINDOWS, SpectrogramDistance

STFT_WEIGHT = 1e-4
"""Of the second term of `stft`: the more exact the fit, the less is enough (docs/measurements/sounds.md)."""


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
            "image" (numerical only) first undoes the kernel (`siren_sr.derivatives.inverse.inverse_laplacian`), which
            weighs all frequencies alike. Both are 0 for the same images.
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
            misfit = inverse.inverse_laplacian(misfit)
        return squared_error(misfit, torch.zeros_like(misfit), channel_sum=channel_sum)

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


def _is_analytical(method: str) -> bool:
    if method not in ("numerical", "analytical"):
        raise ValueError(f'method={method!r} is unknown: use "numerical" or "analytical"')
    return method == "analytical"


OBJECTIVES: dict[str, Callable[[Tensor], Objective]] = {"mse": value, "mse_fft": spectrum, "mse_stft": stft}
"""Objectives of `siren_sr.fit_signal` by name: functions of the target."""
