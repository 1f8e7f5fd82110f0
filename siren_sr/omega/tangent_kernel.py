"""Predict how much of a signal a training learns with each ω0: the rule "tangent_kernel" of `siren_sr.omega`.

When a network has been trained for a while, the share exp(-T·p(k)) of its target's power at frequency k is still to be
learned. Here p is the spectrum of the network's neural tangent kernel (Jacot et al., 2018), and T grows with the number
of updates. For a sine network p is known. Along an axis the frequencies of the first layer are uniform up to a = ω0/D.
A further sine layer turns a correlation r of its inputs into sinh(v·r)/sinh(v), where v is the variance before its
sine. The kernel is therefore a power series Σ c_n·rⁿ of the first layer's correlation r, and its spectrum is a mixture
of the distributions of sums of n such frequencies U, with n odd:

    p(k) = Σ_n c_n · Π_d P(U_1 + … + U_n = k_d).

The larger ω0 is, the more frequencies share the same speed of learning. If ω0 is too small, the signal's high
frequencies are out of reach; if it is too large, the whole signal is learned slowly. `best_omega_0` minimises what is
left of the signal, the sum over k of power(k)·exp(-T·p(k)). For a given network the best ω0 depends only on the
signal's spectrum and on the length of the training. Contrast does not matter; the number of samples and noise matter
only by what they do to the spectrum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from siren_sr.omega.measures import mirrored_spectrum

VARIANCE = 2.0  # the variance before the hidden sines, which is 1 in a new network and more in training
EFFORT = {1: 14.0, 2: 220.0, 3: 220.0}  # the T of one early update with one output, by the number of axes
LATE = 450.0  # U updates have the T of U/(1 + U/LATE) early ones, since batches leave noise
ORDER = 31  # the highest power of the correlation
# So many frequencies are kept one by one. Beyond, they are collected in bins, each of which ends at about GROWTH times
# its beginning.
SINGLE, GROWTH = 32, 1.06
TRIED = 70  # the number of values of ω0 that are tried
ROUNDING = 1e-11  # a float32 signal is constant if no more than this share of its energy is left beside its mean
# VARIANCE, EFFORT and LATE were chosen on the sweeps of `benchmarks.omega --design` and `--whole`, with networks of 256
# units and the default recipe.


def best_omega_0(values: Tensor, *, updates: int, hidden_layers: int = 2, highest: float | None = None) -> float:
    """Return the ω0 with which a training is expected to leave the least of a signal to be learned.

    Args:
        values: The signal (C, *grid), in floating point.
        updates: Number of updates of the weights in the training to come: steps times batches per step.
        hidden_layers: Number of hidden layers of the network.
        highest: Largest ω0 to try. By default, with it the first layer just reaches the Nyquist frequency of the
            longest axis.

    Returns:
        ω0 in radians per unit of coordinate; 0 for a constant signal, which has nothing to learn.
    """
    tried, left = remainders(values, updates=updates, hidden_layers=hidden_layers, highest=highest)
    return tried[min(range(TRIED), key=left.__getitem__)] if any(left) else 0.0


def remainders(
    values: Tensor, *, updates: int, hidden_layers: int = 2, highest: float | None = None
) -> tuple[list[float], list[float]]:
    """Return which values of ω0 are tried, and the energy that a training is expected to leave with each of them.

    The arguments are those of `best_omega_0`; of a constant signal nothing is ever left.
    """
    power, edges = binned_spectrum(values)
    if highest is None:
        highest = len(edges) * math.pi * max(values.shape[1:]) / 2
    tried = torch.logspace(math.log10(highest) - 2.5, math.log10(highest), TRIED, dtype=torch.float64).tolist()
    if float(power.sum()) <= ROUNDING * float(values.square().sum()):
        return tried, [0.0] * TRIED
    effort = EFFORT[len(edges)] * updates / (1 + updates / LATE) / math.sqrt(len(values))
    coefficients = kernel_series(hidden_layers)
    left = [float((power * (-effort * mode_shares(edges, omega, coefficients)).exp()).sum()) for omega in tried]
    return tried, left


def kernel_series(hidden_layers: int, variance: float = VARIANCE) -> list[float]:
    """Return c_0 … c_ORDER, which sum to 1: the tangent kernel as a power series of the first layer's correlation.

    The weights of every layer count alike, since Adam moves them alike. The weights after layer l contribute K_l·Π D_m,
    a product over the layers m > l. Here K_m = sinh(v·K_{m-1})/sinh(v) is the correlation after layer m, and
    D_m = cosh(v·K_{m-1})/cosh(v) is the correlation of its derivatives.
    """
    exponential = [variance**n / math.factorial(n) for n in range(ORDER + 1)]
    odd, even = (
        _normalised([c * (n % 2) for n, c in enumerate(exponential)]),
        _normalised([c * (1 - n % 2) for n, c in enumerate(exponential)]),
    )
    correlations = [[0.0, 1.0] + [0.0] * (ORDER - 1)]
    slopes = []
    for _ in range(hidden_layers):
        slopes.append(_composed(even, correlations[-1]))
        correlations.append(_composed(odd, correlations[-1]))
    total = [0.0] * (ORDER + 1)
    for layer, kernel in enumerate(correlations):
        for slope in slopes[layer:]:
            kernel = _product(kernel, slope)
        total = [a + b for a, b in zip(total, _normalised(kernel), strict=True)]
    return _normalised(total)


def mode_shares(edges: Sequence[Sequence[int]], omega_0: float, coefficients: Sequence[float]) -> Tensor:
    """Return the share p of the kernel's spectrum that each cosine mode of a bin has, with one axis per grid axis.

    Args:
        edges: For each axis, the first mode of every bin and then the number of modes, as `binned_spectrum` returns
            them.
        omega_0: ω0 of the first layer.
        coefficients: The series that `kernel_series` returns.
    """
    reach, total = omega_0 / len(edges), torch.zeros(())
    for n, coefficient in enumerate(coefficients):
        if coefficient < 1e-3:
            continue
        along = []
        for modes in edges:
            if modes[-1] == 1:  # on an axis of one sample every frequency is constant
                along.append(torch.ones(1, dtype=torch.float64))
                continue
            ends = torch.tensor(modes, dtype=torch.float64)
            below = _sum_of_uniforms((ends - 0.5) * (math.pi / 2 / reach), n)
            below[0] = 0.5  # mode 0 has the frequencies on both sides of 0
            along.append(2 * below.diff() / ends.diff())
        shares = along[0]
        for more in along[1:]:
            shares = shares[..., None] * more
        total = total + coefficient * shares
    return total


def binned_spectrum(values: Tensor) -> tuple[Tensor, list[list[int]]]:
    """Return the power of a signal's discrete cosine transform (type II), summed over channels and within bins.

    The constant is left out. Mode j of an axis has the frequency π·j/2 in radians per unit of coordinate.

    Returns:
        The power, with one axis per axis of the grid; and for each axis the first mode of every bin, and then the
        number of modes.
    """
    values = values.detach().cpu()  # the CPU computes it, so that all devices agree
    means = values.mean(list(range(1, values.ndim)), keepdim=True)
    power = torch.zeros(values.shape[1:], dtype=torch.float64)
    for channel in values - means:
        power += _cosine_transform(channel).square()
    power[(0,) * power.ndim] = 0
    edges = []
    for axis, count in enumerate(power.shape):
        modes = [0]
        while modes[-1] < count:
            width = 1 if modes[-1] < SINGLE else max(1, int(modes[-1] * (GROWTH - 1)))
            modes.append(min(count, modes[-1] + width))
        parts = [power.narrow(axis, a, b - a).sum(axis, keepdim=True) for a, b in pairwise(modes)]
        power = torch.cat(parts, axis)
        edges.append(modes)
    return power, edges


def _cosine_transform(values: Tensor) -> Tensor:
    """Return the orthonormal discrete cosine transform of type II along all axes."""
    for axis, count in enumerate(values.shape):
        mirrored = mirrored_spectrum(values, axis).narrow(axis, 0, count)
        angles = -0.5 * math.pi / count * torch.arange(count, dtype=values.dtype)
        turned = (mirrored.movedim(axis, -1) * torch.polar(torch.ones_like(angles), angles)).real
        turned[..., 0] /= math.sqrt(2)
        values = turned.movedim(-1, axis) / math.sqrt(2 * count)
    return values


def _sum_of_uniforms(x: Tensor, count: int) -> Tensor:
    """Return the probability that the sum of ``count`` numbers, uniform in (-1, 1), is at most x.

    From four numbers on, the sum is taken as a Gaussian of the same variance.
    """
    if count > 3:
        return (1 + torch.erf(x / math.sqrt(2 * count / 3))) / 2
    u = (x + count) / 2
    terms = [(-1) ** k * math.comb(count, k) * (u - k).clamp(min=0) ** count for k in range(count + 1)]
    return (torch.stack(terms).sum(0) / math.factorial(count)).where(u < count, 1.0)


def _product(a: Sequence[float], b: Sequence[float]) -> list[float]:
    return [sum(a[i] * b[n - i] for i in range(n + 1)) for n in range(ORDER + 1)]


def _composed(outer: Sequence[float], inner: Sequence[float]) -> list[float]:
    """Return the series of outer(inner(r)), by Horner's scheme."""
    total = [0.0] * (ORDER + 1)
    for coefficient in reversed(outer):
        total = _product(total, inner)
        total[0] += coefficient
    return total


def _normalised(series: Sequence[float]) -> list[float]:
    total = sum(series)
    return [c / total for c in series]
