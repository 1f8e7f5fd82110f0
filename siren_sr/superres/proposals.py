"""What a prior proposes for the images of a call: which prior is asked, how often, and for how many images at once."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from siren_sr.grids.boundaries import Frame
from siren_sr.signals import Signal
from siren_sr.superres import upscaler
from siren_sr.superres.compression.compressed import Compressed
from siren_sr.superres.convolution import mean_of_turned
from siren_sr.superres.learned import photographs
from siren_sr.superres.learned.network import TILE
from siren_sr.superres.options import SuperResolveOptions
from siren_sr.superres.upscaler import Prior
from siren_sr.training.progress import Monitor

log = logging.getLogger(__name__)


Given = tuple[Signal, Compressed | None]
"""An image, and what is known of its compression."""


class Proposals:
    """The pictures that a prior proposes for images of one shape; nothing is computed before it is asked for.

    Attributes:
        name: Of the prior, see `siren_sr.Fit`; None where none has a say. If that is because the prior does not know
            such images, a line at level INFO of the logger "siren_sr" says why.
    """

    def __init__(
        self,
        images: Sequence[Signal],
        size: tuple[int, int],
        options: SuperResolveOptions,
        monitor: Monitor,
        *,
        noise: float,
        compressed: Sequence[Compressed | None],
    ) -> None:
        """Decide who will be asked.

        Args:
            images: Of equal shape.
            size: The size (H, W) that is wanted.
            options: The options of the task.
            monitor: Told of the work.
            noise: Standard deviation of the images' noise, for images in [0, 1].
            compressed: What is known of the compression of each, which was equally strong.
        """
        self._frame = Frame.around(images[0].shape, size, options.boundary)
        laid = [replace(one, values=self._frame.lay(one.values)) for one in images]
        self._images = list(zip(laid, compressed, strict=True))
        self._found = dict[int, Tensor]()
        outer = self._frame.outer_size
        self._monitor, self._generator = monitor, options.generator
        self._together, self.name = 1, None
        self._make: Callable[[Sequence[Given]], Tensor] | None = None
        if isinstance(options.prior, str):
            shape = self._frame.outer_shape
            told = photographs.conditions(options.kernel, noise, shape=shape, size=outer, compressed=compressed[0])
            if isinstance(told, str):
                log.info('prior="%s" is not used, since %s: nothing but the image is', options.prior, told)
                return
            self.name, self._together = options.prior, max(1, TILE**2 // math.prod(shape))
            self._make = functools.partial(
                _enlarged,
                size=outer,
                told=told,
                quality=options.quality,
                generator=options.generator,
                monitor=monitor,
            )
        elif options.prior is not None:
            self.name = getattr(options.prior, "__name__", type(options.prior).__name__)
            times = 8 if options.quality == "best" else 1
            self._make = functools.partial(_asked, prior=options.prior, size=outer, times=times)

    def picture(self, number: int) -> Tensor | None:
        """The picture (C, H, W) for one of the images; None where no prior has a say.

        Small images are worked on together, as many as fill a tile of the network. Each picture is given away once.
        """
        if self._make is None:
            return None
        if number not in self._found:
            numbers = range(number, min(number + self._together, len(self._images)))
            images = [self._images[i] for i in numbers]
            pictures = self._monitor.once("prior", functools.partial(self._make, images), generator=self._generator)
            self._found = dict(zip(numbers, pictures, strict=True))
        return self._frame.cut(self._found.pop(number))


def _enlarged(images: Sequence[Given], **options: Any) -> Tensor:
    """What the shipped network makes of images, a tensor (B, C, H, W), within the limits of each."""
    values, compressed = torch.stack([one.values for one, _ in images]), [known for _, known in images]
    pictures = photographs.enlarge(values, compressed=compressed, **options)
    for picture, (one, _) in zip(pictures, images, strict=True):
        picture.clamp_(*one.origin.limits)
    return pictures


def _asked(images: Sequence[Given], *, prior: Prior, size: Sequence[int], times: int) -> Tensor:
    """What a user's upscaler makes of each image, as the mean over its first so many orientations."""
    asked = [functools.partial(upscaler.ask, prior, shown=one.origin.shown) for one, _ in images]
    return torch.stack(
        [mean_of_turned(ask, one.values, size, count=times) for ask, (one, _) in zip(asked, images, strict=True)]
    )
