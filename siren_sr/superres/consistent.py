"""The library's own strategy, "consistent".

It asks that the network, *seen through the downsampling*, be the given image, and lets the picture's own edges and
repetitions decide what the image does not say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from siren_sr.grids import resampling
from siren_sr.signals import from_unit, to_unit
from siren_sr.superres.downsample import Downsample
from siren_sr.superres.picture.quality import QUALITIES
from siren_sr.superres.picture.search import Search
from siren_sr.superres.plan import DETAIL, Problem, TiledPlan

PRIOR_SLACK = 1e-3  # a user's picture is moved until D x is the image, but for its rounding to 8 bit
PRIOR_ERROR = 0.03  # root mean square error expected of a prior's picture in [0, 1]: 30 dB
ROUNDING = 0.016  # of the strength with which D shows an even picture: differences that small are left alone

# In the search for the picture, for Gaussians and arrays: noise of a quarter of the rounding to 8 bits. Of 0,
# 0.0002, 0.0005 and 0.0011 the middle ones were the best.
BLURRED = 3e-4


def consistent(problem: Problem) -> TiledPlan:
    """The library's own: a picture that downsamples to the image, then tiles of sine networks that represent it.

    1. The picture: `siren_sr.superres.picture.search` finds one with D x = image, D being the downsampling of
       ``problem.kernel``. A user's prior is moved to the nearest such picture instead. With noise, D x is an image
       without it.
    2. The network: tiles are fitted to that picture minus the bicubic enlargement.
    3. The base: the samples of what the network does not show. So the result is the picture, and explains the image.

    Raises:
        ValueError: ``align_corners``: downsampling is defined on pixel centres.
    """
    if problem.align_corners:
        raise ValueError('strategy="consistent" is defined on pixel centres: leave align_corners=False')
    image, shape = problem.image, problem.image.shape[-2:]
    down = Downsample.between(problem.size, shape, kernel=problem.kernel, like=image)
    if problem.prior is not None:
        given = down.project(problem.prior, image, noise=_slack(problem.noise, shape, problem.size))
        return TiledPlan(given, image, replace(DETAIL, steps=problem.steps or DETAIL.steps))
    effort = QUALITIES[problem.quality]
    search = Search(
        problem.unit,
        down,
        to_unit(resampling.resize(image, problem.size)),
        effort,
        noise=problem.noise if isinstance(problem.kernel, str) else max(problem.noise, BLURRED),
        generator=problem.generator,
        monitor=problem.monitor,
    )
    # What follows is not known yet: assume that it takes as long as the search.
    problem.monitor.plan("pixels", 2 * search.steps)
    return TiledPlan(from_unit(search.picture()), image, replace(DETAIL, steps=problem.steps or effort.tile_steps))


def _slack(noise: float, shape: Sequence[int], size: Sequence[int]) -> float:
    """How much an image is to be doubted where a prior contradicts it, the ``noise`` of `Downsample.project`: the ratio
    of the variances of their errors, and never so little that the image's rounding to 8 bits is believed.
    """
    rounding = ROUNDING * math.prod(shape) / math.prod(size)  # the eigenvalues of D Dᵀ go with the number of pixels
    return max(min(PRIOR_SLACK, rounding), (noise / PRIOR_ERROR) ** 2)
