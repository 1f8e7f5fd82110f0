"""The prior "photographs": the picture that the network shipped with the library makes of any image."""

from __future__ import annotations

import functools
import math
import numbers
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import resources
from typing import Any

import torch
from torch import Tensor

from siren_sr import arguments
from siren_sr.signals import from_unit, to_unit
from siren_sr.superres.compression.compressed import Compressed
from siren_sr.superres.learned import internal, unlike
from siren_sr.superres.learned.conditions import Conditions
from siren_sr.superres.learned.drawing import Drawing, Effort, Known
from siren_sr.superres.learned.network import LearnedUpscaler
from siren_sr.superres.learned.storage import load
from siren_sr.training.progress import Monitor

FILE = "photographs.safetensors"
WIDEST = 0.7  # the widest Gaussian, in pixels of the image; trained were 0.8, where the search is sometimes better
STRONGEST = 25 / 255  # the strongest noise
HARDEST = 0.9  # the strongest compression
LEAST, LARGEST = 1.25, 8.0  # scales; below, only of compressed images is more than a little to be guessed
SMALLEST = 8  # the fewest pixels of a side: in less there is nothing to recognise

EFFORTS = {"fast": Effort(8), "standard": Effort(8, updates=120, staged=1), "best": Effort(8, updates=240, staged=2)}
"""By the values of ``quality``. The picture is the mean over the networks, of each over its one or two ways.

What is learned from the image gains up to 4 dB where it repeats itself, and loses some tenths elsewhere. Two stages
gain where there are long edges and lose where there are small bright spots. What one network or way gets wrong, the
mean has a part of only, and it is nearly always better than the trained network alone.
"""
STAGED_FROM = 3.0  # the least scale; at ×2 the two stages lose more than they gain


@functools.lru_cache(maxsize=1)
def network() -> LearnedUpscaler:
    """The network, read from the installed package once."""
    with resources.as_file(resources.files("siren_sr.superres.learned").joinpath(FILE)) as path:
        return load(path)[0].requires_grad_(False)


def conditions(
    kernel: Any, noise: float, *, shape: Sequence[int], size: Sequence[int], compressed: Compressed | None = None
) -> Conditions | str:
    """What the network is told of an image; or why it cannot be asked, since it was not trained on such images.

    Args:
        kernel: The downsampling that made the image, see `siren_sr.superres.kernels.check_kernel`.
        noise: Standard deviation of the image's noise, for an image in [0, 1].
        shape: (h, w) of the image.
        size: (H, W) wanted.
        compressed: What is known of the image's compression, or None.
    """
    if min(shape) < SMALLEST:
        return f"it knows images of at least {SMALLEST} pixels per side, not {shape[0]}x{shape[1]}"
    scale = [n / m for n, m in zip(size, shape, strict=True)]
    jpeg = 0.0 if compressed is None else min(compressed.strength, HARDEST)
    least = 1.0 if jpeg else LEAST
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
    known: Known | None = None,
    compressed: Sequence[Compressed | None] = (),
) -> Tensor:
    """The network's pictures of images.

    Args:
        images: (B, C, h, w) in [-1, 1]. Three or four channels are a colour and what else there is; any other number
            are single gray images each.
        size: (H, W).
        told: What is known of how the images came about.
        quality: A key of `EFFORTS`.
        generator: CPU generator of what it learns from (default: seed 0 for every image).
        monitor: Told of every update and tile; when it answers True, bicubic interpolation takes the place of what is
            missing.
        known: What `know` has found, if the image is one part of another.
        compressed: What is known of the compression of each image; empty if none was compressed.

    Returns:
        (B, C, H, W), of the images' type and device; it may leave [-1, 1].
    """
    monitor = Monitor() if monitor is None else monitor
    effort = _possible(EFFORTS[quality], told, images.shape[2:], size)
    if known is not None:
        effort = replace(effort, updates=0)
    groups = images.split(1 if effort.updates or effort.staged else len(images))
    given = [_as_colours(to_unit(group).float()) for group in groups]
    everything = [Known(unlike.view(triplets)) if known is None else known for triplets, _ in given]
    work = [
        Drawing(
            unlike.shown(triplets, one.view), size, told, effort, monitor, one, compressed[i] if compressed else None
        )
        for i, ((triplets, _), one) in enumerate(zip(given, everything, strict=True))
    ]
    monitor.plan("prior", sum(one.steps for one in work))
    results = []
    for (triplets, back), one in zip(given, work, strict=True):
        found = one.picture(network().to(images.device), arguments.seeded(generator))
        results.append(back(unlike.believed(found, triplets, size, one.known.view)))
    return from_unit(torch.cat(results)).to(images)


def know(
    image: Tensor,
    *,
    size: tuple[int, int],
    told: Conditions,
    quality: str,
    generator: torch.Generator | None = None,
    compressed: Compressed | None = None,
) -> Known:
    """What a whole image says of itself.

    Args:
        image: (C, h, w) in [-1, 1].
        size: As in `enlarge`, like all the following.
        told: See there.
        quality: See there.
        generator: See there.
        compressed: What is known of its compression.
    """
    triplets, _ = _as_colours(to_unit(image[None]).float())
    known = Known(unlike.view(triplets))
    effort = _possible(EFFORTS[quality], told, image.shape[1:], size)
    if not effort.updates:
        return known
    work = Drawing(unlike.shown(triplets, known.view), size, told, effort, Monitor(), known, compressed)
    return replace(known, learned=work.learned(network().to(image.device), arguments.seeded(generator)))


def _possible(effort: Effort, told: Conditions, shape: Sequence[int], size: Sequence[int]) -> Effort:
    """An effort without what is no good for images that came about like this."""
    updates = effort.updates if internal.possible(shape, size) else 0
    # Of images with noise, blur or compression, two stages lose some hundredths of a dB.
    large = min(n / m for n, m in zip(size, shape, strict=True)) >= STAGED_FROM
    staged = effort.staged if large and told == Conditions() else 0
    return replace(effort, updates=updates, staged=staged)


def takes_stages(quality: str, told: Conditions, shape: Sequence[int], size: Sequence[int]) -> bool:
    """Whether an image (h, w), enlarged to (H, W), is also enlarged in two stages."""
    return _possible(EFFORTS[quality], told, shape, size).staged > 0


def _as_colours(images: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Images (B, C, h, w) as colours (n, 3, h, w), and the function that makes (B, C, H, W) of n colours again."""
    colours = images[:, :3] if images.shape[1] in (3, 4) else images.new_zeros(0, 3, *images.shape[2:])
    grays = images[:, 3 if len(colours) else 0 :]

    def back(found: Tensor) -> Tensor:
        rest = found[len(colours) :].mean(1).view(len(images), grays.shape[1], *found.shape[2:])
        return torch.cat([found[: len(colours)], rest], 1) if len(colours) else rest

    return torch.cat([colours, grays.flatten(0, 1)[:, None].expand(-1, 3, -1, -1)]), back
