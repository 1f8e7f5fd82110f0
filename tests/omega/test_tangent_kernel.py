"""The prediction of what a training learns: its parts against closed forms, SciPy and trainings."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.fft
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import cosine

from siren_sr import fit_signal
from siren_sr.omega import tangent_kernel


def texture(side: int, *, rough: float = 1.0, channels: int = 1, seed: int = 0) -> torch.Tensor:
    """Noise whose amplitude falls as frequency**-rough, in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    f = torch.fft.fftfreq(side)[:, None].abs() + torch.fft.rfftfreq(side)
    spectrum = torch.fft.rfft2(torch.randn(channels, side, side, generator=generator)) / (f + 1 / side) ** rough
    values = torch.fft.irfft2(spectrum, s=(side, side))
    return (values - values.min()) / (values.max() - values.min())


@pytest.mark.parametrize("variance", [1.0, 2.0])
def test_the_series_is_that_of_the_layers_kernels(variance: float) -> None:
    r = np.linspace(-1, 1, 9)

    def through(x: np.ndarray) -> np.ndarray:
        return np.sinh(variance * x) / np.sinh(variance)

    def slope(x: np.ndarray) -> np.ndarray:
        return np.cosh(variance * x) / np.cosh(variance)

    one = through(r)
    expected = {
        0: r,
        1: (one + r * slope(r)) / 2,
        2: (through(one) + one * slope(one) + r * slope(r) * slope(one)) / 3,
    }
    for layers, kernel in expected.items():
        found = np.polynomial.polynomial.polyval(r, tangent_kernel.kernel_series(layers, variance))
        np.testing.assert_allclose(found, kernel, atol=2e-4)


def test_the_kernel_of_a_sine_layer_is_the_one_that_is_claimed() -> None:
    """E[sin(a)·sin(b)] of Gaussians of variance v, correlation r: like sinh(v·r); of cosines: like cosh(v·r)."""
    v, r, generator = 2.0, 0.6, torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 1_000_000, generator=generator, dtype=torch.float64)
    a, b = math.sqrt(v) * x, math.sqrt(v) * (r * x + math.sqrt(1 - r * r) * y)
    assert (a.sin() * b.sin()).mean().item() == pytest.approx(math.exp(-v) * math.sinh(v * r), rel=0.01)
    assert (a.cos() * b.cos()).mean().item() == pytest.approx(math.exp(-v) * math.cosh(v * r), rel=0.01)


def test_shares_are_the_cosine_transform_of_the_first_layers_covariance() -> None:
    """Without hidden layers the kernel is sinc(ω0·(x - y)), whose transform on a fine grid can be computed."""
    n, omega_0 = 256, 60.0
    x = (torch.arange(n, dtype=torch.float64) + 0.5) * 2 / n - 1
    kernel = np.sinc(omega_0 / math.pi * (x[:, None] - x).numpy())
    transformed = scipy.fft.dctn(kernel, norm="ortho").diagonal() / n
    shares = tangent_kernel.mode_shares([list(range(n + 1))], omega_0, [0.0, 1.0]).numpy()
    assert shares.sum() == pytest.approx(1)
    inside = math.floor(2 * omega_0 / math.pi)
    np.testing.assert_allclose(shares[1 : inside - 2], transformed[1 : inside - 2], rtol=0.1)
    assert shares[inside + 3 :].max() == 0.0
    assert transformed[inside + 3 :].max() < 0.2 * transformed[5]


def test_shares_of_several_axes_and_bins_sum_to_one() -> None:
    edges = [[0, 1, 2, 5, 40, 400], [0, 1], [0, 3, 10, 300]]
    shares = tangent_kernel.mode_shares(edges, 50.0, tangent_kernel.kernel_series(2))
    counts = [torch.tensor(axis).diff().double() for axis in edges]
    total = torch.einsum("abc,a,b,c->", shares, *counts)
    assert total.item() == pytest.approx(1, abs=0.01)  # coefficients below a thousandth are left out


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9])
def test_sums_of_uniform_numbers(count: int) -> None:
    sums = (2 * torch.rand(count, 400_000, generator=torch.Generator().manual_seed(0)) - 1).sum(0)
    for x in (-1.5, -0.3, 0.0, 0.8, 2.2, count + 1.0):
        found = tangent_kernel._sum_of_uniforms(torch.tensor(x, dtype=torch.float64), count).item()
        assert found == pytest.approx((sums <= x).double().mean().item(), abs=0.01)


def test_the_spectrum_is_scipys() -> None:
    values = torch.rand(2, 9, 14, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    power, edges = tangent_kernel.binned_spectrum(values)
    expected = (scipy.fft.dctn(values.numpy(), axes=(1, 2), norm="ortho") ** 2).sum(0)
    expected[0, 0] = 0
    np.testing.assert_allclose(power, expected, atol=1e-12)
    assert edges == [list(range(10)), list(range(15))]


def test_bins_hold_the_power_of_their_modes() -> None:
    power, (edges,) = tangent_kernel.binned_spectrum(cosine(5000, 700)[None])
    found = int(power.argmax())
    assert edges[found] <= 700 < edges[found + 1]
    assert power[found] / power.sum() == pytest.approx(1)
    assert (edges[0], edges[-1]) == (0, 5000)
    assert len(edges) < 130
    assert edges == sorted(set(edges))


@settings(max_examples=20, deadline=None)
@given(st.integers(16, 40), st.integers(2, 16), st.floats(0.05, 3), st.floats(-1, 1))
def test_neither_contrast_nor_offset_matters_and_more_updates_reach_further(side, updates, contrast, offset) -> None:
    image = texture(side, channels=2).double()
    found = tangent_kernel.best_omega_0(image, updates=updates)
    assert tangent_kernel.best_omega_0(contrast * image + offset, updates=updates) == pytest.approx(found)
    assert tangent_kernel.best_omega_0(image, updates=4 * updates) >= found


def test_resampling_without_loss_changes_nothing() -> None:
    coarse = sum(cosine(64, k)[:, None] * cosine(64, 41 - k) / k for k in range(1, 41))
    fine = sum(cosine(256, k)[:, None] * cosine(256, 41 - k) / k for k in range(1, 41))
    assert tangent_kernel.best_omega_0(torch.as_tensor(fine)[None], updates=200, highest=150) == pytest.approx(
        tangent_kernel.best_omega_0(torch.as_tensor(coarse)[None], updates=200, highest=150)
    )


def test_finer_detail_wants_more_and_a_constant_nothing() -> None:
    smooth, rough = (tangent_kernel.best_omega_0(texture(64, rough=r), updates=200) for r in (2.5, 0.8))
    assert smooth < 0.8 * rough
    for value in (0.0, 0.3):
        assert tangent_kernel.best_omega_0(torch.full((3, 300, 200), value), updates=10) == 0.0
    faint = torch.full((1, 300, 200), 0.3)
    faint[0, 100, 100] += 1 / 255
    assert tangent_kernel.best_omega_0(faint, updates=10) > 0


@pytest.mark.parametrize("rough", [1.0, 1.3])
def test_a_training_agrees(rough: float) -> None:
    image, steps = texture(64, rough=rough, channels=3, seed=3), 16

    def reached(omega_0: float | None) -> float:
        return fit_signal(image, omega_0=omega_0, steps=steps).psnr

    chosen = tangent_kernel.best_omega_0(image, updates=4 * steps)
    best = reached(None)
    assert best == reached(chosen)
    assert all(best > reached(factor * chosen) + 2 for factor in (1 / 3, 3))
