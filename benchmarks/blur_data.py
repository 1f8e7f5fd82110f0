"""Pieces of photographs that were reduced by known kernels, for the network that tells blur."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.prior_data import LEVELS, rounded
from siren_sr.grids.resampling import resize
from siren_sr.superres.degradation.blur import gaussian
from siren_sr.superres.degradation.blur_network import NARROWEST, WIDEST
from siren_sr.superres.downsample import Downsample

SIDE, RIM = 64, 10  # pixels per side of a piece, and of what is cut off around it, where borders were mirrored
SCALES = (2, 2, 3, 4)
LONGEST = 1600  # pixels of a photograph's longer side: it is reduced if it has more
FLAT = 0.02  # pieces with a smaller standard deviation show nothing
SHARP, FADED, NOISY, COMPRESSED = 0.25, 0.3, 0.15, 0.15  # shares of the pieces
NAMES = ("bicubic", "bicubic", "bicubic", "bicubic", "bicubic", "bicubic", "lanczos", "box")  # of sharp pieces
NOISIEST = 12 / 255


class Pieces:
    """Draws pieces; the same seed draws the same ones."""

    def __init__(self, pictures: Sequence[Tensor], *, seed: int) -> None:
        """Hold pictures, (3, H, W) of 8 bits, in several sizes."""
        self._random = np.random.default_rng(seed)
        self._pictures: list[list[Tensor]] = []
        for picture in pictures:
            gray = picture.float().mean(0, keepdim=True) / 255
            largest = min(1.0, LONGEST / max(gray.shape))
            sizes = [[round(n * largest * level) for n in gray.shape[1:]] for level in LEVELS]
            versions = [resize(gray, size).clamp(0, 1) for size in sizes if min(size) >= SCALES[0] * (SIDE + 2 * RIM)]
            if versions:
                self._pictures.append(versions)

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        """Draw pieces.

        Returns:
            Pieces (count, SIDE, SIDE) of 8 bits, and what is known of each, (count, 5): whether it is sharp, the
            covariance of its blur as rows, columns and mixed, in squared pixels of the piece, and its noise.
        """
        pieces, known = torch.zeros(count, SIDE, SIDE, dtype=torch.uint8), torch.zeros(count, 5)
        for i in range(count):
            found = None
            while found is None:
                found = self._piece()
            pieces[i], known[i] = found
        return pieces, known

    def _piece(self) -> tuple[Tensor, Tensor] | None:
        random = self._random
        versions = self._pictures[random.integers(len(self._pictures))]
        large, scale = versions[random.integers(len(versions))], int(random.choice(SCALES))
        n = SIDE + 2 * RIM
        if scale * n > min(large.shape[1:]):
            scale = SCALES[0]
        y, x = (random.integers(m - scale * n + 1) for m in large.shape[1:])
        large = large[:, y : y + scale * n, x : x + scale * n]
        if float(large.std()) < FLAT:
            return None
        if random.random() < FADED:
            large = 0.5 + (large - 0.5) * float(random.uniform(0.25, 1))
        kernel, covariance = self._kernel(scale)
        small = Downsample.between(large.shape[1:], (n, n), kernel=kernel, like=large)(large)
        small = small[0, RIM:-RIM, RIM:-RIM]
        noise = float(random.uniform(1.5 / 255, NOISIEST)) if random.random() < NOISY else 0.0
        if noise:
            small = small + noise * torch.from_numpy(random.standard_normal(small.shape))
        piece = (rounded(small) * 255).round().byte()
        if not noise and random.random() < COMPRESSED:
            piece = _compressed(piece, int(random.integers(60, 97)))
        return piece, torch.tensor([float(covariance is None), *(covariance or (0.0,) * 3), noise])

    def _kernel(self, scale: int) -> tuple[Any, tuple[float, float, float] | None]:
        """A kernel in pixels of the picture, and its covariance in squared pixels of the image; None if it is sharp."""
        random = self._random
        if random.random() < SHARP:
            return NAMES[random.integers(len(NAMES))], None
        sigma = NARROWEST * (WIDEST / NARROWEST) ** random.random()
        kind = random.random()
        # Number kernels are as narrow as 0.3 pixels of the picture at least.
        if kind < 0.55 or scale % 2:
            sigma = max(0.3 / scale, sigma)
            return sigma * scale, (sigma**2, sigma**2, 0.0)
        angle = random.uniform(0, math.pi)
        if kind < 0.85:
            ratio = random.uniform(1, 3.5) ** 2
            values = np.maximum(np.array([ratio, 1]) * sigma**2 * 2 / (1 + ratio), 0.18**2)
            turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
            spread = torch.from_numpy(turn @ np.diag(values) @ turn.T)
            return gaussian(spread * scale**2), (float(spread[0, 0]), float(spread[1, 1]), float(spread[0, 1]))
        return _motion(random.uniform(0.7, 2.5) * scale, random.uniform(0.2, 0.4) * scale, angle, scale)


def _motion(reach: float, width: float, angle: float, scale: int) -> tuple[Tensor, tuple[float, float, float]]:
    """A straight line of so many pixels to both sides, itself blurred a little."""
    half = math.ceil(reach + 3 * width)
    at = torch.arange(2 * half, dtype=torch.float64) - half + 0.5
    along = at[:, None] * math.sin(angle) + at * math.cos(angle)
    across = at[:, None] * math.cos(angle) - at * math.sin(angle)
    kernel = torch.exp(-0.5 * (across / width) ** 2) * torch.sigmoid((reach - along.abs()) / 0.3)
    kernel = kernel / kernel.sum()
    rows, columns = float(kernel.sum(1) @ at.square()), float(kernel.sum(0) @ at.square())
    mixed = float(at @ kernel @ at)
    return kernel, (rows / scale**2, columns / scale**2, mixed / scale**2)


def _compressed(piece: Tensor, quality: int) -> Tensor:
    """What JPEG of some quality leaves of a piece."""
    data = io.BytesIO()
    Image.fromarray(piece.numpy()).save(data, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(data)))
