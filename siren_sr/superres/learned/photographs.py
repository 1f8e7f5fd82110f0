"""The prior "photographs": the picture that the network shipped with the library makes of any image."""

from __future__ import annotations

import functools
import math
import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import torch
from torch import Tensor

from siren_sr import arguments
from siren_sr.signals import from_unit, to_unit
from siren_sr.superres.convolution import fast_precision, mean_of_turned
from siren_sr.superres.learned import internal
from siren_sr.superres.learned.conditions import Conditions
from siren_sr.superres.learned.network import LearnedUpscaler, tiles
from siren_sr.superres.learned.storage import load
from siren_sr.training.progress import Monitor

FILE = "photographs.safetensors"
WIDEST = 0.7  # the widest Gaussian, in pixels of the image; trained were 0.8, where the search is sometimes better
STRONGEST = 25 / 255  # the strongest noise
HARDEST = 0.9  # the strongest compression
LEAST, LARGEST = 1.25, 8.0  # scales; below, only of compressed images is more than a little to be guessed
SMALLEST = 8  # the fewest pixels of a side: in less there is nothing to recognise


@dataclass(frozen=True)
class Effort:
    """How hard to try.

    Attributes:
        orientations: 1, or 8 for the mean over all turned and mirrored versions of an image.
        updates: How many times a copy of the network learns from the image before, see `internal`.
    """

    orientations: int
    updates: int = 0


EFFORTS = {"fast": Effort(8), "standard": Effort(8), "best": Effort(8, updates=120)}
"""By the values of ``quality``. What is learned from the image gains up to 2 dB where it repeats itself, and loses some
tenths elsewhere, so that only "best" does it."""


@functools.lru_cache(maxsize=1)
def network() -> LearnedUpscaler:
    """The network, read from the installed package once."""
    with resources.as_file(resources.files("siren_sr.superres.learned").joinpath(FILE)) as path:
        return load(path)[0].requires_grad_(False)


def conditions(
    kernel: Any, noise: float, *, shape: Sequence[int], size: Sequence[int], jpeg: float = 0.0
) -> Conditions | str:
    """What the network is told of an image; or why it cannot be asked, since it was not trained on such images.

    Args:
        kernel: The downsampling that made the image, see `siren_sr.superres.kernels.check_kernel`.
        noise: Standard deviation of the image's noise, for an image in [0, 1].
        shape: (h, w) of the image.
        size: (H, W) wanted.
        jpeg: How strongly the image was compressed, see `Conditions`.
    """
    if min(shape) < SMALLEST:
        return f"it knows images of at least {SMALLEST} pixels per side, not {shape[0]}x{shape[1]}"
    scale = [n / m for n, m in zip(size, shape, strict=True)]
    least = 1.0 if jpeg else LEAST
    jpeg = min(jpeg, HARDEST)
    if not least <= min(scale) <= max(scale) <= LARGEST:
        return f"it enlarges {least:g} to {LARGEST:g} times, not {scale[0]:g}x{scale[1]:g}"
    if noise > STRONGEST:
        return f"it knows noise up to {STRONGEST:.3f}, not {noise:g}"
    if isinstance(kernel, str) and kernel == "bicubic":
        return Conditions(noise, jpeg=jpeg)
    blur = float(kernel) / min(scale) if isinstance(kernel, numbers.Real) else math.inf
    if blur > WIDEST:
        given = repr(kernel) if isinstance(kernel, str | numbers.Real) else "an array"
        return f'it knows kernel="bicubic" and Gaussians of up to {WIDEST:g} pixels of the image, not {given}'
    return Conditions(noise, blur, jpeg)


def enlarge(
    images: Tensor,
    *,
    size: tuple[int, int],
    told: Conditions,
    quality: str,
    generator: torch.Generator | None = None,
    monitor: Monitor | None = None,
) -> Tensor:
    """The network's pictures of images.

    Args:
        images: (B, C, h, w) in [-1, 1]. Three or four channels are a colour and what else there is; any other number
            are single gray images each.
        size: (H, W).
        told: What is known of how the images came about.
        quality: A key of `EFFORTS`. From images with noise, blur or compression nothing is learned.
        generator: CPU generator of what it learns from (default: seed 0 for every image).
        monitor: Told of every update and tile; when it answers True, bicubic interpolation takes the place of what is
            missing.

    Returns:
        (B, C, H, W) in [-1, 1], of the images' type and device.
    """
    monitor = Monitor() if monitor is None else monitor
    model = network().to(images.device)
    effort = EFFORTS[quality]
    if told != Conditions() or not internal.possible(images.shape[2:], size):
        effort = Effort(effort.orientations)
    groups = images.split(1 if effort.updates else len(images))
    asked = effort.orientations * tiles(images.shape[2:])
    monitor.plan("prior", len(groups) * (effort.updates + asked))
    results = []
    for group in groups:
        triplets, back = _as_colours(to_unit(group).float())
        learned = model
        if effort.updates and not monitor.stopped:
            chances = arguments.seeded(generator)
            learned = internal.adapted(
                model, triplets, size, updates=effort.updates, generator=chances, monitor=monitor
            )
        ask = functools.partial(_ask, learned, told=told, monitor=monitor)
        found = mean_of_turned(ask, triplets, size, count=effort.orientations, stopped=lambda: monitor.stopped)
        results.append(back(found))
    return from_unit(torch.cat(results)).clamp(-1, 1).to(images)


@torch.no_grad()
def _ask(model: LearnedUpscaler, images: Tensor, size: Sequence[int], *, told: Conditions, monitor: Monitor) -> Tensor:
    """What a network answers, in float32."""
    return model(images, size, conditions=told, precision=fast_precision(images), stop=monitor.step).float()


def _as_colours(images: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Images (B, C, h, w) as colours (n, 3, h, w), and the function that makes (B, C, H, W) of n colours again."""
    colours = images[:, :3] if images.shape[1] in (3, 4) else images.new_zeros(0, 3, *images.shape[2:])
    grays = images[:, 3 if len(colours) else 0 :]

    def back(found: Tensor) -> Tensor:
        rest = found[len(colours) :].mean(1).view(len(images), grays.shape[1], *found.shape[2:])
        return torch.cat([found[: len(colours)], rest], 1) if len(colours) else rest

    return torch.cat([colours, grays.flatten(0, 1)[:, None].expand(-1, 3, -1, -1)]), back
