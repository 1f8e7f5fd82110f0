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

    def tensor(self, like: Tensor, *, noise: Tensor | None = None) -> Tensor:
        """Rows of numbers of the order 1, with the device and type of ``like``.

        Args:
            like: Any tensor.
            noise: Noise of each of several images, (B,), in place of the one for all.

        Returns:
            (B, 3), or (1, 3) for all images alike.
        """
        values = like.new_tensor([astuple(self)]).repeat(1 if noise is None else len(noise), 1)
        if noise is not None:
            values[:, 0] = noise
        return values * like.new_tensor(UNITS)
