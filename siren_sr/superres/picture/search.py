"""The picture that the network is to show, found from the low-resolution image.

A search by total variation and self-similarity finds a picture. A network that has learned what this search gets wrong
on smaller versions of the picture corrects it, and where that helps a deep image prior draws the picture too and has a
share in the mean. `Search` puts these together and keeps memory bounded: a large picture is worked on in overlapping
windows, so that time is linear in its size.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from siren_sr import arguments
from siren_sr.grids import resampling
from siren_sr.grids.windows import Cover, Windows
from siren_sr.superres.downsample import Downsample
from siren_sr.superres.picture import deep_prior, self_correction, total_variation
from siren_sr.superres.picture.quality import QUICK, Effort
from siren_sr.superres.picture.total_variation import Rounds
from siren_sr.training.progress import Monitor

WINDOW, OVERLAP = 640, 48  # pixels of a window's side between its overlaps, and half an overlap
SHARE, SHARE_CORRECTED = 0.5, 0.2  # share of the deep image prior in the mean, of an uncorrected and a corrected result
DRAWN_TWICE = 1 << 17  # pixels up to which two priors draw: both together are as quick as one for a larger picture
LAST: Rounds = (("both", 20),)  # the search's last word, once others have changed the picture
# From this scale on, the last word and a deep image prior help a corrected picture: the last word gains 0.1 to 0.3 dB
# at ×4 and loses 0.2 to 0.5 dB at ×2.
HELP_FROM = 3.0


class Search:
    """Looks for the picture behind an image: search, learn, correct, draw, last word.

    Attributes:
        steps: How many steps it will report to the monitor.
    """

    def __init__(
        self,
        image: Tensor,
        down: Downsample,
        start: Tensor,
        effort: Effort,
        *,
        noise: float = 0.0,
        generator: torch.Generator | None = None,
        monitor: Monitor | None = None,
    ) -> None:
        """Decide what will be done.

        Args:
            image: (C, h, w) in [0, 1].
            down: The downsampling D, from the size wanted to (h, w).
            start: The image's plain enlargement (C, H, W), which is the first guess.
            effort: How hard to look.
            noise: Standard deviation of the image's noise.
            generator: CPU generator of what is learned (default: seed 0).
            monitor: Told of every step; the work ends with what there is where it answers True.
        """
        self._image, self._down, self._start, self._effort, self._noise = image, down, start, effort, noise
        self._generator = arguments.seeded(generator)
        self._monitor = Monitor() if monitor is None else monitor
        self._cover = Cover(tuple(windows(n, reach) for n, reach in zip(start.shape[1:], down.reach, strict=True)))
        self._scale = math.sqrt(start[0].numel() / image[0].numel())
        # Noise is no mistake of the search, and what blurred an image makes its smaller versions no example.
        learns = noise == 0 and self_correction.possible(start.shape[1:], down.scale)
        self._correction_updates = effort.correction_updates if learns else 0
        self._rounds = QUICK if self._correction_updates else with_noise(effort.rounds, noise)
        helps = not self._correction_updates or self._scale >= HELP_FROM
        self._draws = 0
        if effort.prior_updates and helps:
            sides = tuple(axis.length for axis in self._cover.axes)
            self._draws = draws(sides, most=1 if self._correction_updates else 2)
        self._last: Rounds = LAST if helps and (self._correction_updates or self._draws) else ()
        self._corrector: self_correction.Corrector | None = None
        searching, last = (sum(steps for _, steps in rounds) for rounds in (self._rounds, self._last))
        teaching = effort.versions * searching + self._correction_updates if self._correction_updates else 0
        self.steps = self._cover.count * (searching + self._draws * effort.prior_updates + last) + teaching

    def picture(self) -> Tensor:
        """Do it all: the picture (C, H, W), not clipped."""
        return self._monitor.once("picture", self._found, generator=self._generator)

    def _found(self) -> Tensor:
        x = self._monitor.once("searched", lambda: self._cover.blend(self._searched, like=self._start))
        if self._correction_updates and not self._monitor.stopped:
            self._learn(x)
        if (self._draws or self._correction_updates) and not self._monitor.stopped:
            x = self._cover.blend(lambda part: self._improved(x, part), like=x)
        return x

    def _searched(self, part: tuple[slice, ...]) -> Tensor:
        """What the search makes of one window."""
        image, down, start = self._window(part, self._start)
        return start if self._monitor.stopped else self._search(image, down, start, self._rounds)

    def _search(self, image: Tensor, down: Downsample, x: Tensor, rounds: Rounds) -> Tensor:
        return self._monitor.once(
            "search",
            lambda: total_variation.restore(
                image, down, x, rounds=rounds, noise=self._noise, scale=self._scale, monitor=self._monitor
            ),
        )

    def _learn(self, x: Tensor) -> None:
        """Learn what the search gets wrong on smaller versions of the picture, once for all windows."""
        pairs: list[self_correction.Pair] = []
        versions = self_correction.smaller_versions(
            x,
            self._image,
            self._down,
            count=self._effort.versions,
            side=longest(max(self._down.reach)),
            generator=self._generator,
        )
        for version, reduction in versions:
            small = reduction(version)
            enlarged = resampling.resize(small, version.shape[1:])
            found = self._search(small, reduction, enlarged, self._rounds)
            if self._monitor.stopped:
                return
            pairs.append((torch.cat([found, enlarged]), version))
        self._corrector = self_correction.learn(
            pairs,
            scale=self._scale,
            updates=self._correction_updates,
            generator=self._generator,
            monitor=self._monitor,
        )

    def _improved(self, x: Tensor, part: tuple[slice, ...]) -> Tensor:
        """One window of the picture corrected, drawn, and given to the search for its last word."""
        image, down, x = self._window(part, x)
        for step in (self._corrected, self._drawn, self._last_word):
            if self._monitor.stopped:
                break
            x = step(image, down, x, part)
        return x

    def _corrected(self, image: Tensor, down: Downsample, x: Tensor, part: tuple[slice, ...]) -> Tensor:
        """The window without what the search gets wrong, as far as it has been learned."""
        if self._corrector is None:
            return x
        plain = self._start[(slice(None), *part)]
        found = self_correction.correct(self._corrector, torch.cat([x, plain]))
        return down.project(found, image, noise=total_variation.EXACT)

    def _drawn(self, image: Tensor, down: Downsample, x: Tensor, part: tuple[slice, ...]) -> Tensor:
        """The mean of the window and of what deep image priors draw in its place."""
        if not self._draws:
            return x
        # What noise there was is gone from x, and the prior, which would learn it, need not see it.
        drawn = self._draw(down(x) if self._noise else image, down, x)
        return x if drawn is None else x.lerp(drawn, SHARE_CORRECTED if self._correction_updates else SHARE)

    def _last_word(self, image: Tensor, down: Downsample, x: Tensor, part: tuple[slice, ...]) -> Tensor:
        """The window once more searched for, from what the others have made of it."""
        return self._search(image, down, x, self._last)

    def _draw(self, image: Tensor, down: Downsample, like: Tensor) -> Tensor | None:
        """The mean of what deep image priors draw, (C, H, W) as ``like``; None where the work was stopped."""
        mean = torch.zeros_like(like)
        for _ in range(self._draws):
            drawn = deep_prior.draw(
                image,
                down,
                like.shape[1:],
                updates=self._effort.prior_updates,
                generator=self._generator,
                monitor=self._monitor,
            )
            if self._monitor.stopped:
                return None
            mean += down.project(drawn, image, noise=total_variation.EXACT) / self._draws
        return mean

    def _window(self, part: tuple[slice, ...], x: Tensor) -> tuple[Tensor, Downsample, Tensor]:
        """What the image says of a window of the picture, the downsampling between them, and the window itself."""
        if self._cover.count == 1:
            return self._image, self._down, x
        down, rows, columns = self._down.window(*part)
        return self._image[:, rows, columns], down, x[(slice(None), *part)]


def with_noise(rounds: Rounds, noise: float) -> Rounds:
    """The search for an image with noise.

    Other scales sharpen what is left of the noise. A search that looks at nothing else therefore ends with other
    places, whose mean has less of it.
    """
    if noise == 0 or any(name in ("places", "both") for name, _ in rounds):
        return rounds
    return (*rounds[:-1], ("places", rounds[-1][1]))


def draws(size: tuple[int, ...], *, most: int) -> int:
    """How many deep image priors draw a picture of this size."""
    if min(size) < deep_prior.SMALLEST:
        return 0
    return most if math.prod(size) <= DRAWN_TWICE else 1


def windows(n: int, reach: int) -> Windows:
    """The windows of an axis of n pixels.

    A small pixel binds only a window that has all of its ``reach`` pixels. Overlaps are so wide that what no window's
    rim knows, its neighbour does; and windows are so long that they hold several small pixels.
    """
    margin = max(OVERLAP, 3 * reach // 2)
    fewest = Windows.cover(n, longest(reach), margin)
    needed = math.ceil((n - 2 * margin) / len(fewest.starts))
    return Windows.cover(n, max(1, needed), margin)


def longest(reach: int) -> int:
    """The most pixels of a window's side between its overlaps."""
    return max(WINDOW, 8 * reach)
