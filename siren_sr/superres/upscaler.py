"""A user's own upscaler: what it is given, and what of its answer is accepted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from siren_sr.grids import resampling
from siren_sr.signals import from_unit, to_unit

# A result may leave [0, 1] by so much, and is clamped. One that lies further outside must have another range.
OVERSHOOT = 0.2

Prior = Callable[[Tensor], Tensor]
"""A function from an image (1, C, h, w), float32 in [0, 1], to a larger one (1, C, H, W) in [0, 1]."""


def ask(prior: Prior, image: Tensor, size: Sequence[int], *, shown: tuple[float, float] = (0.0, 1.0)) -> Tensor:
    """Return what a prior makes of an image.

    Args:
        prior: The user's function. It is given a float32 tensor, without gradients, on the image's device.
        image: The image, a tensor (C, h, w) in [-1, 1].
        size: The size (H, W) that is wanted; a result of another size is resized.
        shown: What -1 and 1 of the image are for the prior.

    Returns:
        Tensor (C, H, W) in [-1, 1], of the image's dtype and on its device.

    Raises:
        TypeError: The result is no tensor of floating-point numbers.
        ValueError: The result has another shape than (1, C, any, any), or values that are not finite or that lie
            outside [0, 1] by more than `OVERSHOOT`.
    """
    low, contrast = shown[0], shown[1] - shown[0]
    with torch.no_grad():
        result = prior((to_unit(image) * contrast + low).float()[None])
    if not isinstance(result, Tensor):
        raise TypeError(f"prior must return a tensor (1, C, H, W), got {type(result).__name__}")
    if not result.is_floating_point():
        raise TypeError(f"prior must return floating-point numbers in [0, 1], got {result.dtype}")
    if result.ndim != 4 or result.shape[:2] != (1, len(image)) or 0 in result.shape:
        raise ValueError(f"prior returned {tuple(result.shape)}: it must be (1, {len(image)}, H, W)")
    if not torch.isfinite(result).all():
        raise ValueError("prior returned NaN or infinite values")
    least, most = float(result.min()), float(result.max())
    if least < -OVERSHOOT or most > 1 + OVERSHOOT:
        raise ValueError(
            f"prior returned values from {least:g} to {most:g}: they must lie in [0, 1]; divide by 255 if 8 bit"
        )
    result = result[0].detach().to(image).clamp(0, 1)
    if result.shape[1:] != tuple(size):
        result = resampling.resize(result, size).clamp(0, 1)
    return from_unit((result - low) / contrast if contrast else torch.zeros_like(result))
