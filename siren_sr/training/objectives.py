"""Ready-made losses: functions, most of them of a target, that return an objective (`siren_sr.training.field`).

To add an objective, write such a function in a file of your own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from siren_sr import derivatives
from siren_sr.derivatives import inverse
from siren_sr.training.field import Field, Objective, SquaredError, squared_error
from siren_sr.training.spectrogram import WINDOWS, SpectrogramDistance

Method = Literal["numerical", "analytical"]
Norm = Literal["derivative", "image"]

STFT_WEIGHT = 1e-4
"""Weight of the second term of `stft`. The more exact a fit is, the smaller a weight is enough
(docs/measurements/sounds.md)."""


def value(target: Tensor, *, channel_sum: bool = False) -> SquaredError:
    """Return the objective of equation (4): the mean squared error of the values.

    Args:
        target: Tensor (C, *grid) in [-1, 1].
        channel_sum: Whether to sum over channels instead of averaging over them, as the published code does (see the
            errata).
    """
    return SquaredError(lambda field: field.values, target, dims=target.ndim - 1, channel_sum=channel_sum)


def spectrum(target: Tensor, *, alpha: float = 50.0, as_published: bool = False) -> Objective:
    """Return the objective of equation (6): MSE + MSE_FFT/α.

    The second term compares the moduli of the Fourier transforms of the network and of the target (equation 5).

    Args:
        target: Tensor (C, *grid) in [-1, 1].
        alpha: The number α > 0.
        as_published: Whether to transform over the channel axis and without normalisation, as the published code does;
            for mono this transform is the identity. The default is a transform over the grid with ``norm="ortho"``, so
            that both terms are energies.

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
    """Return the objective MSE + weight · `SpectrogramDistance`, for sounds.

    The second term is the multi-resolution STFT loss of Yamamoto et al. (2020).

    Args:
        target: Tensor (C, T) in [-1, 1].
        weight: Weight of the second term, > 0. For fits of more than about 40 dB of SNR a smaller weight is better,
            such as 1e-5.
        windows: Lengths of the windows in samples; windows that are longer than the sound are left out.
        floor: Magnitude below which the sound counts as silence, > 0.

    Raises:
        ValueError: The target is not a sound (C, T), it is shorter than all windows, or an argument is out of its
            range.
    """
    if not weight > 0:
        raise ValueError(f"weight must be > 0, got {weight}")
    distance = SpectrogramDistance(target, windows=windows, floor=floor)

    def objective(field: Field) -> Tensor:
        return squared_error(field.values, target) + weight * distance(field.values)

    return objective


def gradient(
    target: Tensor, *, method: Method = "numerical", factor: float = 1.0, channel_sum: bool = False
) -> Objective:
    """Return the objective of equations (9) and (11): match a gradient that was measured with Sobel's kernel.

    Args:
        target: Tensor (C, 2, H, W) that `siren_sr.derivatives.image_gradient` gives for values in [-1, 1].
        method: "numerical" applies Sobel's kernel to the network's values. "analytical" compares the network's exact
            gradient times 8, which is the factor between the two (derived in `siren_sr.derivatives.exact`).
        factor: Number by which both gradients are multiplied (0.1 in the paper's super resolution).
        channel_sum: Whether to sum over channels and components instead of averaging over them.

    Raises:
        ValueError: The method is unknown.
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
    target: Tensor, *, method: Method = "numerical", norm: Norm = "derivative", channel_sum: bool = False
) -> Objective:
    """Return the objective of equation (8): match a Laplacian that was measured with the 3×3 kernel.

    Args:
        target: Tensor (C, H, W) that `siren_sr.derivatives.image_laplacian` gives for values in [-1, 1].
        method: "numerical" applies the kernel to the network's values; "analytical" compares the network's exact
            Laplacian times 3, which is the factor between the two.
        norm: "derivative" squares the misfit itself, which weighs an error of frequency k in the image by |k|⁴.
            "image", for the numerical method only, first undoes the kernel
            (`siren_sr.derivatives.inverse.inverse_laplacian`), which weighs all frequencies alike. Both norms are 0 for
            the same images.
        channel_sum: Whether to sum over channels instead of averaging over them.

    Raises:
        ValueError: The method or the norm is unknown, or the norm "image" is combined with the analytical method.
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
    """Return the objective of the Cauchy condition of equation (13): each channel has a given mean Sobel gradient.

    Args:
        mean: Tensor (C, 2), x first, measured as by `siren_sr.derivatives.image_gradient` for values in [-1, 1].
    """

    def objective(field: Field) -> Tensor:
        found = derivatives.image_gradient(field.values).flatten(2).mean(2)
        return (found - mean).square().mean()

    return objective


def outermost(image: Tensor) -> Tensor:
    """Return the samples of an image (C, H, W) on its outermost ring, as a tensor (C, n)."""
    return torch.cat([image[:, 0], image[:, -1], image[:, 1:-1, 0], image[:, 1:-1, -1]], 1)


def boundary(target: Tensor) -> Objective:
    """Return the objective of the Dirichlet condition: the values on the outermost ring of the grid are given.

    Args:
        target: Tensor (C, H, W) in [-1, 1] that holds these values. Its other values are not read.
    """
    return lambda field: squared_error(outermost(field.values), outermost(target))


def consistency(target: Tensor, downsample: Callable[[Tensor], Tensor]) -> Objective:
    """Return the objective that the network, seen through a downsampling, is the low-resolution image.

    Args:
        target: The low-resolution image, a tensor (C, h, w) in [-1, 1].
        downsample: Differentiable map (C, H, W) -> (C, h, w).
    """

    def objective(field: Field) -> Tensor:
        return squared_error(downsample(field.values), target)

    return objective


def total_variation(*, epsilon: float = 1e-3) -> Objective:
    """Return the isotropic total variation of all channels together, Σ (√(Σ_c |∇f_c|² + ε²) - ε)/(C·samples).

    The gradient ∇ consists of forward differences between neighbouring samples. Total variation was proposed by Rudin,
    Osher and Fatemi, Physica D 60 (1992). Channels are coupled as in Bresson and Chan (2008), which keeps their edges
    together.

    Args:
        epsilon: The number ε, which smooths the corner of the root at 0.
    """

    def objective(field: Field) -> Tensor:
        return total_variation_of(field.values, epsilon=epsilon)

    return objective


def total_variation_of(values: Tensor, *, epsilon: float = 1e-3) -> Tensor:
    """Return the total variation of values (C, H, W), a scalar; `total_variation` has the equation."""
    dx = torch.diff(values, dim=2, append=values[:, :, -1:])
    dy = torch.diff(values, dim=1, append=values[:, -1:])
    norm = (dx.square() + dy.square()).sum(0).add(epsilon**2).sqrt()
    return (norm.mean() - epsilon) / values.shape[0]


def _is_analytical(method: Method) -> bool:
    if method not in ("numerical", "analytical"):
        raise ValueError(f'method={method!r} is unknown: use "numerical" or "analytical"')
    return method == "analytical"


ObjectiveFactory = Callable[[Tensor], Objective]
"""A function of the target (C, *grid) in [-1, 1] that gives an objective."""
ObjectiveLike = Literal["mse", "mse_fft", "mse_stft"] | str | ObjectiveFactory
"""Such a function, or the name of one in `OBJECTIVES`."""

OBJECTIVES: dict[str, ObjectiveFactory] = {"mse": value, "mse_fft": spectrum, "mse_stft": stft}
"""The objectives of `siren_sr.fit_signal` by name: each is a function of the target that returns an objective."""
