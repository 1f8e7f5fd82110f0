"""What JPEG leaves of many small images at once, on any device: to train the learned upscaler on compressed images.

It follows the usual encoder and decoder (libjpeg): colours as luma and chroma, chroma at half the resolution if wanted,
cosines of blocks of 8x8 pixels, rounded to multiples of the tables of the standard (ITU-T T.81, Annex K), whose scale
is the quality. Sums are taken in float32, where libjpeg has integers; few pixels differ by it, and by little.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor, nn

LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
TO_LUMA = ((0.299, 0.587, 0.114), (-0.168735892, -0.331264108, 0.5), (0.5, -0.418687589, -0.081312411))
TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136286, -0.714136286), (1.0, 1.772, 0.0))


def compress(images: Tensor, quality: Tensor, subsampled: Tensor) -> Tensor:
    """What JPEG leaves of images.

    Args:
        images: (B, 3, h, w), RGB in [0, 1].
        quality: Of every image, 1 to 100, (B,).
        subsampled: Whether the chroma of an image is stored at half the resolution, (B,) of bool.

    Returns:
        (B, 3, h, w) in [0, 1], of 8 bits.
    """
    h, w = images.shape[2:]
    pixels = nn.functional.pad((images * 255).round(), (0, -w % 16, 0, -h % 16), mode="replicate")
    luma, chroma = (
        _colours(pixels, TO_LUMA).add(pixels.new_tensor([0, 128, 128])[:, None, None]).round().split((1, 2), 1)
    )
    scale = torch.where(quality < 50, (5000 / quality).floor(), 200 - 2 * quality).to(pixels)
    luma = _quantized(luma, _tables(LUMA, scale))
    table = _tables(CHROMA, scale)
    # The encoder's two halves alternate in their rounding, so that the mean of all pixels is kept.
    half = nn.functional.avg_pool2d(chroma, 2) * 4
    bias = 1 + torch.arange(half.shape[3], device=half.device) % 2
    half = _quantized(((half + bias) / 4).floor(), table)
    chroma = torch.where(subsampled[:, None, None, None], _doubled(half, (h, w)), _quantized(chroma, table))
    found = _colours(torch.cat([luma, chroma - 128], 1), TO_RGB)
    return found[:, :, :h, :w].round().clamp(0, 255) / 255


def _colours(pixels: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    return torch.einsum("ij,bjhw->bihw", pixels.new_tensor(matrix), pixels)


def _tables(table: tuple[tuple[int, ...], ...], scale: Tensor) -> Tensor:
    """The steps of every frequency (B, 8, 8)."""
    return ((scale.new_tensor(table) * scale[:, None, None] + 50) / 100).floor().clamp(1, 255)


@functools.lru_cache(maxsize=4)
def _cosines(device: torch.device) -> Tensor:
    """The orthogonal cosine transform of eight samples."""
    k, x = torch.arange(8.0)[:, None], torch.arange(8.0)
    rows = torch.cos(math.pi / 8 * (x + 0.5) * k) / 2
    rows[0] /= math.sqrt(2)
    return rows.to(device)


def _quantized(planes: Tensor, tables: Tensor) -> Tensor:
    """Round the cosines of blocks of planes (B, C, H, W) to multiples of the steps, and return whole pixels."""
    cosines = _cosines(planes.device)
    blocks = (planes - 128).unflatten(3, (-1, 8)).unflatten(2, (-1, 8)).transpose(3, 4)
    steps = tables[:, None, None, None]
    # The encoder has whole eighths, and rounds what lies in the middle away from zero.
    eighths = (cosines @ blocks @ cosines.T * 8).round()
    coefficients = eighths.sign() * ((eighths.abs() + 4 * steps) / (8 * steps)).floor() * steps
    blocks = (cosines.T @ coefficients @ cosines + 128).round().clamp(0, 255)
    return blocks.transpose(3, 4).flatten(4, 5).flatten(2, 3)


def _doubled(half: Tensor, shape: tuple[int, int]) -> Tensor:
    """Enlarge planes twice as libjpeg does: the nearer sample counts three times as much, and edges are repeated."""
    h, w = (math.ceil(n / 2) for n in shape)
    # The decoder repeats the last sample that the image needs, not those that only fill a block.
    sides = (half.shape[2] - h, half.shape[3] - w)
    part = nn.functional.pad(half[:, :, :h, :w], (1, 1, 1, 1), mode="replicate")
    rows = torch.stack([3 * part[:, :, 1:-1] + part[:, :, :-2], 3 * part[:, :, 1:-1] + part[:, :, 2:]], 3).flatten(2, 3)
    near = 3 * rows[..., 1:-1]
    both = torch.stack([near + rows[..., :-2] + 8, near + rows[..., 2:] + 7], 4).flatten(3, 4)
    return nn.functional.pad((both / 16).floor(), (0, 2 * sides[1], 0, 2 * sides[0]))
