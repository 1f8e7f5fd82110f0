"""Internal learning: the trained network goes on learning from the image itself, before it enlarges it.

The image is known. Reduced once more, as it was reduced itself, it is an example of what the network is to do. So are
larger versions of it that the network has made. Where the image has lost more than its size, by noise or compression,
its versions are what the network makes of it, and lose the same once more. What repeats itself in the picture, at the
same or at other scales, is learned by this; a hundred updates from trained weights are enough. (Meta-transfer learning
for zero-shot super resolution, Soh et al., CVPR 2020, begins from trained weights in the same way.)
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from siren_sr.grids import resampling
from siren_sr.grids.resampling import centres
from siren_sr.superres.convolution import RunningMean, decayed, descend, draw, fast_precision, random_part, turn
from siren_sr.superres.downsample import Downsample
from siren_sr.superres.learned.network import LearnedUpscaler
from siren_sr.training.progress import Monitor

# These numbers were chosen on photographs that were held out from training and on the paper's pairs.
RATE = 3e-5  # Adam's; a third of it gains two thirds as much, and four times as much no more
WARM_UP, END = 10, 0.02  # updates in which the rate rises, and the share of it that is left at the end
VERSIONS, LARGEST = 6, 0.5  # versions of the picture, the largest scale**LARGEST times larger than the image
PATCH, POINTS = 40, 64  # pixels per side of a reduced version, and rows and columns of the version, that an update sees
SIDE = 384  # pixels per side of the part of an image that is learned from
FROM = 1.9  # the least scale: below ×2, reduced versions hardly differ from the image
SMALLEST = 8  # the fewest pixels of a side of a reduced version

Example = tuple[Tensor, Tensor]
"""A reduced version (B, 3, h, w) and the version (B, 3, H, W), in [0, 1]."""


def possible(shape: Sequence[int], size: Sequence[int]) -> bool:
    """Whether an image of (h, w) that is to have (H, W) is enlarged and can be reduced by enough to learn from."""
    times = [n / m for n, m in zip(size, shape, strict=True)]
    return min(times) >= FROM and all(m / t >= SMALLEST for m, t in zip(shape, times, strict=True))


def adapted(
    model: LearnedUpscaler,
    images: Tensor,
    size: Sequence[int],
    *,
    kernel: str | float,
    told: Tensor,
    spoil: Callable[[Tensor], Tensor] | None,
    updates: int,
    generator: torch.Generator,
    monitor: Monitor,
) -> LearnedUpscaler:
    """A copy of the network that has learned from images.

    Args:
        model: The trained network.
        images: (B, 3, h, w) in [0, 1].
        size: The size (H, W) that they will be enlarged to; `possible` for them.
        kernel: The downsampling that made them, see `Downsample.between`.
        told: What the network is told of each of them, (B, 3), see `Conditions.tensor`.
        spoil: Function that does to reduced versions, (B, 3, n, m) in [0, 1], what was done to the images after they
            were reduced; None where that was nothing.
        updates: How many times Adam updates the weights.
        generator: CPU generator of what is looked at.
        monitor: Told of every update; when it answers True, the work ends with the weights so far.

    Returns:
        The network, whose weights are the mean over all updates. It lies between what the network was and what it
        became: what it gains for pictures that repeat themselves it mostly keeps, and loses half as much elsewhere.
    """
    network = copy.deepcopy(model).requires_grad_(True)
    precision = fast_precision(images)
    times = [n / m for n, m in zip(size, images.shape[2:], strict=True)]
    images = random_part(images, (SIDE, SIDE), generator)
    size = [round(n * t) for n, t in zip(images.shape[2:], times, strict=True)]
    with torch.no_grad():
        picture = model(images, size, conditions=told, precision=precision).float()
    down = Downsample.between(size, images.shape[2:], kernel=kernel, like=images)
    if spoil is None:
        examples = _examples(images, down.project(picture, images, limits=(0, 1)), down, _rounded)
    else:
        examples = _examples(down(picture), picture, down, spoil)
    pixels = torch.tensor([float(small[0, 0].numel()) for small, _ in examples])

    def rate(i: int) -> float:
        return decayed(i, highest=RATE, updates=updates, warm_up=WARM_UP, end=END)

    def loss() -> Tensor:
        number, turned = int(torch.multinomial(pixels, 1, generator=generator)), draw(8, generator)
        small, version = (turn(x, turned) for x in examples[number])
        cell = [m / n for m, n in zip(version.shape[2:], small.shape[2:], strict=True)]
        parts, chosen, places = [], [], []
        for n, m, times in zip(small.shape[2:], version.shape[2:], cell, strict=True):
            length = min(PATCH, n)
            start = draw(n - length + 1, generator)
            inside = torch.arange(math.ceil(start * times), math.floor((start + length) * times))
            inside = inside[torch.randperm(len(inside), generator=generator)[:POINTS].sort().values]
            parts.append(slice(start, start + length))
            chosen.append(inside.to(images.device))
            places.append(centres(m, n)[inside] - start)
        one = draw(len(images), generator)
        crop = small[one : one + 1, :, parts[0], parts[1]]
        row = told[one : one + 1]
        found = network.on_grid(crop, places[0], places[1], cell, conditions=row, precision=precision)
        return (found[0] - version[one][:, chosen[0]][..., chosen[1]]).abs().mean()

    weights = list(network.parameters())
    mean = RunningMean(weights)
    for i in descend(weights, loss, updates=updates, rate=rate, monitor=monitor, mean=mean, generators=[generator]):
        mean.add(weights, 1 / (i + 2))
    with torch.no_grad():
        for weight, average in zip(weights, mean.values, strict=True):
            weight.copy_(average)
    return network.requires_grad_(False)


def _examples(images: Tensor, pictures: Tensor, down: Downsample, spoil: Callable[[Tensor], Tensor]) -> list[Example]:
    """Versions of pictures, from the images on, and what remains of them when they are reduced as the images were."""
    found = []
    for i in range(VERSIONS):
        times = [t ** (LARGEST * i / (VERSIONS - 1)) for t in down.scale]
        sides = [round(n * t) for n, t in zip(images.shape[2:], times, strict=True)]
        version = resampling.resize(pictures, sides).clamp(0, 1) if i else images
        reduced = down.of_size(sides, like=images)(version)
        found.append((spoil(reduced.clamp(0, 1)), version))
    return found


def _rounded(images: Tensor) -> Tensor:
    """Images have 8 bits, and the network knows no others."""
    return (images * 255).round() / 255
