"""What the tests share: functions whose derivatives are known, a small picture, and where the paper's data is."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor, nn

from siren_sr.grids import coordinates

DATA = Path(os.environ.get("SIREN_SR_DATA", Path(__file__).parents[2] / "shared" / "data"))
"""The folder of the paper's data, which need not exist: tests that want it are skipped then."""


class Wave(nn.Module):
    """sin(k·x) for each row k of a (C, D) matrix: gradient k cos, Laplacian -|k|² sin."""

    def __init__(self, k: Tensor) -> None:
        super().__init__()
        self.k = nn.Parameter(k.clone())

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(x @ self.k.T)

    def gradient(self, x: Tensor) -> Tensor:
        return torch.cos(x @ self.k.T)[..., None] * self.k

    def laplacian(self, x: Tensor) -> Tensor:
        return -torch.sin(x @ self.k.T) * self.k.square().sum(1)


def picture(height: int = 24, width: int = 32, channels: int = 3) -> Tensor:
    """A smooth test picture with an edge, (C, H, W) in [0, 1]."""
    x, y = coordinates.grid((height, width), dtype=torch.float64).T
    bands = [
        0.5 + 0.3 * torch.sin((3 + c) * x + 2 * y) + 0.15 * ((x + 0.3 * c > y).double() - 0.5) for c in range(channels)
    ]
    return torch.stack(bands).reshape(channels, height, width).float()
