"""What the windows of a large image must know of the whole image, and the prior that knows it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from siren_sr.fitting.degradation import Degradation
from siren_sr.grids.boundaries import Frame
from siren_sr.signals import as_signal, from_unit, ranges, to_unit
from siren_sr.superres import assumed
from siren_sr.superres.compression.compressed import Compressed
from siren_sr.superres.learned import photographs
from siren_sr.superres.options import SuperResolveOptions


@dataclass(frozen=True)
class Whole:
    """What the windows of an image must know of the whole image.

    Attributes:
        span: Its range.
        degradation: What is assumed of how it came about.
        told: The same for the prior "photographs"; None for an upscaler of the user's.
        known: What the image says of itself, likewise.
    """

    span: ranges.Range
    degradation: Degradation
    told: photographs.Conditions | None = None
    known: photographs.Known | None = None

    @staticmethod
    def of(
        pixels: np.ndarray,
        size: tuple[int, int],
        chosen: SuperResolveOptions,
        *,
        seed: int,
        file: bool,
        compressed: Compressed | None = None,
    ) -> Whole:
        """Find it.

        Args:
            pixels: The image, (H, W[, C]).
            size: The size of the result.
            chosen: The options.
            seed: Of what is learned.
            file: Whether the image was a file, of which more is assumed than of an array.
            compressed: What is known of its compression.

        Raises:
            ValueError: The prior is no prior for such images.
        """
        data = as_signal(pixels, dims=2, device=chosen.device)
        data = replace(data, origin=replace(data.origin, container="image file" if file else "array"))
        span = data.origin.range
        found = assumed.degradation(data, size, chosen)
        if not isinstance(chosen.prior, str):
            return Whole(span, found)
        frame = Frame.around(pixels.shape[:2], size, chosen.boundary)  # what wraps is known as `super_resolve` sees it
        rows, columns = frame.outer_size
        noise = assumed.share(data, found.noise)
        told = photographs.conditions(
            found.kernel, noise, shape=frame.outer_shape, size=(rows, columns), compressed=compressed
        )
        if isinstance(told, str):
            raise ValueError(f"windows need a prior, and prior={chosen.prior!r} cannot be used, since {told}")
        known = photographs.know(
            frame.lay(data.values),
            size=(rows, columns),
            told=told,
            quality=chosen.quality,
            generator=torch.Generator().manual_seed(seed),
            compressed=compressed,
        )
        return Whole(span, found, told, replace(known, learned=known.learned and known.learned.cpu()))


@dataclass(frozen=True)
class PartPrior:
    """The prior "photographs" for a part of an image, as a function of the part, (1, C, h, w) in [0, 1]."""

    told: photographs.Conditions
    known: photographs.Known
    quality: str
    size: tuple[int, int]

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        """Enlarge it; returns (1, C, H, W) in [0, 1]."""
        picture = photographs.enlarge(
            from_unit(image), size=self.size, told=self.told, quality=self.quality, known=self.known
        )
        return to_unit(picture).clamp(0, 1)
