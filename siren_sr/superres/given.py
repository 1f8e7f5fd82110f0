"""What a user gives to be enlarged, as the work needs it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from siren_sr import signals
from siren_sr.signals import Signal, as_signal, fill_hidden
from siren_sr.superres.compression.compressed import Compressed
from siren_sr.superres.compression.finding import AUTO, find
from siren_sr.superres.options import PUBLISHED, SuperResolveOptions


def without_holes(image: Any, options: SuperResolveOptions) -> Any:
    """The image itself, or the plain array that a masked one becomes once its holes are filled.

    Raises:
        ValueError: Its holes would be lost, would lie elsewhere, or would be taken for parts without noise.
    """
    if not isinstance(image, np.ma.MaskedArray):
        return image
    if options.return_fit:
        raise ValueError("a Fit is continuous and has no holes: take return_fit=False, or fill those of the image")
    if options.align_corners:
        raise ValueError("holes are those of pixels around their centres: leave align_corners=False, or fill them")
    if np.ma.is_masked(image) and (options.noise == AUTO or options.estimates_kernel):
        # The flattest parts tell the noise, and nothing is as flat as what holes are filled with.
        raise ValueError("noise and kernel are not estimated in an image with holes: give noise= and kernel= yourself")
    return signals.without_holes(image)


def read(image: Any, options: SuperResolveOptions) -> Signal:
    """An image as it is seen: upright, and without colours that nobody sees."""
    data = as_signal(image, dims=2, device=options.device).upright()
    return replace(data, values=fill_hidden(data.values)) if data.has_alpha else data


def compressed(image: Any, data: Signal, options: SuperResolveOptions) -> Compressed | None:
    """What is known of how an image was compressed, as far as the strategy asks for it."""
    published = any(options.chosen_strategy() is one for one in PUBLISHED)
    return None if published else find(image, data, options.compression)
