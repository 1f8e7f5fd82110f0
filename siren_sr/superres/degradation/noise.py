"""The standard deviation of an image's noise, from the image itself.

Noise is white: it has as much of every frequency. What was photographed has less of the higher ones. So the image is
seen through the cosine transform of small patches. The patches that have least of the middle frequencies show least of
the picture; what they have of the highest ones is noise. Choosing by some frequencies and measuring others chooses
nothing by its noise, since the coefficients of white noise are independent. (Ponomarenko et al., "An automatic approach
to lossy compression of AVIRIS images", 2007, and Colom and Buades, "Analysis and extension of the Ponomarenko et al.
method", Image Processing On Line, 2013, choose and measure like this.) What is new here is all that makes clean images
come out at exactly zero: colour, where pictures have little and noise as much as in brightness; the extrapolation of
what falls with frequency; and tests of whether what is left looks like white noise at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from siren_sr.superres.compression import cosine

PATCH = 6  # pixels per side of a patch
SHARE, FEWEST = 0.02, 300  # the share of the patches that is measured, and the fewest patches that say anything
LEAST = 1.5 / 255
"""What is found below this counts as none: clean photographs show up to 1.3 levels of 8 bits, which are texture."""
# The highest frequencies show the picture by this share of what those before them do, in photographs that were reduced.
# Of 0.2, 0.3 and 0.4 the middle one was the best.
FALLS = 0.3
EVEN = 0.2  # what differs by no more than this share does so by chance
# White noise has as much of the frequencies below the highest ones as of these; a picture has more of the middle ones,
# and of those in between. Noise is Gaussian, with the kurtosis 3; of edges and grains it is larger. These are ratios of
# mean squares and of fourth powers.
MORE_MIDDLE, MORE_HIGH, HEAVIEST = 2.3, 1.55, 5.0
# A drawing with so few colours has no noise, or it would have many more. Gray noise of 1.5 levels makes ten of a flat
# area; noise in three channels makes hundreds.
FEW_GRAYS, FEW_COLOURS = 12, 64
LUMA = (0.299, 0.587, 0.114)  # brightness as JPEG has it (BT.601)
WINDOW, WINDOWS = 256, 16  # pixels per side of parts of a large image, and how many of them are looked at


def estimate(image: Tensor) -> float:
    """Estimate the standard deviation of white noise in an image.

    Where the noise depends on the brightness, as a camera's does, it is about that of the flattest parts. What is not
    white is not found: noise that was smoothed, enlarged or strongly compressed together with the picture. Of an image
    that shows noise in brightness alone, such as a JPEG file whose colours were reduced, it is that of the brightness.
    Images of fewer than about 25x25 pixels tell nothing.

    Args:
        image: (C, H, W), any range; where values are clipped, they are at 0 and 1. Three channels are a colour; any
            other number are gray images that were taken alike.

    Returns:
        The standard deviation, in the units of the image; 0.0 where nothing is found that is certainly noise.
    """
    pixels = image.detach().to("cpu", torch.float32)
    if min(pixels.shape[1:]) < PATCH or _drawn(pixels):
        return 0.0
    if len(pixels) == 3:
        measured = _measure(torch.einsum("ij,jhw->ihw", cosine.orthonormal(3).to(pixels), pixels), _clipped(pixels))
        # Of the three, brightness shows most of the picture, and what is left of the others needs no further test.
        sigma = math.sqrt(float(measured.variance.sort().values[:2].mean()))
        if sigma >= LEAST:
            return sigma
        pixels = torch.einsum("c,chw->hw", pixels.new_tensor(LUMA), pixels)[None]
    each = [_measure(one[None], _clipped(one[None])) for one in pixels]
    sigma = math.sqrt(float(torch.cat([torch.where(one.white, one.variance, 0.0) for one in each]).mean()))
    return sigma if sigma >= LEAST else 0.0


def _drawn(pixels: Tensor) -> bool:
    """Return whether an image has so few colours that none can be due to noise."""
    if len(pixels) != 3:
        return all(len(one.unique()) <= FEW_GRAYS for one in pixels)
    part = pixels[:, :: -(-pixels.shape[1] // 1024), :: -(-pixels.shape[2] // 1024)]
    red, green, blue = (part.double() * 65535).round().long().flatten(1)
    return len(((red << 32) + (green << 16) + blue).unique()) <= FEW_COLOURS


def _clipped(pixels: Tensor) -> Tensor:
    """Return for every patch, (rows, columns), the share of its pixels with a value at 0 or 1, which cuts noise off."""
    at_the_end = ((pixels <= 0) | (pixels >= 1)).any(0).float()
    return torch.nn.functional.avg_pool2d(at_the_end[None], PATCH, 1)[0]


@dataclass(frozen=True)
class _Measured:
    """What was measured in channels.

    Attributes:
        variance: Of what may be noise, (C,).
        white: Whether it looks like white noise, (C,).
    """

    variance: Tensor
    white: Tensor


def _measure(channels: Tensor, clipped: Tensor) -> _Measured:
    """Measure the noise in each of some channels (C, H, W) that show the same places.

    Args:
        channels: The channels.
        clipped: The share of each patch that was clipped, (H - PATCH + 1, W - PATCH + 1).
    """
    windows = [(rows, columns) for rows in _parts(channels.shape[1]) for columns in _parts(channels.shape[2])]
    found = torch.cat([_coefficients(channels[:, rows, columns]).flatten(2) for rows, columns in windows], 2)
    cut = torch.cat([clipped[_without_rim(rows), _without_rim(columns)].flatten() for rows, columns in windows])
    if len(cut) < FEWEST:
        nothing = found.new_zeros(len(channels))
        return _Measured(nothing, nothing > 0)
    # Patches that are not clipped; where there are hardly any, as in the night sky, those that are clipped least.
    found = found[:, :, cut <= cut.kthvalue(FEWEST).values]
    picture = found[:, 0].sum(0)
    chosen = picture.topk(max(FEWEST, int(SHARE * len(picture))), largest=False).indices
    middle, high, highest, fourth = found[:, 1:, chosen].mean(2).unbind(1)
    variance = ((highest - FALLS * high) / (1 - FALLS)).clamp(min=0).minimum(highest)
    # Where nothing falls, both groups show noise alone, and more coefficients tell it better.
    variance = torch.where((high - highest).abs() <= EVEN * highest, (3 * high + highest) / 4, variance)
    white = (middle <= MORE_MIDDLE * highest) & (high <= MORE_HIGH * highest)
    return _Measured(variance, white & (fourth <= HEAVIEST * highest.square()))


def _coefficients(channels: Tensor) -> Tensor:
    """Return what patches have of some frequencies: (C, 5, rows, columns), mean squares but for the last.

    In order: all below those that are measured; the last two of these; the first two and the last two that are
    measured; and the mean fourth power of the latter.
    """
    transform = cosine.orthonormal(PATCH).to(channels)
    order = torch.arange(PATCH)[:, None] + torch.arange(PATCH)
    patterns = torch.einsum("ai,bj->abij", transform, transform)
    last = 2 * PATCH - 2
    groups = [(1, PATCH - 1), (PATCH - 2, PATCH - 1), (PATCH, PATCH + 1), (last - 1, last)]
    found = []
    for low, high in groups:
        filters = patterns[(order >= low) & (order <= high)][:, None]
        squares = torch.nn.functional.conv2d(channels[:, None], filters).square()
        found.append(squares.mean(1))
        if high == last:
            found.append(squares.square().mean(1))
    return torch.stack(found, 1)


def _parts(n: int) -> list[slice]:
    """Return the parts of an axis that are looked at: all of it, or evenly spaced windows."""
    count = math.isqrt(WINDOWS)
    if n <= count * WINDOW:
        return [slice(0, n)]
    return [slice(start, start + WINDOW) for start in (round(i * (n - WINDOW) / (count - 1)) for i in range(count))]


def _without_rim(part: slice) -> slice:
    """Return the patches that lie wholly in a part of an axis."""
    return slice(part.start, part.stop - PATCH + 1)
