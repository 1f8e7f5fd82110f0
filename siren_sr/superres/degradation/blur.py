"""The Gaussian that made an image small, from the image's own spectrum.

The power of photographs falls with the frequency f as f^-α, where α is near 2 and about equal for all (Field,
"Relations between the statistics of natural images and the response properties of cortical cells", 1987). A Gaussian of
covariance S, in pixels of the image, multiplies the power by exp(-(2π)² fᵀ S f). So the logarithm of the power is
linear in what is sought, a - α log |f| - (2π)² fᵀ S f, and S is found by least squares, in all directions at once.

What lies out of focus is blurred too, and nothing tells this from a blur by the reduction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

# Chosen on photographs that were reduced 2 and 4 times by bicubic and by Gaussians of 0.4 to 0.7 pixels of the image.
FALL, BIAS = 2.2, 0.03  # α, and what the variances come out too high by
LOWEST, HIGHEST = 0.1, 0.45  # frequencies that are looked at, in cycles per pixel
RINGS, SECTORS = 12, 8  # the frequencies are put together in so many parts, from the centre out and around it
ROUNDING = 1 / (12 * 255**2)  # the variance of rounding to 8 bits
CLEAR = 4.0  # how many times the power of rounding and noise must be exceeded
FEWEST = 12  # parts of the spectrum that must be clear
BLURRED = 0.4
"""Variances below, in squared pixels of the image, count as bicubic reduction, which comes out at 0.14 ± 0.11."""
ROUND = 2.0  # with a smaller ratio of the larger variance to the smaller one, the Gaussian counts as round
SMALLEST = 48  # pixels per side of an image whose spectrum tells anything
REACH = 4  # standard deviations to which the weights of a Gaussian are computed


def estimate(image: Tensor, size: Sequence[float], *, noise: float = 0.0) -> str | float | Tensor:
    """Estimate the kernel of the downsampling that made an image.

    Motion and other kernels that are no Gaussian are told as the Gaussian that is nearest to them in the spectrum.

    Args:
        image: (C, h, w) in [0, 1].
        size: The size (H, W) of the picture that it is to be enlarged to.
        noise: Standard deviation of the noise in it.

    Returns:
        A kernel as `siren_sr.superres.kernels.check_kernel` takes it, in pixels of the picture: "bicubic" where the
        image is not blurred more than that, the standard deviation of a Gaussian, or weights (n, m), float64 of sum 1.
    """
    if min(image.shape[1:]) < SMALLEST:
        return "bicubic"
    found = covariance(image, noise=noise)
    if found is None:
        return "bicubic"
    values, vectors = torch.linalg.eigh(found - BIAS * torch.eye(2, dtype=torch.float64))
    if float(values.mean()) < BLURRED:
        return "bicubic"
    values = values.clamp(min=BLURRED / 2)
    times = torch.tensor([n / m for n, m in zip(size, image.shape[1:], strict=True)], dtype=torch.float64)
    if values[1] <= ROUND * values[0] and bool((times == times[0]).all()):
        return float(values.mean().sqrt() * times[0])
    spread = times.diag() @ (vectors @ values.diag() @ vectors.T) @ times.diag()
    return _gaussian(spread)


def covariance(image: Tensor, *, noise: float = 0.0) -> Tensor | None:
    """Return the covariance (2, 2) of the Gaussian, rows before columns, in squared pixels of the image.

    It is None where too little of the spectrum stands out of rounding and noise. Arguments are those of `estimate`.
    """
    gray = image.detach().to("cpu", torch.float64).mean(0)
    window = torch.ones_like(gray)
    for axis, n in enumerate(gray.shape):
        shape = (-1, 1) if axis == 0 else (1, -1)
        window = window * torch.hann_window(n, periodic=False, dtype=torch.float64).view(shape)
    power = torch.fft.fft2((gray - gray.mean()) * window).abs().square()
    rows, columns = (torch.fft.fftfreq(n, dtype=torch.float64) for n in gray.shape)
    rows, columns = (f.contiguous() for f in torch.broadcast_tensors(rows[:, None], columns[None]))
    radius, angle = torch.hypot(rows, columns), torch.atan2(rows, columns) % math.pi
    used = (radius >= LOWEST) & (radius < HIGHEST)
    ring = ((radius[used] - LOWEST) / (HIGHEST - LOWEST) * RINGS).long()
    part = ring * SECTORS + (angle[used] / math.pi * SECTORS).long().clamp(max=SECTORS - 1)

    def mean(values: Tensor) -> Tensor:
        nothing = torch.zeros(RINGS * SECTORS, dtype=torch.float64)
        counts = nothing.scatter_add(0, part, torch.ones_like(values))
        return nothing.scatter_add(0, part, values) / counts.clamp(min=1)

    found = mean(power[used])
    # The mean of so many channels has that share of the variance of each.
    floor = (ROUNDING + noise**2) / len(image) * float(window.square().sum())
    clear = found > CLEAR * floor
    if int(clear.sum()) < FEWEST:
        return None
    terms = [rows.square(), columns.square(), 2 * rows * columns]
    bent = -((2 * math.pi) ** 2) * torch.stack([mean(term[used]) for term in terms], 1)
    level = (found - floor).clamp(min=floor).log() + FALL * mean(radius[used].log())
    matrix = torch.cat([torch.ones(len(bent), 1, dtype=torch.float64), bent], 1)
    _, vertical, horizontal, mixed = torch.linalg.lstsq(matrix[clear], level[clear, None]).solution[:, 0]
    return torch.stack([vertical, mixed, mixed, horizontal]).view(2, 2)


def _gaussian(spread: Tensor) -> Tensor:
    """Return the weights of a Gaussian of a covariance in pixels of the picture, on an array of even sides."""
    half = [max(1, math.ceil(REACH * math.sqrt(float(variance)))) for variance in spread.diag()]
    rows, columns = (torch.arange(2 * n, dtype=torch.float64) - n + 0.5 for n in half)
    places = torch.stack(torch.broadcast_tensors(rows[:, None], columns[None]), -1)
    weights = torch.exp(-0.5 * torch.einsum("hwi,ij,hwj->hw", places, torch.linalg.inv(spread), places))
    return weights / weights.sum()
