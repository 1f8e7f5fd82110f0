"""Training pairs for the learned upscaler: crops of photographs, and small images made from them as users have them."""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from siren_sr.grids import resampling
from siren_sr.io import JpegTables
from siren_sr.superres.compression import codec
from siren_sr.superres.downsample import Downsample
from siren_sr.superres.learned.conditions import UNITS

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
DRAWN = 20  # one crop in so many is of a drawing, if there are any
LEVELS = (1.0, 0.7, 0.5)  # sizes of each picture; in smaller ones detail is denser, and traces of compression are gone
LARGEST = 8.0  # times that a side grows at most
UNENLARGED = 0.1  # share of the degraded batches that are to be mended only, not enlarged
WIDEST = 1.6  # the widest Gaussian, in pixels of the small image
NOISIEST = 40 / 255  # the strongest noise
HELD_OUT = 14  # every so many pictures, one is for validation


@dataclass(frozen=True)
class Batch:
    """Small images, what is known of them, and the pictures that they came from.

    Attributes:
        small: (B, 3, h, w) in [0, 1], of 8 bits.
        conditions: (B, 3), as `Conditions.tensor` gives them.
        large: (B, 3, H, W) in [0, 1].
    """

    small: Tensor
    conditions: Tensor
    large: Tensor


def photographs(folder: Path) -> tuple[list[Tensor], list[Tensor]]:
    """Read all pictures of a folder as (3, H, W) of 8 bits, in the order of their names: for training, and held out."""
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    if not paths:
        raise SystemExit(f"no pictures in {folder}: it must hold files that end in {', '.join(SUFFIXES)}")
    pictures = [read(p) for p in paths]
    held_out = [p for i, p in enumerate(pictures) if i % HELD_OUT == HELD_OUT - 1]
    return [p for i, p in enumerate(pictures) if i % HELD_OUT != HELD_OUT - 1], held_out


def read(path: Path) -> Tensor:
    """Read a picture as RGB, (3, H, W) of 8 bits."""
    with Image.open(path) as file:
        return torch.from_numpy(np.array(file.convert("RGB"))).permute(2, 0, 1).contiguous()


def rounded(image: Tensor) -> Tensor:
    """Round an image in [0, 1] to 8 bits."""
    return (image.clamp(0, 1) * 255).round() / 255


def shrink(image: Tensor, size: Sequence[int]) -> Tensor:
    """Shrink pictures (..., H, W) by MATLAB's bicubic, which rounds to 8 bits after each of its two passes."""
    rows, columns = (matrix(n, m, image.device) for n, m in zip(image.shape[-2:], size, strict=True))
    return rounded(rounded(rows @ image) @ columns.T)


@functools.lru_cache(maxsize=1024)
def matrix(n: int, m: int, device: torch.device) -> Tensor:
    """The matrix (m, n) that resizes n samples to m by bicubic interpolation, as MATLAB does."""
    return resampling.resize_bands((n,), (m,))[0].dense().float().to(device)


