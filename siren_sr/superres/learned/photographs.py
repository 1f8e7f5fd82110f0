"""The prior "photographs": the picture that the network shipped with the library makes of any image."""

from __future__ import annotations

import functools
import math
import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

import torch
from torch import Tensor

from siren_sr import arguments
from siren_sr.signals import from_unit, to_unit
from siren_sr.superres.convolution import fast_precision, mean_of_turned
from siren_sr.superres.downsample import Downsample
from siren_sr.superres.learned import beside, internal, unlike
from siren_sr.superres.learned.beside import Steps
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
        updates: How many times a copy of the network learns from the image before, see `internal`; with 0 there is no
            copy.
        staged: How many networks, the trained one first and then its copy, also enlarge the image in two stages.
    """

    orientations: int
    updates: int = 0
    staged: int = 0


EFFORTS = {"fast": Effort(8), "standard": Effort(8, updates=120, staged=1), "best": Effort(8, updates=240, staged=2)}
"""By the values of ``quality``. The picture is the mean over the networks, of each over its one or two ways.

What is learned from the image gains up to 4 dB where it repeats itself, and loses some tenths elsewhere. Two stages
gain where there are long edges and lose where there are small bright spots. What one network or way gets wrong, the
mean has a part of only, and it is nearly always better than the trained network alone.
"""
SLACK = 1e-3  # how much the image, which is rounded to 8 bits, is doubted between the stages
STAGED_FROM = 3.0  # the least scale; at ×2 the two stages lose more than they gain
FIRST = 2  # how many times the first stage enlarges: whole, so that parts of an image are enlarged as the whole is


@dataclass(frozen=True)
class Known:
    """What a whole image says of itself, which must be known where a part of it is enlarged.

    Attributes:
        view: How its colours are shown to the network.
        learned: The copy of the network that has learned from it, or None.
    """

    view: unlike.View
    learned: LearnedUpscaler | None = None


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
    known: Known | None = None,
) -> Tensor:
    """The network's pictures of images.

    Args:
        images: (B, C, h, w) in [-1, 1]. Three or four channels are a colour and what else there is; any other number
            are single gray images each.
        size: (H, W).
        told: What is known of how the images came about.
        quality: A key of `EFFORTS`. Images with noise, blur or compression are enlarged as for "fast".
        generator: CPU generator of what it learns from (default: seed 0 for every image).
        monitor: Told of every update and tile; when it answers True, bicubic interpolation takes the place of what is
            missing.
        known: What `know` has found, if the image is one part of another.

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
        _Work(unlike.shown(triplets, one.view), size, told, effort, monitor, one)
        for (triplets, _), one in zip(given, everything, strict=True)
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
) -> Known:
    """What a whole image says of itself.

    Args:
        image: (C, h, w) in [-1, 1].
        size: As in `enlarge`, like all the following.
        told: See there.
        quality: See there.
        generator: See there.
    """
    triplets, _ = _as_colours(to_unit(image[None]).float())
    view = unlike.view(triplets)
    effort = _possible(EFFORTS[quality], told, image.shape[1:], size)
    if not effort.updates:
        return Known(view)
    learned = internal.adapted(
        network().to(image.device),
        unlike.shown(triplets, view),
        size,
        updates=effort.updates,
        generator=arguments.seeded(generator),
        monitor=Monitor(),
    )
    return Known(view, learned)


def _possible(effort: Effort, told: Conditions, shape: Sequence[int], size: Sequence[int]) -> Effort:
    """An effort without what is no good for images that came about like this."""
    if told != Conditions():
        return replace(effort, updates=0, staged=0)
    updates = effort.updates if internal.possible(shape, size) else 0
    staged = effort.staged if min(n / m for n, m in zip(size, shape, strict=True)) >= STAGED_FROM else 0
    return replace(effort, updates=updates, staged=staged)


def takes_stages(quality: str, told: Conditions, shape: Sequence[int], size: Sequence[int]) -> bool:
    """Whether an image (h, w), enlarged to (H, W), is also enlarged in two stages."""
    return _possible(EFFORTS[quality], told, shape, size).staged > 0


