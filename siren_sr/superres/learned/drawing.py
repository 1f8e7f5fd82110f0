"""What is done with one image: two networks draw it, the trained one and the one that has learned from it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from siren_sr.superres.compression.compressed import Compressed
from siren_sr.superres.convolution import fast_precision, mean_of_turned
from siren_sr.superres.downsample import Downsample
from siren_sr.superres.learned import beside, internal, unlike
from siren_sr.superres.learned.beside import Steps
from siren_sr.superres.learned.conditions import Conditions
from siren_sr.superres.learned.network import LearnedUpscaler, tiles
from siren_sr.training.progress import Monitor

SLACK = 1e-3  # how much the image, which is rounded to 8 bits, is doubted between the stages
FIRST = 2  # how many times the first stage enlarges: whole, so that parts of an image are enlarged as the whole is


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


@dataclass(frozen=True)
class Known:
    """What a whole image says of itself, which must be known where a part of it is enlarged.

    Attributes:
        view: How its colours are shown to the network.
        learned: The copy of the network that has learned from it, or None.
    """

    view: unlike.View
    learned: LearnedUpscaler | None = None


@dataclass(frozen=True)
class Drawing:
    """What is to be done with some images (B, 3, h, w) in [0, 1]."""

    images: Tensor
    size: tuple[int, int]
    told: Conditions
    effort: Effort
    monitor: Monitor
    known: Known
    compressed: Compressed | None = None

    @property
    def ways(self) -> tuple[bool, ...]:
        """For each network that is asked, whether it also works in two stages."""
        copy = self.effort.updates > 0 or self.known.learned is not None
        # Narrow bright spots are what two stages are worse at.
        staged = 0 if self.known.view.sparse else self.effort.staged
        return tuple(staged > i for i in range(2 if copy else 1))

    @property
    def _told(self) -> Tensor:
        """What a network is told of each image: its noise is another one where its contrast is."""
        return self.told.tensor(self.images, noise=self.told.noise * self.known.view.factor.flatten())

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
            learned = self.learned(model, generator)
        if learned is None or self.monitor.stopped:
            return None
        return self._drawn(learned.to(self.images.device), self.ways[1], self.monitor)

    def learned(self, model: LearnedUpscaler, generator: torch.Generator) -> LearnedUpscaler:
        """The copy of the network that has learned from the images."""
        times = min(n / m for n, m in zip(self.size, self.images.shape[2:], strict=True))
        spoiled = self.told.noise > 0 or self.compressed is not None
        return internal.adapted(
            model,
            self.images,
            self.size,
            kernel=self.told.blur * times or "bicubic",
            told=self._told,
            spoil=functools.partial(self._spoiled, generator=generator) if spoiled else None,
            updates=self.effort.updates,
            generator=generator,
            monitor=self.monitor,
        )

    def _spoiled(self, versions: Tensor, *, generator: torch.Generator) -> Tensor:
        """Reduced versions (B, 3, n, m) of the images with the images' noise, compressed as they were."""
        meant, gray = unlike.meant(versions, self.known.view), bool((self.images == self.images[:, :1]).all())
        noise = torch.randn(meant[:, : 1 if gray else 3].shape, generator=generator)
        meant = (((meant + self.told.noise * noise.to(meant)).clamp(0, 1)) * 255).round() / 255
        if self.compressed is not None:
            channels = self.compressed.shape[0]  # a gray image has one, not three that are alike
            meant = torch.stack([self.compressed.compress(one[:channels])[0] for one in meant]).expand_as(meant)
        return unlike.shown(meant, self.known.view)

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
        told, count = self._told if images is self.images else Conditions().tensor(images), self.effort.orientations

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
