"""How images unlike photographs are shown to the network, and how far its answer to them is followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from siren_sr.grids import resampling

# In photographs the mean distance of the values from their median is a tenth of the range or more. Stars in a dark sky
# or a few lines on paper have less; what is behind them reaches far beyond the range, and the network, which knows
# values in [0, 1], gains 2 to 6 dB if it is shown less contrast. Chosen on drawn stars and lines.
SPARSE, LEAST = 0.08, 0.5  # distance, as a share of the range, below which contrast falls; and the least contrast
FLAT, AROUND = 4.0, 5  # how many times the range of so many pixels of the image per side may be added to it there
# The same for what is no gray. Photographs do not notice, down to 0.5; gray letters had fringes of 18 levels of 255.
COLOUR = 1.0


@dataclass(frozen=True)
class View:
    """How images are shown to the network.

    Attributes:
        factor: Contrast, (B, 1, 1, 1) in (0, 1]; 1 leaves an image as it is, bit for bit.
        middle: Median, which stays where it is, (B, 1, 1, 1).
        sparse: Whether one of them is sparse, be its contrast small already.
    """

    factor: Tensor
    middle: Tensor
    sparse: bool


def view(images: Tensor) -> View:
    """How images (B, 3, h, w) in [0, 1] are shown to the network.

    It does not depend on the images' scale and offset, as long as they fill [0, 1]; and whatever is no more sparse than
    a photograph stays as it is.
    """
    values = images.flatten(1)
    middle = values.median(1).values
    span = (values.amax(1) - values.amin(1)).clamp(min=torch.finfo(values.dtype).tiny)
    share = (values - middle[:, None]).abs().mean(1) / span
    factor = ((share / SPARSE).clamp(LEAST, 1) / span).clamp(max=1)
    sparse = bool(((share < SPARSE) & (share > 0)).any())
    return View(factor[:, None, None, None], middle[:, None, None, None], sparse)


def shown(images: Tensor, by: View) -> Tensor:
    """Images with less contrast around their medians."""
    return by.middle.lerp(images, by.factor)


def meant(images: Tensor, by: View) -> Tensor:
    """The images that were `shown` like this."""
    return images / by.factor + by.middle * (1 - 1 / by.factor)


def believed(found: Tensor, images: Tensor, size: Sequence[int], by: View) -> Tensor:
    """The pictures that the network has made of what it was `shown`, as pictures of the images.

    Where the image is flat, so is the picture: what the network adds to bicubic interpolation may be a few times what
    the image's neighbouring pixels differ by. Only a fault can be larger, such as those which colours that photographs
    hardly have show near the rim. Likewise, where the image is gray or of one hue, so is the picture, however much its
    brightness varies.

    Args:
        found: (B, 3, H, W).
        images: (B, 3, h, w) in [0, 1].
        size: (H, W).
        by: The view with which they were shown.

    Returns:
        (B, 3, H, W).
    """
    found = _near(meant(found, by), images, size, times=FLAT)
    colours = _near(_colours(found), _colours(images), size, times=COLOUR)
    return found.mean(1, keepdim=True) + _colours(colours)


def _near(found: Tensor, images: Tensor, size: Sequence[int], *, times: float) -> Tensor:
    """Values that differ from the images' bicubic interpolation by at most so many times their range around a pixel."""
    base = resampling.resize(images, size)
    most, least = (functional.max_pool2d(x, AROUND, stride=1, padding=AROUND // 2) for x in (images, -images))
    span = (most + least).amax(1, keepdim=True)
    added = functional.interpolate(times * span, size=tuple(size), mode="bilinear")
    return found.clamp(base - added, base + added)


def _colours(images: Tensor) -> Tensor:
    """What is left of the channels without their mean."""
    return images - images.mean(1, keepdim=True)
