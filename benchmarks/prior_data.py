"""Training pairs for the learned upscaler: crops of photographs, and small images made from them as users have them."""

from __future__ import annotations

import functools
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from siren_sr.grids import resampling
from siren_sr.superres.downsample import Downsample
from siren_sr.superres.learned import Conditions

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
DRAWN = 10  # one crop in so many is of a drawing, if there are any
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
    rows, columns = _matrices(tuple(image.shape[-2:]), tuple(size))
    return rounded(rounded(rows @ image) @ columns.T)


@functools.lru_cache(maxsize=512)
def _matrices(shape: tuple[int, ...], size: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    rows, columns = (a.dense().float() for a in resampling.resize_bands(shape, size))
    return rows, columns


class Photographs:
    """Draws batches at random scales from pictures; the same seed draws the same batches.

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
    ) -> None:
        """Hold the pictures and halves of them, where detail is denser and traces of compression are gone.

        Args:
            pictures: (3, H, W) of 8 bits.
            batch: Images of a batch.
            patch: Pixels of a small image, per side.
            degraded: Share of the batches whose images have blur, noise or compression.
            seed: Of the draws.
            drawn: Pictures that are no photographs; one crop in `DRAWN` is of one of them.
        """
        halves = [(shrink(p / 255, [n // 2 for n in p.shape[1:]]) * 255).byte() for p in pictures]
        self.pictures = [p for p in (*pictures, *halves) if min(p.shape[1:]) >= 8 * patch]
        # A half has a quarter of the pixels, but as much to see.
        self.weights = [p[0].numel() * (1 if i < len(pictures) else 2) for i, p in enumerate(self.pictures)]
        self.drawn = [p for p in drawn if min(p.shape[1:]) >= 8 * patch]
        self.batch, self.patch, self.degraded = batch, patch, degraded
        self.random = random.Random(seed)
        self.generator = torch.Generator().manual_seed(seed)

    @property
    def state(self) -> tuple[object, Tensor]:
        """All of the randomness."""
        return self.random.getstate(), self.generator.get_state()

    @state.setter
    def state(self, state: tuple[object, Tensor]) -> None:
        self.random.setstate(state[0])  # pyright: ignore[reportArgumentType]
        self.generator.set_state(state[1])

    def draw(self) -> Batch:
        """Draw one batch; all of its images have the same scales."""
        size = self._size()
        large = torch.stack([self._crop(size) for _ in range(self.batch)]).float() / 255
        if self.random.random() >= self.degraded:
            return Batch(shrink(large, (self.patch,) * 2), torch.zeros(self.batch, 3), large)
        return self._degrade(large)

    def _size(self) -> tuple[int, int]:
        """Sides of the large crops: mostly 4, 3 or 2 times the small ones', sometimes any number of times."""
        kind = self.random.random()
        if kind < 0.8:
            scale = 4 if kind < 0.45 else 3 if kind < 0.6 else 2
            return scale * self.patch, scale * self.patch
        most = 4.0 if kind < 0.95 else 8.0
        rows = self.random.uniform(1, most)
        columns = rows if self.random.random() < 0.7 else self.random.uniform(1, most)
        return round(rows * self.patch), round(columns * self.patch)

    def _crop(self, size: tuple[int, int]) -> Tensor:
        """Part of a picture, in one of eight orientations."""
        if self.drawn and self.random.random() * DRAWN < 1:
            picture = self.random.choice(self.drawn)
        else:
            picture = self.random.choices(self.pictures, self.weights)[0]
        turned = self.random.random() < 0.5
        sides = size[::-1] if turned else size
        top, left = (self.random.randint(0, n - m) for n, m in zip(picture.shape[1:], sides, strict=True))
        crop = picture[:, top : top + sides[0], left : left + sides[1]]
        crop = crop.flip([axis for axis in (1, 2) if self.random.random() < 0.5])
        return crop.transpose(1, 2) if turned else crop

    def _degrade(self, large: Tensor) -> Batch:
        """Make small images as users have them: each of the three defects has even odds, in the order of a camera."""
        small_size = (self.patch,) * 2
        scale = min(large.shape[2:]) / self.patch
        blur = self.random.uniform(0.2, 0.8) if self.random.random() < 0.5 else 0.0
        if blur * scale >= 0.4 and large.shape[2] == large.shape[3]:
            small = _gaussian(large.shape[2:], small_size, round(blur * scale, 1))(large)
            blur = round(blur * scale, 1) / scale
        else:
            small, blur = shrink(large, small_size), 0.0
        rows = []
        for i in range(len(small)):
            noise = self.random.uniform(0, 25 / 255) if self.random.random() < 0.5 else 0.0
            jpeg = self.random.randint(30, 95) if self.random.random() < 0.5 else 0
            small[i] = rounded(small[i] + noise * torch.randn(small[i].shape, generator=self.generator))
            if jpeg:
                small[i] = compress(small[i], jpeg, subsampled=self.random.random() < 0.5)
            rows.append(Conditions(noise, blur, 1 - jpeg / 100 if jpeg else 0.0).tensor(small))
        return Batch(small, torch.cat(rows), large)


@functools.lru_cache(maxsize=512)
def _gaussian(size: tuple[int, ...], shape: tuple[int, ...], sigma: float) -> Downsample:
    return Downsample.between(size, shape, kernel=sigma, like=torch.zeros(()))


def compress(image: Tensor, quality: int, *, subsampled: bool) -> Tensor:
    """What JPEG leaves of an image (3, H, W) in [0, 1]."""
    pixels = (image * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=2 if subsampled else 0)
    with Image.open(file) as read_back:
        return torch.from_numpy(np.array(read_back)).permute(2, 0, 1).float() / 255
