"""Focus and frequency measures: how fast a signal varies, as one number.

Most of them are reviewed by Pertuz et al., Pattern Recognition 46 (2013). A measure is a function of a floating-point
(C, *grid) tensor with any number of grid axes, and raises a ValueError for anything else. It averages over all values
and ignores an added offset. `siren_sr.omega` turns any measure into ω0. To add one, write such a function and pass it
to `omega.choose`, or put it into `MEASURES`, with its constant and its power in `omega.CALIBRATION`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations

import torch
from torch import Tensor

from siren_sr.derivatives.kernels import differences, grid_gradient, grid_laplacian, second_difference

Measure = Callable[[Tensor], float]
"""A function that turns a (C, *grid) tensor into one number."""

ROLLOFF = 0.95  # the share of the power that lies below the frequency `spectral_rolloff`

# Focus measures are in units of contrast or of its square, per sample. Where it is said that noise weighs as a power of
# its frequency, this is the weight of the noise's power.


def laplacian_variance(values: Tensor) -> float:
    """Return Var[L], the unbiased variance of the Laplacian L (Pech-Pacheco 2000), in contrast².

    L is the sum over the 3×…×3 neighbourhood less 3^D times its centre, scaled to 3·h²·Δ for every number D of axes.
    For images it is `siren_sr.derivatives.image_laplacian`. Noise weighs as frequency⁴.
    """
    response = grid_laplacian(_checked(values))
    return response.var().item() if response.numel() > 1 else 0.0


def laplacian_energy(values: Tensor) -> float:
    """Return E[L²] (Subbarao 1992), with L as in `laplacian_variance`, in contrast². Noise weighs as frequency⁴."""
    return grid_laplacian(_checked(values)).square().mean().item()


def modified_laplacian(values: Tensor) -> float:
    """Return E[Σᵢ |f(x+eᵢ) - 2·f(x) + f(x-eᵢ)|] (Nayar and Nakagawa 1994), in contrast.

    Second derivatives of opposite sign cannot cancel. Noise weighs as frequency⁴. The measure is not isotropic.
    """
    return sum(second_difference(values, (axis,)).abs().mean().item() for axis in _axes(values))


def diagonal_laplacian(values: Tensor) -> float:
    """Return `modified_laplacian` plus its like along the diagonals, in contrast (Thelen 2009).

    The second differences along both diagonals of each pair of axes are divided by √2. This is more isotropic. A sound
    counts as an image of one row; constant axes beyond the second change the value.
    """
    values = values[:, None] if values.ndim == 2 else values
    diagonals = [
        second_difference(values, pair, sign=sign).abs().mean().item() / math.sqrt(2)
        for pair in combinations(_axes(values), 2)
        for sign in (1, -1)
    ]
    return modified_laplacian(values) + sum(diagonals)


def tenengrad(values: Tensor) -> float:
    """Return E[|S|²] of the Sobel gradient S (Tenenbaum 1970), in contrast².

    S is scaled to 8·h·∂ for every number D of axes; for images it is `siren_sr.derivatives.image_gradient`. It is blind
    to the Nyquist frequency, which keeps the measure calm under noise.
    """
    return _squared_gradient(values).mean().item()


def tenengrad_variance(values: Tensor) -> float:
    """Return Var[|S|], the unbiased variance (Pech-Pacheco 2000), with S as in `tenengrad`, in contrast².

    It is small for a ramp.
    """
    magnitude = _squared_gradient(values).sqrt()
    return magnitude.var().item() if magnitude.numel() > 1 else 0.0


def gradient_energy(values: Tensor) -> float:
    """Return Σᵢ E[(f(x+eᵢ) - f(x))²] (Subbarao 1992), in contrast². Noise weighs as frequency²."""
    return sum(_mean(difference.square()) for difference in differences(_checked(values), 1))


def brenner(values: Tensor) -> float:
    """Return Σᵢ E[(f(x+2eᵢ) - f(x))²] (Brenner 1976, here along every axis), in contrast².

    It is blind to the Nyquist frequency and most sensitive to half of it.
    """
    return sum(_mean(difference.square()) for difference in differences(_checked(values), 2))


def gray_level_variance(values: Tensor) -> float:
    """Return Var[f], the variance about the mean of each channel, in contrast².

    It is blind to frequency: it serves as a control and is no estimate.
    """
    return _centred(values).square().mean().item()


def total_variation(values: Tensor) -> float:
    """Return Σᵢ E[|f(x+eᵢ) - f(x)|], in contrast.

    Noise weighs as frequency². The measure is blind to how sharp an edge is.
    """
    return sum(_mean(difference.abs()) for difference in differences(_checked(values), 1))


# Spectral measures are in radians per unit of coordinate, and are root mean squares over the axes. They are blind to
# contrast. A signal that is as sharp per sample on twice as many samples has twice the value. Resampling a signal
# without loss changes nothing.


def spectral_centroid(values: Tensor) -> float:
    """Return ΣωP/ΣP along each axis, where P is the power of the signal less its mean. Noise weighs as frequency."""
    return _over_axes(values, lambda omega, share: (omega * share).sum())


def rms_frequency(values: Tensor) -> float:
    """Return √(Σω²P/ΣP) along each axis, the norm of the gradient over that of the signal less its mean.

    Noise weighs as frequency².
    """
    return _over_axes(values, lambda omega, share: (omega.square() * share).sum().sqrt())


def spectral_rolloff(values: Tensor) -> float:
    """Return the ω at or below which 95% of the power P lies, along each axis.

    Noise of little power hardly moves it.
    """

    def quantile(omega: Tensor, share: Tensor) -> Tensor:
        return omega[min(int((share.cumsum(0) < ROLLOFF).sum()), len(omega) - 1)]

    return _over_axes(values, quantile)


def _checked(values: Tensor) -> Tensor:
    if values.ndim < 2 or not values.is_floating_point() or values.numel() == 0:
        found = f"{values.dtype} of shape {tuple(values.shape)}"
        raise ValueError(f"a measure needs a non-empty floating-point (C, *grid) tensor, got {found}")
    return values


def _axes(values: Tensor) -> range:
    return range(1, _checked(values).ndim)


def _squared_gradient(values: Tensor) -> Tensor:
    """Return |S|² of Sobel's gradient S at every sample."""
    total = torch.zeros_like(values)
    for response in grid_gradient(_checked(values)):
        total += response.square()
    return total


