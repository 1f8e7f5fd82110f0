"""What is assumed of how an image came about: what the user says, or else what the image tells."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from torch import Tensor

from siren_sr.fitting.degradation import Degradation
from siren_sr.signals import Signal, to_unit
from siren_sr.superres.degradation import blur
from siren_sr.superres.degradation.noise import estimate
from siren_sr.superres.kernels import check_kernel
from siren_sr.superres.learned import photographs
from siren_sr.superres.options import AUTO, SuperResolveOptions

# An estimate may be too high by so much, and the prior is better than none where the noise is a little stronger than it
# knows.
UNSURE = 1.2

log = logging.getLogger(__name__)


def degradation(data: Signal, size: Sequence[float], options: SuperResolveOptions) -> Degradation:
    """What is assumed of an image; a line at level INFO of the logger "siren_sr" tells what was found.

    Args:
        data: The image.
        size: (H, W) of the result, on whose pixels the kernel is.
        options: The options of the task.

    Raises:
        ValueError: The noise that the user gives is more than the whole range of the image.
    """
    noise = _noise(data, options)
    if options.estimates_kernel:
        return Degradation(_kernel(data, size, share(data, noise)), noise)
    return Degradation(check_kernel(options.kernel), noise)


def share(data: Signal, noise: float) -> float:
    """The standard deviation of noise where the image's own range is [0, 1]."""
    contrast = data.origin.contrast
    return noise / contrast if contrast else 0.0


def _noise(data: Signal, options: SuperResolveOptions) -> float:
    """The standard deviation of the image's noise, in units of floats."""
    given = options.noise
    if given is not None and given != AUTO:
        if share(data, given) > 1:
            raise ValueError(
                f"noise={given} is more than the image's whole range, {data.origin.contrast:g}: it is a standard "
                "deviation in units of the image, where integers of 8 or 16 bits count as [0, 1]; divide by 255 if it "
                "is in levels of 8 bits"
            )
        return given
    # Of tensors and arrays it is not known whether they are pictures as people have them.
    if (given is None and data.origin.container not in ("pil", "image file")) or not options.knows_degradations():
        return 0.0
    found = estimate(_colours(data))
    if photographs.STRONGEST < found <= UNSURE * photographs.STRONGEST:
        found = photographs.STRONGEST
    found *= data.origin.contrast
    if found:
        log.info(
            "noise was found in the image, with a standard deviation of about %.0f levels of 255; noise=0 assumes none",
            found * 255,
        )
    return found


def _kernel(data: Signal, size: Sequence[float], noise: float) -> str | float | Tensor:
    """The kernel that is found in the image."""
    found = blur.estimate(_colours(data), size, noise=noise)
    if isinstance(found, Tensor):
        log.info(
            'the image is blurred by about a Gaussian that is wider in one direction; kernel="bicubic" assumes none'
        )
    elif not isinstance(found, str):
        log.info(
            "the image is blurred by about a Gaussian with a standard deviation of %.1f pixels of the result; "
            'kernel="bicubic" assumes none',
            found,
        )
    return found


def _colours(data: Signal) -> Tensor:
    """The channels that show the picture, (C, h, w) in [0, 1]: not alpha, which has no noise."""
    count = len(data.values)
    return to_unit(data.values[:3] if count == 4 else data.values[:1] if data.has_alpha else data.values)
