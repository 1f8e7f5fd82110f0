"""What a JPEG file keeps of an image: the whole way there and back, as libjpeg-turbo takes it, rounding included."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from siren_sr.io import JpegTables
from siren_sr.superres.compression import cosine, planes
from siren_sr.superres.compression.cosine import BLOCK

Tables = JpegTables | Sequence[JpegTables]
"""One description of a compression for all images, or one for each; these may differ in their steps only."""


def compress(images: Tensor, tables: Tables) -> Tensor:
    """Compress images by JPEG and decode them again.

    The values are rounded to 8 bits first. The rest is what libjpeg-turbo does by default: colour in whole numbers,
    its means for the reduced components, repeated edges, the accurate integer transform, and on the way back the
    smooth enlargement of the reduced components.

    Args:
        images: (B, C, H, W) in [0, 1], with as many channels as the tables have components (C = 1 for gray, 3 for
            YCbCr and RGB).
        tables: The tables, and which resolution the components have. Their ``size`` is not used.

    Returns:
        Tensor (B, C, H, W) of whole multiples of 1/255, of the dtype and on the device of ``images``.

    Raises:
        ValueError: The channels do not fit, or the tables are of a kind that is not supported: CMYK, YCCK, a
            reduction that is not by whole numbers, or several that differ in more than their steps.
    """
    steps, first = steps_of(tables, like=images)
    pixels = _exact(images).mul(255).round().clamp(0, 255)
    coefficients = quantize(pixels, steps, first)
    return _decode(coefficients, steps, first, images.shape[-2:]).div(255).to(images)


def coefficients_of(images: Tensor, tables: Tables) -> list[Tensor]:
    """Return the quantized coefficients that libjpeg-turbo would write for images.

    Args:
        images: (B, C, H, W) in [0, 1].
        tables: As for `compress`.

    Returns:
        A float64 tensor (B, rows, columns, 8, 8) of whole numbers for each component, as
        `siren_sr.io.read_jpeg_coefficients` gives them.
    """
    steps, first = steps_of(tables, like=images)
    return quantize(_exact(images).mul(255).round().clamp(0, 255), steps, first)


def decode(coefficients: Sequence[Tensor], tables: Tables, size: Sequence[int]) -> Tensor:
    """Decode quantized coefficients as libjpeg-turbo does.

    Args:
        coefficients: A tensor (B, rows, columns, 8, 8) for each component.
        tables: As for `compress`.
        size: Rows and columns of the images.

    Returns:
        Float64 tensor (B, C, H, W) in [0, 1].
    """
    values = [_exact(component) for component in coefficients]
    steps, first = steps_of(tables, like=values[0])
    return _decode(values, steps, first, size).div(255)


def steps_of(tables: Tables, *, like: Tensor) -> tuple[Tensor, JpegTables]:
    """Return the quantization steps (B or 1, C, 8, 8), float64, and the tables that say all else.

    Raises:
        ValueError: The tables do not fit to each other or to the number of ``like``'s images and channels, or are of
            a kind that is not supported.
    """
    several = (tables,) if isinstance(tables, JpegTables) else tuple(tables)
    if not several or len({(one.sampling, one.colour) for one in several}) > 1:
        raise ValueError("give tables that differ in their steps only: one, or one for each image")
    first = several[0]
    supported(first)
    if like.ndim == 4 and like.shape[1] != len(first.sampling):
        raise ValueError(f"{first.colour} tables need {len(first.sampling)} channels; got shape {tuple(like.shape)}")
    if len(several) not in (1, len(like)):
        raise ValueError(f"give one table or one for each of the {len(like)} images; got {len(several)}")
    steps = torch.stack([torch.from_numpy(one.tables.astype("float64")) for one in several])
    return steps.to(_exact(like).device), first


def supported(tables: JpegTables) -> None:
    """Check that tables are of a kind that is supported.

    Raises:
        ValueError: They are those of CMYK or YCCK, or of a component that is not reduced by whole numbers.
    """
    if tables.colour not in ("gray", "YCbCr", "RGB"):
        raise ValueError(f"{tables.colour} is not supported: convert the image to RGB and leave its compression out")
    factors_of(tables)


def factors_of(tables: JpegTables) -> list[planes.Factors]:
    """Return how many rows and columns of pixels each component's values stand for, in whole numbers.

    Raises:
        ValueError: They are no whole numbers.
    """
    if any(value % 1 for pair in tables.reduction for value in pair):
        raise ValueError(f"components must be reduced by whole numbers; got the factors {tables.sampling}")
    return [(int(v), int(h)) for v, h in tables.reduction]


def quantize(pixels: Tensor, steps: Tensor, tables: JpegTables) -> list[Tensor]:
    """Return the quantized coefficients of whole pixels (B, C, H, W), 0 to 255, one tensor for each component."""
    values = planes.to_ycc(pixels) if tables.colour == "YCbCr" else pixels
    result = []
    for i, factors in enumerate(factors_of(tables)):
        blocks = to_blocks(planes.reduce(values[:, i], factors, BLOCK) - 128, (BLOCK, BLOCK))
        divisor = BLOCK * steps[:, i, None, None]
        scaled = cosine.rounded_forward(blocks)
        result.append(torch.floor((scaled.abs() + divisor // 2) / divisor) * scaled.sign())
    return result


def _decode(coefficients: Sequence[Tensor], steps: Tensor, tables: JpegTables, size: Sequence[int]) -> Tensor:
    """Return whole pixels (B, C, H, W), 0 to 255."""
    values = []
    for i, (v, h) in enumerate(factors_of(tables)):
        blocks = cosine.rounded_inverse(coefficients[i] * steps[:, i, None, None])
        plane = from_blocks((blocks + 128).clamp(0, 255))
        # Behind the last value that the picture needs, the enlargement repeats it.
        plane = plane[:, : -(-size[0] // v), : -(-size[1] // h)]
        values.append(planes.enlarge(plane, (v, h), size))
    whole = torch.stack(values, 1)
    return planes.to_rgb(whole) if tables.colour == "YCbCr" else whole


def to_blocks(plane: Tensor, block: Sequence[int]) -> Tensor:
    """Cut planes (B, R·rows, C·columns) into blocks of (rows, columns): a tensor (B, R, C, rows, columns)."""
    return plane.unflatten(-1, (-1, block[1])).unflatten(-3, (-1, block[0])).transpose(-2, -3)


def from_blocks(blocks: Tensor) -> Tensor:
    """Put the planes (B, R·rows, C·columns) together that `to_blocks` has cut."""
    return blocks.transpose(-2, -3).flatten(-4, -3).flatten(-2)


def _exact(images: Tensor) -> Tensor:
    """As float64, on the CPU where the device has none; only float64 holds every sum exactly."""
    return images.to("cpu" if images.device.type == "mps" else images.device, torch.float64)
