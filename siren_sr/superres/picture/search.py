"""The picture that the network is to show, found from the low-resolution image.

A search by total variation and self-similarity finds a picture. A network that has learned what this search gets wrong
on smaller versions of the picture corrects it, and where that helps a deep image prior draws the picture too and has a
share in the mean. `Search` puts these together and keeps memory bounded: a large picture is worked on in overlapping
windows, so that time is linear in its size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from siren_sr import arguments
from siren_sr.grids import resampling
from siren_sr.grids.windows import Cover, Windows
from siren_sr.superres.compression.compressed import Compressed
from siren_sr.superres.compression.projection import explaining
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
# Of the intervals of a compressed image so much is believed. The true values lie nearer to their middle than evenly.
BELIEVED = 0.6


@dataclass(frozen=True, eq=False)
class Given:
    """What is given of a picture, or of a window of it.

    Attributes:
        image: (C, h, w) in [0, 1].
        compressed: What is known of how it was compressed, or None.
        down: The downsampling D that made it of the picture.
    """

    image: Tensor
    compressed: Compressed | None
    down: Downsample

    def explained(self, x: Tensor) -> Tensor:
        """The nearest picture that explains the image."""
        return explaining(self.down, x, self.image, self.compressed, noise=total_variation.EXACT)


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
        compressed: Compressed | None = None,
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
            compressed: What is known of how the image was compressed, or None.
            generator: CPU generator of what is learned (default: seed 0).
            monitor: Told of every step; the work ends with what there is where it answers True.
        """
        self._image, self._down, self._start, self._effort, self._noise = image, down, start, effort, noise
        self._compressed = None if compressed is None else compressed.narrowed(BELIEVED)
        self._generator = arguments.seeded(generator)
        self._monitor = Monitor() if monitor is None else monitor
        self._cover = Cover(tuple(windows(n, reach) for n, reach in zip(start.shape[1:], down.reach, strict=True)))
        self._scale = math.sqrt(start[0].numel() / image[0].numel())
        # Noise is no mistake of the search, and what blurred an image makes its smaller versions no example.
        learns = noise == 0 and self_correction.possible(start.shape[1:], down.scale)
        self._correction_updates = effort.correction_updates if learns else 0
        known = noise != 0 or compressed is not None
        self._rounds = QUICK if self._correction_updates else disturbed(effort.rounds, known)
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
        given = self._window(part)
        start = self._start[(slice(None), *part)]
        return start if self._monitor.stopped else self._search(given, start, self._rounds)

    def _search(self, given: Given, x: Tensor, rounds: Rounds) -> Tensor:
        return self._monitor.once(
            "search",
            lambda: total_variation.restore(
                given.image,
                given.down,
                x,
                rounds=rounds,
                noise=self._noise,
                compressed=given.compressed,
                scale=self._scale,
                monitor=self._monitor,
            ),
        )

    def _learn(self, x: Tensor) -> None:
        """Learn what the search gets wrong on smaller versions of the picture, once for all windows."""
        pairs: list[self_correction.Pair] = []
        # What an image was before it was compressed is not known, but what the search takes it for.
        image = self._image if self._compressed is None else self._down(x)
        versions = self_correction.smaller_versions(
            x,
            image,
            self._down,
            count=self._effort.versions,
            side=longest(max(self._down.reach)),
            generator=self._generator,
        )
        for version, reduction in versions:
            given = Given(reduction(version), None, reduction)
            if self._compressed is not None:
                decoded, known = self._compressed.compress(given.image)
                given = Given(decoded, known.narrowed(BELIEVED), reduction)
            enlarged = resampling.resize(given.image, version.shape[1:])
            found = self._search(given, enlarged, self._rounds)
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
        given, plain, x = self._window(part), self._start[(slice(None), *part)], x[(slice(None), *part)]
        if self._corrector is not None and not self._monitor.stopped:  # without what the search is known to get wrong
            x = given.explained(self_correction.correct(self._corrector, torch.cat([x, plain])))
        if self._draws and not self._monitor.stopped:
            x = self._drawn(given, x)
        return x if self._monitor.stopped else self._search(given, x, self._last)

    def _drawn(self, given: Given, x: Tensor) -> Tensor:
        """The mean of a window and of what deep image priors draw in its place."""
        # What noise and traces of compression there were are gone from x, and the prior, which would learn them, need
        # not see them.
        bare = not self._noise and given.compressed is None
        drawn = self._draw(given if bare else replace(given, image=given.down(x)), x)
        return x if drawn is None else x.lerp(drawn, SHARE_CORRECTED if self._correction_updates else SHARE)

    def _draw(self, given: Given, like: Tensor) -> Tensor | None:
        """The mean of what deep image priors draw, (C, H, W) as ``like``; None where the work was stopped."""
        mean = torch.zeros_like(like)
        for _ in range(self._draws):
            drawn = deep_prior.draw(
                given.image,
                given.down,
                like.shape[1:],
                updates=self._effort.prior_updates,
                generator=self._generator,
                monitor=self._monitor,
            )
            if self._monitor.stopped:
                return None
            mean += given.explained(drawn) / self._draws
        return mean

    def _window(self, part: tuple[slice, ...]) -> Given:
        """What is given of a window of the picture."""
        if self._cover.count == 1:
            return Given(self._image, self._compressed, self._down)
        down, rows, columns = self._down.window(*part)
        known = None if self._compressed is None else self._compressed.window(rows, columns)
        return Given(self._image[:, rows, columns], known, down)


def disturbed(rounds: Rounds, known: bool) -> Rounds:
    """The search for an image that is known to have noise, or traces of compression.

    Other scales sharpen what is left of them. A search that looks at nothing else therefore ends with other places,
    whose mean has less of it.
    """
    if not known or any(name in ("places", "both") for name, _ in rounds):
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