def _centred(values: Tensor) -> Tensor:
    return values - values.mean(dim=list(_axes(values)), keepdim=True)


def _mean(values: Tensor) -> float:
    return values.mean().item() if values.numel() else 0.0  # nothing differs along an axis of too few samples


def mirrored_spectrum(values: Tensor, axis: int) -> Tensor:
    """Return the Fourier transform, along one axis, of a signal of n samples followed by its mirror image.

    It has n + 1 frequencies, which are π/2 apart, and is 0 at the last of them. This is a cosine transform. If the
    signal were repeated as it is, unequal ends would make a jump, whose spectrum falls too slowly for moments to
    settle.

    Args:
        values: Tensor (C, *grid) with n samples along the axis.
        axis: Number of this axis of ``values``.
    """
    return torch.fft.rfft(torch.cat([values, values.flip(axis)], dim=axis), dim=axis)


def _over_axes(values: Tensor, statistic: Callable[[Tensor, Tensor], Tensor]) -> float:
    """Return the root mean square over the axes of ``statistic(frequencies, shares of the power)``.

    By Parseval's theorem, the power at a frequency of one axis is the sum over all lines along that axis.
    """
    values, found = _centred(values), []
    for axis in _axes(values):
        power = mirrored_spectrum(values, axis).abs().square().transpose(axis, -1).flatten(0, -2).sum(0).cpu().double()
        # All bins but the first and the last stand for a positive and a negative frequency, and the last one is 0.
        power[0] /= 2
        omega = math.pi / 2 * torch.arange(len(power), dtype=torch.float64)
        found.append(float(statistic(omega, power / power.sum())) if power.sum() > 0 else 0.0)
    return math.sqrt(sum(value**2 for value in found) / len(found))


MEASURES: dict[str, Measure] = {
    measure.__name__: measure
    for measure in (
        laplacian_variance,
        laplacian_energy,
        modified_laplacian,
        diagonal_laplacian,
        tenengrad,
        tenengrad_variance,
        gradient_energy,
        brenner,
        gray_level_variance,
        total_variation,
        spectral_centroid,
        rms_frequency,
        spectral_rolloff,
    )
}
"""The measures by name."""