@dataclass(frozen=True)
class _Work:
    """What is to be done with some images (B, 3, h, w) in [0, 1]."""

    images: Tensor
    size: tuple[int, int]
    told: Conditions
    effort: Effort
    monitor: Monitor
    known: Known

    @property
    def ways(self) -> tuple[bool, ...]:
        """For each network that is asked, whether it also works in two stages."""
        copy = self.effort.updates > 0 or self.known.learned is not None
        # Narrow bright spots are what two stages are worse at.
        staged = 0 if self.known.view.sparse else self.effort.staged
        return tuple(staged > i for i in range(2 if copy else 1))

    @property
    def steps(self) -> int:
        """How many steps the monitor will be told of."""
        shape = self.images.shape[2:]
        in_stages = tiles(shape) + tiles([FIRST * n for n in shape])
        asked = sum(tiles(shape) + staged * in_stages for staged in self.ways)
        return self.effort.updates + self.effort.orientations * asked

    def picture(self, model: LearnedUpscaler, generator: torch.Generator) -> Tensor:
        """The picture (B, 3, H, W): the mean over the networks; when the work is stopped, over those that are done."""
        if not self.effort.updates or not beside.possible(self.images):
            found = self.monitor.once("trained", lambda: self._drawn(model, self.ways[0], self.monitor))
            return self._mean(found, self._copys(model, generator))
        # While the copy learns, the network draws.
        with beside.beside(lambda steps: self._drawn(model, self.ways[0], steps), self.monitor) as wait:
            other = self._copys(model, generator)
            return self._mean(self.monitor.once("trained", wait), other)

    def _mean(self, found: Tensor, other: Tensor | None) -> Tensor:
        return found if other is None or self.monitor.stopped else found.lerp(other, 0.5)

    def _copys(self, model: LearnedUpscaler, generator: torch.Generator) -> Tensor | None:
        """What the copy that has learned from the image makes of it; None where there is none, or no time for it."""
        learned = self.known.learned
        if self.effort.updates and not self.monitor.stopped:
            learned = internal.adapted(
                model,
                self.images,
                self.size,
                updates=self.effort.updates,
                generator=generator,
                monitor=self.monitor,
            )
        if learned is None or self.monitor.stopped:
            return None
        return self._drawn(learned.to(self.images.device), self.ways[1], self.monitor)

    def _drawn(self, model: LearnedUpscaler, staged: bool, steps: Steps) -> Tensor:
        """What one network makes of the images: the mean over its ways."""
        found = self._turned(model, self.images, self.size, steps)
        if not staged or steps.stopped:
            return found
        shape = self.images.shape[2:]
        between = (FIRST * shape[0], FIRST * shape[1])
        larger = self._turned(model, self.images, between, steps)
        down = Downsample.between(between, shape, like=self.images)
        larger = down.project(larger, self.images, noise=SLACK, limits=(0, 1)).clamp(0, 1)
        if steps.stopped:
            return found
        other = self._turned(model, larger, self.size, steps)
        return found if steps.stopped else found.lerp_(other, 0.5)

    def _turned(self, model: LearnedUpscaler, images: Tensor, size: tuple[int, int], steps: Steps) -> Tensor:
        told = self.told.tensor(images, noise=self.told.noise * self.known.view.factor.flatten())
        count = self.effort.orientations

        def part(steps: Steps, first: int, count: int) -> Tensor:
            ask = functools.partial(_ask, model, told=told, steps=steps)
            return mean_of_turned(ask, images, size, first=first, count=count, stopped=lambda: steps.stopped)

        if count == 1:
            return part(steps, 0, 1)
        # Always in halves, so that every number of threads gives the same bits.
        half = count // 2
        if isinstance(steps, Monitor) and beside.possible(images):
            with beside.beside(lambda other: part(other, half, half), steps) as wait:
                found = part(steps, 0, half)
                second = wait()
        else:
            found = part(steps, 0, half)
            second = found if steps.stopped else part(steps, half, half)
        return found if steps.stopped else found.lerp_(second, 0.5)


@torch.no_grad()
def _ask(model: LearnedUpscaler, images: Tensor, size: Sequence[int], *, told: Tensor, steps: Steps) -> Tensor:
    """What a network answers, in float32."""
    return model(images, size, conditions=told, precision=fast_precision(images), stop=steps.step).float()


def _as_colours(images: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Images (B, C, h, w) as colours (n, 3, h, w), and the function that makes (B, C, H, W) of n colours again."""
    colours = images[:, :3] if images.shape[1] in (3, 4) else images.new_zeros(0, 3, *images.shape[2:])
    grays = images[:, 3 if len(colours) else 0 :]

    def back(found: Tensor) -> Tensor:
        rest = found[len(colours) :].mean(1).view(len(images), grays.shape[1], *found.shape[2:])
        return torch.cat([found[: len(colours)], rest], 1) if len(colours) else rest

    return torch.cat([colours, grays.flatten(0, 1)[:, None].expand(-1, 3, -1, -1)]), back