class Photographs:
    """Draws batches at random scales from pictures; the same seed draws the same batches.

    All pictures lie in one long tensor, from which one product of strides and one look-up take all crops of a batch:
    a GPU would wait for anything that is done crop by crop.

    Attributes:
        state: All of the randomness, to be stored with a checkpoint and put back.
    """

    def __init__(
        self,
        pictures: Sequence[Tensor],
        *,
        batch: int,
        patch: int,
        degraded: float,
        seed: int,
        drawn: Sequence[Tensor] = (),
        device: torch.device | None = None,
    ) -> None:
        """Hold the pictures in several sizes.

        Args:
            pictures: (3, H, W) of 8 bits.
            batch: Images of a batch.
            patch: Pixels of a small image, per side.
            degraded: Share of the batches whose images have blur, noise or compression.
            seed: Of the draws.
            drawn: Pictures that are no photographs; one crop in `DRAWN` is of one of them.
            device: Where the batches are made (default: the CPU).
        """
        self.batch, self.patch, self.degraded = batch, patch, degraded
        self.device = device or torch.device("cpu")
        self.generator = torch.Generator().manual_seed(seed)
        self.noise = torch.Generator(self.device).manual_seed(seed)
        stock, weights = [], []
        for picture in pictures:
            for level in LEVELS:
                stock.append(self._reduced(picture.to(self.device), level))
                # A half has a quarter of the pixels, but as much to see.
                weights.append(stock[-1][0].numel() / level)
        drawn = [picture.to(self.device) for picture in drawn]
        share = sum(weights) / (DRAWN - 1) / max(1, len(drawn)) if weights else 1.0
        self.weights = torch.tensor(weights + [share] * len(drawn), dtype=torch.float64)
        stock += drawn
        self.sides = torch.tensor([picture.shape[1:] for picture in stock])
        counts = torch.tensor([picture.numel() for picture in stock])
        self.starts = counts.cumsum(0) - counts
        self.pixels = torch.cat([picture.flatten() for picture in stock])
        if not (self.sides.amin(1) >= LARGEST * patch).any():
            raise SystemExit(
                f"no picture has {LARGEST * patch:.0f} pixels per side: give larger ones, or a smaller --patch"
            )

    @staticmethod
    def _reduced(picture: Tensor, level: float) -> Tensor:
        if level == 1:
            return picture
        return (shrink(picture / 255, [round(n * level) for n in picture.shape[1:]]) * 255).round().byte()

    @property
    def state(self) -> tuple[Tensor, Tensor]:
        """All of the randomness."""
        return self.generator.get_state(), self.noise.get_state()

    @state.setter
    def state(self, state: tuple[Tensor, Tensor]) -> None:
        self.generator.set_state(state[0].cpu())
        self.noise.set_state(state[1].cpu())

    def draw(self) -> Batch:
        """Draw one batch; all of its images have the same scales."""
        degraded = self._chance() < self.degraded
        large = self._crops(self._size(degraded)).float() / 255
        if degraded:
            return self._degrade(large)
        return Batch(shrink(large, (self.patch,) * 2), torch.zeros(self.batch, 3, device=self.device), large)

    def _chance(self) -> float:
        return float(torch.rand((), generator=self.generator, dtype=torch.float64))

    def _between(self, low: float, high: float) -> float:
        return low + (high - low) * self._chance()

    def _size(self, degraded: bool) -> tuple[int, int]:
        """Sides of the large crops: mostly 4, 3 or 2 times the small ones', sometimes any number of times.

        Of an image that only lacks quality, as many pixels may be asked for as it has.
        """
        kind = self._chance()
        if degraded and self._chance() < UNENLARGED:
            return self.patch, self.patch
        if kind < 0.8:
            scale = 4 if kind < 0.5 else 3 if kind < 0.63 else 2
            return scale * self.patch, scale * self.patch
        most = 4.0 if kind < 0.95 else LARGEST
        rows = self._between(1, most)
        columns = rows if self._chance() < 0.7 else self._between(1, most)
        return round(rows * self.patch), round(columns * self.patch)

    def _crops(self, size: tuple[int, int]) -> Tensor:
        """Parts of pictures, each in one of eight orientations: (B, 3, H, W) of 8 bits."""
        weights = self.weights * (self.sides.amin(1) >= max(size))
        chosen = torch.multinomial(weights, self.batch, replacement=True, generator=self.generator)
        chances = torch.rand(self.batch, 5, generator=self.generator, dtype=torch.float64)
        turned, flipped = chances[:, 0] < 0.5, chances[:, 1:3] < 0.5
        sides, width = torch.tensor(size).expand(self.batch, 2), self.sides[chosen, 1]
        sides = torch.where(turned[:, None], sides.flip(1), sides)
        corner = (chances[:, 3:] * (self.sides[chosen] - sides + 1)).long()
        # A mirrored axis is read backwards, from its last sample on.
        steps = torch.stack([width, torch.ones_like(width)], 1)
        first = self.starts[chosen] + ((corner + flipped * (sides - 1)) * steps).sum(1)
        steps = torch.where(flipped, -steps, steps)
        steps = torch.where(turned[:, None], steps.flip(1), steps)
        numbers = torch.stack([first, self.sides[chosen].prod(1), *steps.unbind(1)]).to(self.device, non_blocking=True)
        first, plane, down, across = (n[:, None, None, None] for n in numbers)
        i, j, k = (torch.arange(n, device=self.device) for n in (*size, 3))
        return self.pixels[first + plane * k[:, None, None] + down * i[:, None] + across * j]

    def _degrade(self, large: Tensor) -> Batch:
        """Make small images as users have them: each of the three defects has even odds, in the order of a camera."""
        small_size = (self.patch,) * 2
        scale = min(large.shape[2:]) / self.patch
        blur = self._between(0.2, 0.2 + (WIDEST - 0.2) * self._chance()) if self._chance() < 0.5 else 0.0
        if blur * scale >= 0.4 and large.shape[2] == large.shape[3]:
            small = _gaussian(large.shape[2:], small_size, round(blur * scale, 1), self.device)(large)
            blur = round(blur * scale, 1) / scale
        else:
            small, blur = shrink(large, small_size), 0.0
        chances = torch.rand(self.batch, 5, generator=self.generator)
        noise = torch.where(chances[:, 0] < 0.5, chances[:, 1] * NOISIEST, 0.0)
        # Low qualities are rare, but far from each other in what they leave.
        quality = torch.where(chances[:, 2] < 0.5, 98 - 88 * chances[:, 3] ** 1.5, 100.0).round()
        told = torch.stack([noise, torch.full_like(noise, blur), 1 - quality / 100], 1) * torch.tensor(UNITS)
        noise, told = (x.to(self.device, non_blocking=True) for x in (noise, told))
        drawn = torch.randn(small.shape, generator=self.noise, device=self.device)
        small = rounded(small + noise[:, None, None, None] * drawn)
        return Batch(compress_all(small, quality, chances[:, 4] < 0.5), told, large)


@functools.lru_cache(maxsize=512)
def _gaussian(size: tuple[int, ...], shape: tuple[int, ...], sigma: float, device: torch.device) -> Downsample:
    return Downsample.between(size, shape, kernel=sigma, like=torch.zeros((), device=device))


def compress_all(images: Tensor, quality: Tensor, subsampled: Tensor) -> Tensor:
    """What JPEG leaves of images (B, 3, h, w), on their device; those of quality 100 are left as they are.

    Args:
        images: RGB in [0, 1].
        quality: Of every image, (B,) on the CPU.
        subsampled: Whether the colour of an image is stored at half the resolution, (B,) of bool on the CPU.
    """
    result = images.clone()
    for name, alike in (("4:2:0", subsampled), ("4:4:4", ~subsampled)):
        chosen = (alike & (quality < 100)).nonzero().flatten()
        if len(chosen):
            tables = [JpegTables.of_quality(int(q), subsampling=name) for q in quality[chosen].tolist()]
            places = chosen.to(images.device, non_blocking=True)
            result[places] = codec.compress(images[places], tables)
    return result


def compress(image: Tensor, quality: int, *, subsampled: bool) -> Tensor:
    """What JPEG leaves of an image (3, H, W) in [0, 1]."""
    pixels = (image * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=2 if subsampled else 0)
    with Image.open(file) as read_back:
        return torch.from_numpy(np.array(read_back)).permute(2, 0, 1).float() / 255
