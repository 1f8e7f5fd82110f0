"""What is known of how an image came about, as numbers that a network reads."""

from __future__ import annotations

from dataclasses import astuple, dataclass

from torch import Tensor

UNITS = (20.0, 1.0, 1.0)  # bring noise, blur and compression to the order 1


@dataclass(frozen=True)
class Conditions:
    """What is known of how an image came about.

    Attributes:
        noise: Standard deviation of the noise in the image, of values in [0, 1].
        blur: Standard deviation of the Gaussian with which the picture was sampled, in pixels of the image; 0 means
            MATLAB's bicubic.
        jpeg: How strongly the image was compressed: 1 - quality/100, or 0 if it was not.
    """

    noise: float = 0.0
    blur: float = 0.0
    jpeg: float = 0.0

    def tensor(self, like: Tensor) -> Tensor:
        """One row of numbers of the order 1, (1, 3), with the device and type of ``like``."""
        return like.new_tensor([[value * unit for value, unit in zip(astuple(self), UNITS, strict=True)]])
