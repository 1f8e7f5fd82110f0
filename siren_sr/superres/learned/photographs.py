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
from siren_sr.superres.learned.network import LearnedUpscaler
from siren_sr.superres.learned.storage import load

FILE = "photographs.safetensors"
WIDEST = 0.6  # the widest Gaussian, in pixels of the image, that the network has been trained on
STRONGEST = 12 / 255  # the strongest noise
LARGEST = 8.0  # the largest scale
ORIENTATIONS = {"fast": 1, "standard": 8, "best": 8}


@functools.lru_cache(maxsize=1)
def network() -> LearnedUpscaler:
    """The network, read from the installed package once."""
    with resources.as_file(resources.files("siren_sr.superres.learned").joinpath(FILE)) as path:
        return load(path)[0].requires_grad_(False)


def conditions(kernel: Any, noise: float, *, shape: Sequence[int], size: Sequence[int]) -> Conditions:
    """What the network is told of an image.

    Args:
        kernel: The downsampling that made the image, see `siren_sr.superres.kernels.check_kernel`.
        noise: Standard deviation of the image's noise, for an image in [0, 1].
        shape: (h, w) of the image.
        size: (H, W) wanted.

    Raises:
        ValueError: The network was not trained on such images.
    """
    scale = [n / m for n, m in zip(size, shape, strict=True)]
    if max(scale) > LARGEST:
        raise ValueError(f'prior="photographs" enlarges up to {LARGEST:g} times, got {max(scale):g}: use prior=None')
    if noise > STRONGEST:
        raise ValueError(
            f'prior="photographs" knows noise up to {STRONGEST:.3f} (12 of 255), got {noise:g}: use prior=None'
        )
    if isinstance(kernel, str) and kernel == "bicubic":
        return Conditions(noise)
    blur = float(kernel) / min(scale) if isinstance(kernel, numbers.Real) else math.inf
    if blur > WIDEST:
        raise ValueError(
            'prior="photographs" knows kernel="bicubic" and Gaussians of up to '
            f"{WIDEST:g} pixels of the image, got kernel={kernel!r}: use prior=None"
        )
    return Conditions(noise, blur)


def enlarge(image: Tensor, size: Sequence[int], told: Conditions, *, orientations: int) -> Tensor:
    """The network's picture of an image.

    Args:
        image: (C, h, w) in [-1, 1]. Three or four channels are a colour and what else there is; any other number are
            single gray images each.
        size: (H, W).
        told: What is known of how the image came about.
        orientations: 1, or 8 for the mean over all turned and mirrored versions.

    Returns:
        (C, H, W) in [-1, 1], of the image's type and device.
    """
    model = network().to(image.device)
    unit = to_unit(image).float()
    colours = [unit[:3]] if len(unit) in (3, 4) else []
    grays = unit[3 if colours else 0 :]
    triplets = torch.stack([*colours, *(gray.expand(3, -1, -1) for gray in grays)])
    precision = torch.bfloat16 if has_fast_bfloat16(unit) else None
    found = torch.zeros(len(triplets), 3, *size, device=image.device)
    with torch.no_grad():
        for i in range(orientations):
            turned = size if i % 2 == 0 else size[::-1]
            picture = model(turn(triplets, i), turned, conditions=told, precision=precision)
            found += turn_back(picture.float(), i) / orientations
    parts = [found[0]] * bool(colours) + [picture.mean(0, keepdim=True) for picture in found[len(colours) :]]
    return from_unit(torch.cat(parts).clamp(0, 1)).to(image)
