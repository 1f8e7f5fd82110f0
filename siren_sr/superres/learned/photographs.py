"""The prior "photographs": the picture that the network shipped with the library makes of any image."""

from __future__ import annotations

import functools
import math
import numbers
from collections.abc import Sequence
from importlib import resources
from typing import Any

import torch
from torch import Tensor

from siren_sr.signals import from_unit, to_unit
from siren_sr.superres.convolution import has_fast_bfloat16, turn, turn_back
from siren_sr.superres.learned.conditions import Conditions
from siren_sr.superres.learned.network import LearnedUpscaler, tiles
from siren_sr.superres.learned.storage import load
from siren_sr.training.progress import Monitor

FILE = "photographs.safetensors"
WIDEST = 0.6  # the widest Gaussian, in pixels of the image, that the network has been trained on
STRONGEST = 12 / 255  # the strongest noise
LARGEST = 8.0  # the largest scale
SMALLEST = 8  # the fewest pixels of a side: in less there is nothing to recognise
ORIENTATIONS = {"fast": 1, "standard": 8, "best": 8}


@functools.lru_cache(maxsize=1)
def network() -> LearnedUpscaler:
    """The network, read from the installed package once."""
    with resources.as_file(resources.files("siren_sr.superres.learned").joinpath(FILE)) as path:
        return load(path)[0].requires_grad_(False)


def conditions(kernel: Any, noise: float, *, shape: Sequence[int], size: Sequence[int]) -> Conditions | str:
    """What the network is told of an image; or why it cannot be asked, since it was not trained on such images.

    Args:
        kernel: The downsampling that made the image, see `siren_sr.superres.kernels.check_kernel`.
        noise: Standard deviation of the image's noise, for an image in [0, 1].
        shape: (h, w) of the image.
        size: (H, W) wanted.
    """
    if min(shape) < SMALLEST:
        return f"it knows images of at least {SMALLEST} pixels per side, not {shape[0]}x{shape[1]}"
    scale = [n / m for n, m in zip(size, shape, strict=True)]
    if max(scale) > LARGEST:
        return f"it enlarges up to {LARGEST:g} times, not {max(scale):g}"
    if noise > STRONGEST:
        return f"it knows noise up to {STRONGEST:.3f}, not {noise:g}"
    if isinstance(kernel, str) and kernel == "bicubic":
        return Conditions(noise)
    blur = float(kernel) / min(scale) if isinstance(kernel, numbers.Real) else math.inf
    if blur > WIDEST:
        given = repr(kernel) if isinstance(kernel, str | numbers.Real) else "an array"
        return f'it knows kernel="bicubic" and Gaussians of up to {WIDEST:g} pixels of the image, not {given}'
    return Conditions(noise, blur)


def enlarge(
    images: Tensor, *, size: tuple[int, int], told: Conditions, orientations: int, monitor: Monitor | None = None
) -> Tensor:
    """The network's pictures of images.

    Args:
        images: (B, C, h, w) in [-1, 1]. Three or four channels are a colour and what else there is; any other number
            are single gray images each.
        size: (H, W).
        told: What is known of how the images came about.
        orientations: 1, or 8 for the mean over all turned and mirrored versions.
        monitor: Told of every tile; when it answers True, bicubic interpolation takes the place of what is missing.

    Returns:
        (B, C, H, W) in [-1, 1], of the images' type and device.
    """
    monitor = Monitor() if monitor is None else monitor
    model = network().to(images.device)
    unit = to_unit(images).float()
    colours = unit[:, :3] if unit.shape[1] in (3, 4) else unit.new_zeros(0, 3, *unit.shape[2:])
    grays = unit[:, 3 if len(colours) else 0 :]
    triplets = torch.cat([colours, grays.flatten(0, 1)[:, None].expand(-1, 3, -1, -1)])
    precision = torch.bfloat16 if has_fast_bfloat16(unit) else None
    monitor.plan("prior", orientations * tiles(unit.shape[2:]))
    found, count = torch.zeros(len(triplets), 3, *size, device=unit.device), 0
    for i in range(orientations):
        turned = size if i % 2 == 0 else size[::-1]
        with torch.no_grad():
            picture = model(turn(triplets, i), turned, conditions=told, precision=precision, stop=monitor.step)
        if count and monitor.stopped:
            break
        found, count = found + turn_back(picture.float(), i), count + 1
    found /= count
    rest = found[len(colours) :].mean(1).view(len(unit), grays.shape[1], *size)
    return from_unit(torch.cat([found[: len(colours)], rest], 1) if len(colours) else rest).clamp(-1, 1).to(images)
