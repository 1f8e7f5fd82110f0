"""Undo derivative kernels in Fourier space, with the borders that the kernels themselves assume."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from siren_sr import arguments


@arguments.undisturbed()
def inverse_laplacian(laplacian: Tensor) -> Tensor:
    """Return the image whose 3×3 Laplacian is given, with mean 0 over its mirrored extension.

    `siren_sr.derivatives.image_laplacian` mirrors at the outermost samples, so that the cosines of the type-I transform
    are its eigenvectors. Their eigenvalues are (1 + 2·cos x)(1 + 2·cos y) - 9. This is 0 for the constant, about
    -3·|k|² near it, and 0 in no other place, so that dividing by it is exact. The constant part of ``laplacian``, which
    no image explains, is left out.

    Args:
        laplacian: Laplacian of the image, a tensor (C, H, W).

    Returns:
        The image (C, H, W), differentiable with respect to ``laplacian``.

    Raises:
        TypeError: Not a tensor of floating-point numbers.
        ValueError: Fewer axes, or no pixel.
    """
    laplacian = arguments.tensor("laplacian", laplacian, "(C, H, W)", axes=2)
    _check_filled(laplacian)
    values = laplacian if laplacian.dtype in _TRANSFORMED else laplacian.float()
    height, width = laplacian.shape[-2:]
    mirrored = torch.cat([values, values[..., 1:-1].flip(-1)], -1)
    mirrored = torch.cat([mirrored, mirrored[..., 1:-1, :].flip(-2)], -2) if height > 2 else mirrored
    rows, columns = mirrored.shape[-2:]
    y = 2 * math.pi * torch.fft.fftfreq(rows, dtype=torch.float64, device=laplacian.device)[:, None]
    x = 2 * math.pi * torch.fft.rfftfreq(columns, dtype=torch.float64, device=laplacian.device)
    eigenvalues = _laplacian_transfer(x, y)
    eigenvalues[0, 0] = 1.0
    spectrum = torch.fft.rfft2(mirrored) / eigenvalues.to(values.dtype)
    spectrum[..., 0, 0] = 0.0  # of the mean a Laplacian says nothing
    return torch.fft.irfft2(spectrum, s=(rows, columns))[..., :height, :width].to(laplacian.dtype)


@arguments.undisturbed()
def inverse_gradient(gradient: Tensor) -> Tensor:
    """Return the image of mean 0 that has a given Sobel gradient in the least-squares sense, by Fourier transform.

    The method is that of Frankot and Chellappa, PAMI 10 (1988), with the kernels' own transfer functions S_d instead of
    ideal derivatives: F = Σ_d conj(S_d)·G_d / Σ_d |S_d|². The gradient is mirrored, with a change of sign along its own
    axis, so that the transform sees no edge. What Sobel's kernels do not show, near Nyquist's frequency, is left out.

    Args:
        gradient: Sobel's gradient of the image, a tensor (C, 2, H, W), x first.

    Returns:
        The image (C, H, W).

    Raises:
        TypeError: Not a tensor of floating-point numbers.
        ValueError: Another shape, or no pixel.
    """
    return _from_gradient(gradient, lambda x, y: torch.ones_like(x * y))


@arguments.undisturbed()
def laplacian_of_gradient(gradient: Tensor) -> Tensor:
    """Return the 3×3 Laplacian of the image that `inverse_gradient` finds.

    Args:
        gradient: Sobel's gradient of the image, a tensor (C, 2, H, W), x first.

    Returns:
        The Laplacian (C, H, W).

    Raises:
        TypeError: Not a tensor of floating-point numbers.
        ValueError: Another shape, or no pixel.
    """
    return _from_gradient(gradient, _laplacian_transfer)


_TRANSFORMED = (torch.float32, torch.float64)  # half precision has no Fourier transform on every device


def _check_filled(values: Tensor) -> None:
    if 0 in values.shape:
        raise ValueError(f"there is no pixel: the shape is {tuple(values.shape)}")


def _from_gradient(gradient: Tensor, transfer: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Return what a kernel with a given transfer function makes of the image that `inverse_gradient` finds."""
    gradient = arguments.tensor("gradient", gradient, "(C, 2, H, W)", axes=4)
    _check_filled(gradient)
    if gradient.ndim != 4 or gradient.shape[1] != 2:
        raise ValueError(f"gradient must have shape (C, 2, H, W), x first, got {tuple(gradient.shape)}")
    height, width = gradient.shape[-2:]
    gx, gy = gradient[:, 0], gradient[:, 1]
    gx = torch.cat([gx, -gx.flip(-1)], -1)
    gx = torch.cat([gx, gx.flip(-2)], -2)
    gy = torch.cat([gy, gy.flip(-1)], -1)
    gy = torch.cat([gy, -gy.flip(-2)], -2)
    x = 2 * math.pi * torch.fft.fftfreq(2 * width, dtype=torch.float64, device=gx.device)
    y = 2 * math.pi * torch.fft.fftfreq(2 * height, dtype=torch.float64, device=gx.device)[:, None]
    sx = 2j * torch.sin(x) * (2 + 2 * torch.cos(y))
    sy = 2j * torch.sin(y) * (2 + 2 * torch.cos(x))
    energy = sx.abs().square() + sy.abs().square()
    numerator = sx.conj() * torch.fft.fft2(gx.double()) + sy.conj() * torch.fft.fft2(gy.double())
    # Where both kernels vanish (at the mean and at Nyquist's frequency) the gradient says nothing of the image. Where
    # they nearly vanish it says little but noise.
    image = torch.where(energy > 1e-2, numerator / energy.clamp(min=1e-2), torch.zeros_like(numerator))
    return torch.fft.ifft2(transfer(x, y) * image).real[..., :height, :width].to(gradient.dtype)


def _laplacian_transfer(x: Tensor, y: Tensor) -> Tensor:
    """Return the factor by which the 3×3 Laplacian multiplies waves of x and y radians per sample."""
    return (1 + 2 * torch.cos(x)) * (1 + 2 * torch.cos(y)) - 9
