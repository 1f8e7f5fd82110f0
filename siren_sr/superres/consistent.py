"""The library's own strategy, "consistent".

The strategy asks that the network, *seen through the downsampling*, be the given image. The picture's own edges and
repetitions decide what the image does not say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from siren_sr.grids import resampling
from siren_sr.grids.boundaries import Frame, wraps
from siren_sr.signals import from_unit, to_unit
from siren_sr.superres.compression.projection import explaining, project_compressed
from siren_sr.superres.downsample import Downsample
from siren_sr.superres.picture.quality import QUALITIES, Effort
from siren_sr.superres.picture.search import Search
from siren_sr.superres.picture.total_variation import EXACT
from siren_sr.superres.plan import DETAIL, Problem, TiledPlan

# An image without noise is doubted by at most so much where a prior contradicts it: the prior's picture is moved until
# D x is the image, but for its rounding to 8 bits.
PRIOR_SLACK = 1e-3
PRIOR_ERROR = 0.03  # the root mean square error that is expected of a prior's picture in [0, 1], about 30 dB
# The same doubt as a share of the strength with which D shows an even picture, which falls with the scale. What D shows
# more weakly than that is left alone.
ROUNDING = 0.016

# If the kernel is a Gaussian or an array, the search for the picture assumes at least so much noise, which is a quarter
# of the rounding to 8 bits. Of 0, 0.0002, 0.0005 and 0.0011 the middle ones were the best.
BLURRED = 3e-4


def consistent(problem: Problem) -> TiledPlan:
    """Plan the library's own way: a picture that downsamples to the image, and tiles of sine networks that show it.

    1. The picture: `siren_sr.superres.picture.search` finds a picture x with D x = image, where D is the downsampling
       of ``problem.kernel``. Where there is a prior, what it proposes is moved to the nearest such picture instead. If
       the image has noise, D x is the image without it; if it was compressed, D x is one of the images that it may have
       been before.
    2. The network: tiles are fitted to that picture minus the bicubic enlargement.
    3. The base: it keeps the samples of what the network does not show, so that the result is the picture and explains
       the image.

    Raises:
        ValueError: ``align_corners`` is True, but the downsampling is defined on pixel centres only.
    """
    if problem.align_corners:
        raise ValueError('strategy="consistent" is defined on pixel centres: leave align_corners=False')
    image, shape = problem.image, problem.image.shape[-2:]
    down = Downsample.between(problem.size, shape, kernel=problem.kernel, boundary=problem.boundary, like=image)
    if problem.prior is not None:
        slack = _slack(problem.noise, shape, problem.size)
        if problem.compressed is None:
            given = down.project(problem.prior, image, noise=slack, limits=problem.limits)
        else:
            given = from_unit(project_compressed(down, to_unit(problem.prior), problem.compressed, noise=slack))
        recipe = replace(DETAIL, steps=problem.steps or DETAIL.steps)
        return TiledPlan(as_gray(given, image), image, recipe, prior=problem.prior_name)
    effort = QUALITIES[problem.quality]
    steps = problem.steps or effort.tile_steps
    found = as_gray(from_unit(_searched(problem, down, effort)), image)
    return TiledPlan(found, image, replace(DETAIL, steps=steps))


def as_gray(picture: Tensor, image: Tensor) -> Tensor:
    """Return a picture whose colours are gray, exactly, if those of the image are: scans and text often come as RGB.

    The mean of the three explains the image as each of them does.

    Args:
        picture: (C, H, W).
        image: (C, h, w); three channels, or the first three of four, are colours.
    """
    if len(image) not in (3, 4) or not bool((image[:3] == image[:1]).all()):
        return picture
    return torch.cat([picture[:3].mean(0, keepdim=True).expand(3, -1, -1), picture[3:]])


def _searched(problem: Problem, down: Downsample, effort: Effort) -> Tensor:
    """The picture (C, H, W) in [0, 1] that the search finds; what wraps is searched for within a frame."""
    frame = Frame.around(problem.unit.shape[1:], problem.size, problem.boundary)
    image, around = frame.lay(problem.unit), down
    if wraps(problem.boundary):
        around = Downsample.between(frame.outer_size, frame.outer_shape, kernel=problem.kernel, like=image)
    noise = problem.noise if isinstance(problem.kernel, str) else max(problem.noise, BLURRED)
    search = Search(
        image,
        around,
        to_unit(resampling.resize(frame.lay(problem.image), frame.outer_size)),
        effort,
        compressed=None if wraps(problem.boundary) else problem.compressed,  # of the image, not of the frame
        noise=noise,
        generator=problem.generator,
        monitor=problem.monitor,
    )
    # It is not known yet how long the networks take, if they are wanted. The plan assumes as long as the search.
    problem.monitor.plan("pixels", 2 * search.steps if problem.return_fit else search.steps)
    found = frame.cut(search.picture())
    # Cutting leaves what explains the image as it is, but for where both ends were blended.
    if wraps(problem.boundary) and noise == 0:
        return explaining(down, found, problem.unit, problem.compressed, noise=EXACT)
    return found


def _slack(noise: float, shape: Sequence[int], size: Sequence[int]) -> float:
    """Return how much an image is to be doubted where a prior contradicts it: the ``noise`` of `Downsample.project`.

    It is the ratio of the variances of their errors, but never so small that the image's rounding to 8 bits is
    believed.
    """
    rounding = ROUNDING * math.prod(shape) / math.prod(size)  # the eigenvalues of D Dᵀ fall with this share
    return max(min(PRIOR_SLACK, rounding), (noise / PRIOR_ERROR) ** 2)
