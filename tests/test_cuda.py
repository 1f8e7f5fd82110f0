"""The public calls on a GPU, against the same calls on the CPU; skipped where there is none."""

from __future__ import annotations

import pytest
import torch

from benchmarks.prior_training import Settings, Training
from siren_sr import fit_signal, solve_poisson, super_resolve
from siren_sr.derivatives import image_gradient
from siren_sr.fitting.tiles import TileRecipe

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def picture(rows: int = 24, columns: int = 32) -> torch.Tensor:
    """Smooth colours in [0, 1], (3, rows, columns)."""
    y, x = torch.meshgrid(torch.linspace(0, 1, rows), torch.linspace(0, 1, columns), indexing="ij")
    return torch.stack([x, y, 0.5 + 0.5 * torch.sin(9 * x * y)])


@pytest.mark.parametrize(
    "options",
    [
        {"tiles": False, "steps": 20},
        {"recipe": "paper", "steps": 20},
        {"objective": "mse_fft", "steps": 5},
        {"tiles": TileRecipe(tile=10, margin=2, hidden_features=16, steps=10)},
    ],
    ids=["batches", "paper", "whole grid", "tiles"],
)
def test_fits_agree(options):
    cpu, gpu = fit_signal(picture(), **options), fit_signal(picture(), device="cuda", **options)
    # Rounding differs and training amplifies it: the quality is the same, the weights are not.
    assert gpu.psnr == pytest.approx(cpu.psnr, abs=0.5)
    torch.testing.assert_close(gpu.render().cpu(), cpu.render(), rtol=0, atol=0.05)


def test_bf16_trains():
    options = {"device": "cuda", "tiles": False, "steps": 60}
    # Numbers of 32 bits have 36.6 dB then.
    assert fit_signal(picture(), precision="bf16", **options).psnr > fit_signal(picture(), **options).psnr - 3


@pytest.mark.parametrize("method", ["analytical", "numerical"])
def test_poisson_agrees(method):
    gradient = image_gradient(picture())
    cpu = solve_poisson(gradient=gradient, mean=0.5, method=method, steps=10)
    gpu = solve_poisson(gradient=gradient.to("cuda"), mean=0.5, method=method, steps=10)
    torch.testing.assert_close(gpu.cpu(), cpu, rtol=0, atol=0.05)


def test_super_resolution_agrees():
    cpu, gpu = super_resolve(picture(), 2, steps=10), super_resolve(picture(), 2, steps=10, device="cuda")
    torch.testing.assert_close(gpu.cpu(), cpu, rtol=0, atol=0.02)


def test_a_recorded_update_of_the_learned_upscaler_is_the_update():
    generator = torch.Generator().manual_seed(0)
    pictures = [(torch.rand(3, 150, 140, generator=generator) * 255).byte() for _ in range(2)]
    settings = Settings(steps=20, batch=2, patch=16, points=16, degraded=0.5, drawings=2, device="cuda")
    recorded, eager = Training(pictures, settings), Training(pictures, settings)
    eager._eager = 10**9
    for _ in range(8):
        recorded.step()
        eager.step()
    assert recorded._graph is not None
    for a, b in zip(recorded.model.parameters(), eager.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)
