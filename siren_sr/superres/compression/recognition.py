"""Was this image once a JPEG file? The coefficients of its blocks tell, where they are multiples of its steps.

The idea is that of Fan and de Queiroz ("Identification of bitmap compression history: JPEG detection and quantizer
estimation", 2003): a decoded image has coefficients near the multiples of a step only. Here the tables of all qualities
are compared at once, and nothing is said unless one, used to quantize the image again, gives the image back.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from siren_sr.io import JpegTables
from siren_sr.io.jpeg import JpegColour
from siren_sr.superres.compression.codec import decode
from siren_sr.superres.compression.cosine import BLOCK
from siren_sr.superres.compression.jpeg_set import requantized, shown

SPREAD = 0.5  # standard deviation of a coefficient after rounding to 8 bits, about 0.3 for gray and 0.45 for colour
LEAST_STEP = 3  # smaller steps cannot be told from rounding
EVIDENCE = 60.0  # by how many natural logarithms the table must explain the coefficients better than chance
EQUAL = 0.9  # share of values that must come out equal once the image is quantized by the table and decoded again
MOST_BLOCKS = 800  # blocks that are looked at, evenly chosen
MOST_ROWS = 1024  # rows and columns that are decoded again
CANDIDATES = 3  # qualities that are tried

# Where colour is so even that several explain the image, the one that says least about it is taken.
_SUBSAMPLINGS = ("4:2:0", "4:2:2", "4:4:4")
_BETTER = 0.005  # by what share of the values another must be better than an earlier one


def recognise(image: Tensor) -> JpegTables | None:
    """Find how an image was compressed before it was decoded, where that is certain.

    Found are the tables of libjpeg's qualities (`JpegTables.of_quality`) on a grid that begins at the first pixel, with
    the subsamplings 4:4:4, 4:2:2 and 4:2:0. Tables of other encoders, images that were cut, resized or changed after
    they were decoded, and files of such high quality that their steps are lost in rounding are not.

    Args:
        image: (C, H, W) in [0, 1], C = 1 or 3, whole multiples of 1/255.

    Returns:
        The tables with the image's size, or None.
    """
    if image.ndim != 3 or image.shape[0] not in (1, 3) or min(image.shape[1:]) < 2 * BLOCK:
        return None
    pixels = image.detach().to("cpu", torch.float64)
    if not torch.allclose(255 * pixels, (255 * pixels).round(), rtol=0, atol=1e-3):
        return None
    size = (image.shape[1], image.shape[2])
    part = pixels[None, :, : min(MOST_ROWS, size[0] // 16 * 16), : min(MOST_ROWS, size[1] // 16 * 16)]
    colour: JpegColour = "gray" if len(image) == 1 else "YCbCr"
    subsamplings = ("4:4:4",) if len(image) == 1 else _SUBSAMPLINGS
    best, found = EQUAL, None
    for quality in _qualities(_whole(pixels, JpegTables.of_quality(50, colour=colour, subsampling="4:4:4"))):
        for subsampling in subsamplings:
            tables = JpegTables.of_quality(quality, colour=colour, subsampling=subsampling, size=size)
            again = decode(requantized(part, tables), tables, part.shape[-2:])
            equal = float(((again - part).abs() < 0.5 / 255).double().mean())
            if equal > best:
                best, found = equal + _BETTER, tables
    return found


def _whole(pixels: Tensor, tables: JpegTables) -> Tensor:
    """Return the coefficients (N, 8, 8) of luma, of blocks inside the image that nothing has clipped."""
    rows, columns = (n // BLOCK for n in pixels.shape[1:])
    pixels = pixels[:, : rows * BLOCK, : columns * BLOCK]
    clipped = ((pixels <= 0) | (pixels >= 1)).any(0)
    bad = clipped.unflatten(1, (columns, BLOCK)).unflatten(0, (rows, BLOCK)).any(3).any(1)
    blocks = shown(pixels[None], tables)[0][0][~bad]
    return blocks[:: max(1, -(-len(blocks) // MOST_BLOCKS))]


def _qualities(blocks: Tensor) -> list[int]:
    """Return the qualities whose tables explain the coefficients of luma best, the best one first."""
    evidence = {}
    for quality in range(1, 100):
        table = JpegTables.of_quality(quality).tables[0]
        evidence[quality] = _evidence(blocks, torch.from_numpy(table.astype("float64")))
    ordered = sorted((quality for quality, value in evidence.items() if value > EVIDENCE), key=lambda q: -evidence[q])
    return ordered[:CANDIDATES]


def _evidence(blocks: Tensor, table: Tensor) -> float:
    """Return by how many natural logarithms a table explains coefficients better than chance.

    Of coefficients that are not nearest to zero, the distance from the nearest multiple is either normal with the
    deviation `SPREAD` or, by chance, even over the step. Zeros say nothing.
    """
    used = table >= LEAST_STEP
    values, steps = blocks[:, used], table[used].expand(len(blocks), -1)
    far = values.abs() > steps / 2
    values, steps = values[far], steps[far]
    away = values - steps * (values / steps).round()
    gain = steps.log() - math.log(SPREAD * math.sqrt(2 * math.pi)) - (away / SPREAD).square() / 2
    return float(gain.clamp(min=-8).sum())  # one that does not fit at all is not to outweigh all others
