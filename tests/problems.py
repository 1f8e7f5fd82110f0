"""What the tests share: functions whose derivatives are known, small pictures, and where the paper's data is."""

from __future__ import annotations

import math
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn

from siren_sr.grids import coordinates

DATA = Path(os.environ.get("SIREN_SR_DATA", Path(__file__).parents[2] / "shared" / "data"))
"""The folder of the paper's data, which need not exist: tests that want it are skipped then."""

SMALL = {"hidden_features": 32, "hidden_layers": 1}
"""A network that trains in a moment."""

TURNED = torch.tensor([[0.0, 0.1, 0.4], [0.1, 0.5, 0.1], [0.4, 0.1, 0.0]], dtype=torch.float64)
"""A kernel that is no outer product."""


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


def whole(image: Tensor) -> Tensor:
    """An image brought to the range [0, 1], as floating-point images are before anything is done with them."""
    least, most = image.aminmax()
    return (image - least) / (most - least)


def smooth(height: int = 16, width: int = 20, channels: int = 2) -> Tensor:
    """A picture of low frequencies, (C, H, W) in [0, 1]."""
    x, y = coordinates.grid((height, width), dtype=torch.float64).T
    bands = [0.5 + 0.25 * torch.sin((2 + c) * x + 1.5 * y) + 0.15 * torch.cos(3 * y - c) for c in range(channels)]
    return torch.stack(bands).reshape(channels, height, width).float()


def cosine(n: int, k: int) -> Tensor:
    """cos of π·k/2 radians per unit of coordinate at n pixel centres of [-1, 1], even at both ends."""
    return torch.cos(math.pi * k * (torch.arange(n, dtype=torch.float64) + 0.5) / n)


def eight_bit(image: Tensor) -> np.ndarray:
    """An image (C, H, W) or (H, W) in [0, 1] as an array of bytes, (H, W, C) or (H, W)."""
    levels = (image * 255).round().byte().numpy()
    return levels if image.ndim == 2 else np.ascontiguousarray(np.moveaxis(levels, 0, -1))


def field(values: Tensor) -> SimpleNamespace:
    """What an objective sees of a network that has these values (C, *grid)."""
    return SimpleNamespace(values=values)


def spy(function, seen):
    """The function, which appends the options of every call to ``seen``."""

    def wrapper(*args, **options):
        seen.append(options)
        return function(*args, **options)

    return wrapper


def texture(height: int = 20, width: int = 24, channels: int = 3) -> Tensor:
    """A texture that wraps, (C, H, W) in [0, 1]: noise whose strength falls with its frequency, calm where it ends."""
    noise = torch.randn(channels, height, width, generator=torch.Generator().manual_seed(3))
    rows, columns = torch.fft.fftfreq(height)[:, None] * height, torch.fft.rfftfreq(width) * width
    found = torch.fft.irfft2(torch.fft.rfft2(noise) / (1 + rows**2 + columns**2), s=(height, width))
    for axis in (1, 2):
        steps = (found.roll(-1, axis) - found).abs().amax((0, 3 - axis))
        found = found.roll(-1 - int(steps.argmin()), axis)
    return whole(found)


def largest_jumps(values: Tensor, axis: int) -> tuple[float, float]:
    """The largest difference between neighbours along an axis: inside, and across the seam."""
    seam = values.select(axis, 0) - values.select(axis, -1)
    return float(values.diff(dim=axis).abs().max()), float(seam.abs().max())
