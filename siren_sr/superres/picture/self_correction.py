"""Learn what the search for a picture gets wrong from the picture's own smaller versions, and correct it.

A smaller version of the picture is known. It is reduced as the image was, and then searched for in the same way as the
picture. The result shows what the search makes of something that is known. A small convolutional sine network learns to
correct such results, and then corrects the picture itself. No image but the given one is ever seen. (Learning from an
image's own smaller versions is the idea of Shocher, Cohen and Irani, "Zero-Shot Super-Resolution using Deep Internal
Learning", CVPR 2018. Their network learns the whole enlargement; what is left to learn here is little, and needs few
updates.)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from siren_sr.grids import resampling
from siren_sr.superres.convolution import (
    CHANNELS_LAST,
    RunningMean,
    decayed,
    descend,
    draw,
    random_part,
    reduced_precision,
    turn,
    turn_back,
)
from siren_sr.superres.downsample import Downsample
from siren_sr.training.progress import Monitor

# These numbers were chosen on crops of the 11 DIV2K pairs and of scikit-image's photographs.
LARGEST = 0.66  # the largest version is scale**LARGEST times larger than the image
WIDTH, LAYERS = 32, 5  # the number of channels of a sine layer, and the number of sine layers
# What the search added is multiplied by CONTRAST before the network sees it, and the network's answer is multiplied by
# STEP. What goes into the network and what comes out of it are then both near 1.
CONTRAST, STEP = 10.0, 0.1
CROP = 64  # the side, in pixels, of the part that an update sees
# The learning rate of Adam, and the largest product of this rate, the number of updates and the scale. With a larger
# product the network learns the pairs by heart.
RATE, PATH = 1e-3, 7.2
END, WARMUP = 0.02, 50  # the share of the learning rate that is left at the end, and the updates in which it rises
MEMORY = 0.98  # the weight of the past in the running mean of the weights, over the second half of the updates
SMALLEST = 8  # the fewest pixels of a side of a reduced version
LEAST = 1.2  # the least scale: a smaller one leaves too little to learn

Pair = tuple[Tensor, Tensor]
"""What the network is given and what it is to answer. Given are the result of the search and the plain enlargement, in
one tensor (2·C, H, W). The answer is the known picture (C, H, W)."""


class Corrector(nn.Module):
    """Convolutions with sines between them, whose result is added to the picture: (n, 2·C, H, W) -> (n, C, H, W).

    They see the picture and, multiplied by CONTRAST, what the search added to the plain enlargement.
    """

    def __init__(self, channels: int, *, generator: torch.Generator, like: Tensor) -> None:
        super().__init__()
        self.channels = channels
        widths = [2 * channels, *[WIDTH] * LAYERS, channels]
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for i, (n, m) in enumerate(itertools.pairwise(widths)):
            # This is Sitzmann's bound. The last layer starts smaller, so that hardly anything is corrected at first.
            bound = math.sqrt(6 / (9 * n)) * (0.1 if i == LAYERS else 1.0)
            weight = torch.empty(m, n, 3, 3).uniform_(-bound, bound, generator=generator)
            self.weights.append(nn.Parameter(weight.to(like)))
            self.biases.append(nn.Parameter(like.new_zeros(m)))

    def forward(self, x: Tensor) -> Tensor:
        """Return the corrected pictures."""
        guess, plain = x.split(self.channels, dim=1)
        x = torch.cat([guess - 0.5, CONTRAST * (guess - plain)], dim=1)
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = functional.conv2d(functional.pad(x, (1, 1, 1, 1), mode="replicate"), weight, bias)
            x = torch.sin(x) if i < LAYERS else x
        return guess + STEP * x


def possible(size: Sequence[int], scale: Sequence[float]) -> bool:
    """Return whether a picture has smaller versions from which something can be learned.

    Args:
        size: Size (H, W) of the picture.
        scale: How many times larger than its image the picture is, for rows and for columns.
    """
    large_enough = all(n / times**2 >= SMALLEST for n, times in zip(size, scale, strict=True))
    return large_enough and math.sqrt(math.prod(scale)) >= LEAST


def smaller_versions(
    picture: Tensor, image: Tensor, down: Downsample, *, count: int, side: int, generator: torch.Generator
) -> list[tuple[Tensor, Downsample]]:
    """Return versions of a picture of different sizes, each with the downsampling of pictures of its size.

    Their sizes lie between that of the image and that of the picture. The image itself is the first of them.

    Args:
        picture: The picture, a tensor (C, H, W).
        image: The low-resolution image, a tensor (C, h, w).
        down: The downsampling D, from (H, W) to (h, w).
        count: Number of versions, at least 2.
        side: The most pixels of a side. Where a version would be larger, a part of it at a random place is taken.
        generator: CPU generator of these places.

    Returns:
        Pairs of a version and its downsampling, the image first.
    """
    found = []
    for i in range(count):
        power = LARGEST * i / (count - 1) - 1
        times = (1.0, 1.0) if i == 0 else [t**power for t in down.scale]
        part = random_part(picture if i else image, [math.ceil(side / t) for t in times], generator)
        size = [min(side, round(n * t)) for n, t in zip(part.shape[1:], times, strict=True)]
        found.append((resampling.resize(part, size) if i else part, down.of_size(size, like=image)))
    return found


def learn(
    pairs: Sequence[Pair],
    *,
    scale: float,
    updates: int,
    generator: torch.Generator,
    monitor: Monitor | None = None,
) -> Corrector:
    """Train a `Corrector` on random crops of all pairs, turned and mirrored.

    Args:
        pairs: What the network is given and what it is to answer, at least one pair.
        scale: How many times the pictures were enlarged.
        updates: How many times Adam updates the weights.
        generator: CPU generator of the weights and of the crops.
        monitor: Object that is told of every update; when it answers True, the work ends with the weights so far.

    Returns:
        The network, whose weights are the running mean over the second half of the updates.
    """
    like = pairs[0][1]
    stacks = [torch.cat(pair) for pair in pairs]  # what is given and what is known are cropped and turned alike
    network = Corrector(len(like), generator=generator, like=like).to(**CHANNELS_LAST)
    highest = min(RATE, PATH / (scale * updates))

    def rate(i: int) -> float:
        return decayed(i, highest=highest, updates=updates, warm_up=WARMUP, end=END)

    def loss() -> Tensor:
        given, known = _crop(stacks, generator).split((2 * len(like), len(like)))
        return (_run(network, given[None])[0] - known).square().mean()

    weights, mean = list(network.parameters()), RunningMean()
    monitor = Monitor() if monitor is None else monitor
    for i in descend(weights, loss, updates=updates, rate=rate, monitor=monitor, mean=mean, generators=[generator]):
        if 2 * i >= updates:
            mean.add(weights, 1 - MEMORY)
    with torch.no_grad():
        for weight, value in zip(weights, mean.values, strict=False):
            weight.copy_(value)
    return network


def correct(network: Corrector, given: Tensor) -> Tensor:
    """Correct a picture and return the mean over its eight orientations: (2·C, H, W) -> (C, H, W)."""
    with torch.no_grad():
        found = [turn_back(_run(network, turn(given, i)[None])[0], i) for i in range(8)]
    return torch.stack(found).mean(0)


def _run(network: Corrector, given: Tensor) -> Tensor:
    with reduced_precision(given):
        found = network(given.contiguous(**CHANNELS_LAST))
    return found.to(given)


def _crop(pictures: Sequence[Tensor], generator: torch.Generator) -> Tensor:
    part = random_part(pictures[draw(len(pictures), generator)], (CROP, CROP), generator)
    return turn(part, draw(8, generator))
