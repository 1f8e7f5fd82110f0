"""What the search for a picture gets wrong, learned from the picture's own smaller versions.

A smaller version of the picture is known. Reduced as the image was, and searched for again in the same way, it shows
what the search makes of something known: a small convolutional sine network learns to correct that, and then corrects
the picture itself. No image but the given one is ever seen. (Learning from an image's own smaller versions is the idea
of Shocher, Cohen and Irani, "Zero-Shot Super-Resolution using Deep Internal Learning", CVPR 2018, whose network learns
the whole enlargement; what is left to learn here is little, and needs few updates.)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from siren_sr.grids import resampling
from siren_sr.superres.downsample import Downsample
from siren_sr.superres.picture.convolution import CHANNELS_LAST, descend, reduced_precision
from siren_sr.training.progress import Monitor

# Chosen on crops of DIV2K's 11 pairs and of scikit-image's photographs.
LARGEST = 0.66  # the largest version is the power LARGEST of the scale larger than the image
WIDTH, LAYERS = 32, 5
CONTRAST, STEP = 10.0, 0.1  # of what the search added, as the network sees it; of its answer: both are near 1 then
CROP = 64  # pixels of a side that an update sees
RATE, PATH = 1e-3, 7.2  # of Adam, and its largest product with updates and scale: longer paths learn pairs by heart
END, WARMUP = 0.02, 50
MEMORY = 0.98  # of the running mean of the weights, over the second half of the updates
SMALLEST = 8  # pixels of a side of a reduced version
LEAST = 1.2  # a smaller scale leaves too little to learn

Pair = tuple[Tensor, Tensor]
"""What is given, the result of the search and the plain enlargement in one (2·C, H, W), and what is known (C, H, W)."""


class Corrector(nn.Module):
    """Convolutions with sines between them, added to the picture: (n, 2·C, H, W) -> (n, C, H, W).

    They see the picture and, enlarged, what the search added to the plain enlargement.
    """

    def __init__(self, channels: int, *, generator: torch.Generator, like: Tensor) -> None:
        super().__init__()
        self.channels = channels
        widths = [2 * channels, *[WIDTH] * LAYERS, channels]
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for i, (n, m) in enumerate(itertools.pairwise(widths)):
            # Sitzmann's bound; the last layer starts small, so that nothing is corrected at first.
            bound = math.sqrt(6 / (9 * n)) * (0.1 if i == LAYERS else 1.0)
            weight = torch.empty(m, n, 3, 3).uniform_(-bound, bound, generator=generator)
            self.weights.append(nn.Parameter(weight.to(like)))
            self.biases.append(nn.Parameter(like.new_zeros(m)))

    def forward(self, x: Tensor) -> Tensor:
        """The corrected pictures."""
        guess, plain = x.split(self.channels, dim=1)
        x = torch.cat([guess - 0.5, CONTRAST * (guess - plain)], dim=1)
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = functional.conv2d(functional.pad(x, (1, 1, 1, 1), mode="replicate"), weight, bias)
            x = torch.sin(x) if i < LAYERS else x
        return guess + STEP * x


def possible(size: Sequence[int], scale: Sequence[float]) -> bool:
    """Whether a picture of this size, so many times larger than its image, has smaller versions to learn from."""
    large_enough = all(n / times**2 >= SMALLEST for n, times in zip(size, scale, strict=True))
    return large_enough and math.sqrt(math.prod(scale)) >= LEAST


def smaller_versions(
    picture: Tensor, image: Tensor, down: Downsample, *, count: int, side: int, generator: torch.Generator
) -> list[tuple[Tensor, Downsample]]:
    """Versions of a picture between the size of its image, which is one of them, and its own, each with its D.

    Args:
        picture: (C, H, W).
        image: (C, h, w).
        down: D, from (H, W) to (h, w).
        count: How many, at least 2.
        side: The most pixels of a side: of a larger version there is a part, at random.
        generator: CPU generator of its place.

    Returns:
        Them, the image first.
    """
    found = []
    for i in range(count):
        power = LARGEST * i / (count - 1) - 1
        times = (1.0, 1.0) if i == 0 else [t**power for t in down.scale]
        part = _part(picture if i else image, [math.ceil(side / t) for t in times], generator)
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
        pairs: At least one.
        scale: How many times the pictures were enlarged.
        updates: How many times Adam updates the weights.
        generator: CPU generator of weights and crops.
        monitor: Told of every update; the work ends with what there is where it answers True.

    Returns:
        The network, its weights the running mean over the second half of the updates.
    """
    like = pairs[0][1]
    stacks = [torch.cat(pair) for pair in pairs]  # what is given and what is known are cropped and turned alike
    network = Corrector(len(like), generator=generator, like=like).to(**CHANNELS_LAST)
    highest = min(RATE, PATH / (scale * updates))

    def rate(i: int) -> float:
        decay = END + (1 - END) * 0.5 * (1 + math.cos(math.pi * i / updates))
        return highest * min(1.0, (i + 1) / WARMUP) * decay

    def loss() -> Tensor:
        given, known = _crop(stacks, generator).split((2 * len(like), len(like)))
        return (_run(network, given[None])[0] - known).square().mean()

    weights, mean = list(network.parameters()), []
    monitor = Monitor() if monitor is None else monitor
    for i in descend(weights, loss, updates=updates, rate=rate, monitor=monitor):
        if 2 * i >= updates:
            now = [weight.detach() for weight in weights]
            mean = [a.lerp(b, 1 - MEMORY) for a, b in zip(mean, now, strict=True)] if mean else [a.clone() for a in now]
    with torch.no_grad():
        for weight, value in zip(weights, mean, strict=False):
            weight.copy_(value)
    return network


def correct(network: Corrector, given: Tensor) -> Tensor:
    """The picture corrected, mean over its eight orientations: (2·C, H, W) -> (C, H, W)."""
    with torch.no_grad():
        found = [_turn(_run(network, _turn(given, i)[None])[0], i, back=True) for i in range(8)]
    return torch.stack(found).mean(0)


def _run(network: Corrector, given: Tensor) -> Tensor:
    with reduced_precision(given):
        found = network(given.contiguous(**CHANNELS_LAST))
    return found.to(given)


def _crop(pictures: Sequence[Tensor], generator: torch.Generator) -> Tensor:
    part = _part(pictures[_draw(len(pictures), generator)], (CROP, CROP), generator)
    return _turn(part, _draw(8, generator))


def _part(x: Tensor, sides: Sequence[int], generator: torch.Generator) -> Tensor:
    """A part of (C, H, W), of at most these sides, anywhere in it."""
    for axis, side in enumerate(sides, start=1):
        length = min(side, x.shape[axis])
        x = x.narrow(axis, _draw(x.shape[axis] - length + 1, generator), length)
    return x


def _draw(n: int, generator: torch.Generator) -> int:
    return int(torch.randint(n, (), generator=generator))


def _turn(x: Tensor, number: int, *, back: bool = False) -> Tensor:
    """One of the eight orientations of (C, H, W), or from it back."""
    if not back:
        x = x.rot90(number % 4, (1, 2))
        return x.flip(2) if number > 3 else x
    x = x.flip(2) if number > 3 else x
    return x.rot90(-(number % 4), (1, 2))
