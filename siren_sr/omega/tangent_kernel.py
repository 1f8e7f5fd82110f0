"""How much of a signal a training learns, by ω0: the rule "tangent_kernel" of `siren_sr.omega`.

Trained for a while, a network has learned each frequency k of its target up to exp(-T·p(k)), where p is the spectrum of
its tangent kernel (Jacot et al., 2018) and T grows with the number of updates. For a sine network p is known. Along an
axis the first layer's frequencies are uniform up to a = ω0/D; a further sine layer turns a correlation r of its inputs
into sinh(v·r)/sinh(v), v being the variance before the sine. So the kernel is a power series Σ c_n·rⁿ of the first
layer's correlation, and its spectrum a mixture of distributions of sums of n such frequencies U:

    p(k) = Σ_n c_n · Π_d P(U_1 + … + U_n = k_d), n odd.

The larger ω0 is, the more frequencies share the same speed of learning: too small, and the signal's high frequencies
are out of reach; too large, and all of it is learned slowly. `best_omega_0` minimises what is left, the sum over k of
power(k)·exp(-T·p(k)). It depends on the signal's spectrum and on the length of the training only: not on contrast, and
on the number of samples and on noise only by what they do to the spectrum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from siren_sr.omega.measures import mirrored_spectrum

VARIANCE = 2.0  # before the hidden sines: 1 in a new network, more in training
EFFORT = {1: 14.0, 2: 220.0, 3: 220.0}  # T of an early update and one output, by number of axes
LATE = 450.0  # T of U updates is that of U/(1 + U/LATE) early ones: batches leave noise
ORDER = 31  # highest power of the correlation
SINGLE, GROWTH = 32, 1.06  # frequencies kept one by one; beyond, they are collected in bins that grow so fast
TRIED = 70  # values of ω0
ROUNDING = 1e-11  # of a signal's energy: with no more than that beside its mean, a float32 signal is constant
# VARIANCE, EFFORT and LATE were chosen on the sweeps of `benchmarks.omega --design` and `--whole`, with networks of 256
# units and the default recipe.


def best_omega_0(values: Tensor, *, updates: int, hidden_layers: int = 2, highest: float | None = None) -> float:
    """The ω0 with which a training is expected to leave the least of a signal.

    Args:
        values: (C, *grid), floating point.
        updates: Of the weights, in the training to come: steps times batches per step.
        hidden_layers: Of the network.
        highest: Largest value to try. Default: where the first layer reaches Nyquist's frequency of the longest axis.

    Returns:
        ω0 in radians per unit of coordinate; 0 for a constant signal, which has nothing to learn.
    """
    power, edges = binned_spectrum(values)
    if float(power.sum()) <= ROUNDING * float(values.square().sum()):
        return 0.0
    if highest is None:
        highest = len(edges) * math.pi * max(values.shape[1:]) / 2
    effort = EFFORT[len(edges)] * updates / (1 + updates / LATE) / math.sqrt(len(values))
    coefficients = kernel_series(hidden_layers)
    tried = torch.logspace(math.log10(highest) - 2.5, math.log10(highest), TRIED, dtype=torch.float64).tolist()
    left = [float((power * (-effort * mode_shares(edges, omega, coefficients)).exp()).sum()) for omega in tried]
    return tried[min(range(TRIED), key=left.__getitem__)]


def kernel_series(hidden_layers: int, variance: float = VARIANCE) -> list[float]:
    """c_0 … c_ORDER of the tangent kernel as a power series of the first layer's correlation; they sum to 1.

    Every layer's weights count alike, as Adam moves them alike. Those after layer l contribute K_l·Π D_m over the
    layers m > l, where K_m = sinh(v·K_{m-1})/sinh(v) is the correlation after layer m and D_m = cosh(v·K_{m-1})/cosh(v)
    that of its derivatives.
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
    """The share p of the kernel's spectrum that each cosine mode in a bin has, one axis per axis of the grid.

    Args:
        edges: For each axis, the first mode of every bin, and the number of modes: as `binned_spectrum` gives them.
        omega_0: ω0 of the first layer.
        coefficients: `kernel_series`.
    """
    reach, total = omega_0 / len(edges), torch.zeros(())
    for n, coefficient in enumerate(coefficients):
        if coefficient < 1e-3:
            continue
        along = []
        for modes in edges:
            if modes[-1] == 1:  # one sample: every frequency is constant there
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
    """Power of a signal's cosine transform (type II), the constant left out, summed over channels and in bins.

    Mode j of an axis has the frequency π·j/2 in radians per unit of coordinate.

    Returns:
        The power, one axis per axis of the grid; and for each axis the first mode of every bin, and their number.
    """
    values = values.detach().cpu()  # so that devices agree
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
    """The orthonormal one of type II along all axes."""
    for axis, count in enumerate(values.shape):
        mirrored = mirrored_spectrum(values, axis).narrow(axis, 0, count)
        angles = -0.5 * math.pi / count * torch.arange(count, dtype=values.dtype)
        turned = (mirrored.movedim(axis, -1) * torch.polar(torch.ones_like(angles), angles)).real
        turned[..., 0] /= math.sqrt(2)
        values = turned.movedim(-1, axis) / math.sqrt(2 * count)
    return values


def _sum_of_uniforms(x: Tensor, count: int) -> Tensor:
    """Probability that the sum of ``count`` numbers, uniform in (-1, 1), is at most x; from 4 on, by a Gaussian's."""
    if count > 3:
        return (1 + torch.erf(x / math.sqrt(2 * count / 3))) / 2
    u = (x + count) / 2
    terms = [(-1) ** k * math.comb(count, k) * (u - k).clamp(min=0) ** count for k in range(count + 1)]
    return (torch.stack(terms).sum(0) / math.factorial(count)).where(u < count, 1.0)


def _product(a: Sequence[float], b: Sequence[float]) -> list[float]:
    return [sum(a[i] * b[n - i] for i in range(n + 1)) for n in range(ORDER + 1)]


def _composed(outer: Sequence[float], inner: Sequence[float]) -> list[float]:
    """The series of outer(inner(r)), by Horner's scheme."""
    total = [0.0] * (ORDER + 1)
    for coefficient in reversed(outer):
        total = _product(total, inner)
        total[0] += coefficient
    return total


def _normalised(series: Sequence[float]) -> list[float]:
    total = sum(series)
    return [c / total for c in series]
