"""What lies beyond the edges of a grid: its mirror image, or the grid once more, as in textures that are laid as tiles.

"wrap" is the word of `numpy.pad` and of texture units; a loop of sound and a panorama of 360° wrap along one axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor

Boundary = Literal["mirror", "wrap"]
Boundaries = Boundary | Sequence[Boundary]
"""One `Boundary` for all axes of a grid, or one per axis (rows, columns for an image)."""


def check_boundary(boundary: Any) -> Boundary | tuple[Boundary, ...]:
    """Validate what a user said of the edges.

    Returns:
        The name, or a tuple of names.

    Raises:
        ValueError: An unknown name, or a sequence of none.
        TypeError: Neither a name nor a sequence.
    """
    if isinstance(boundary, str) or not isinstance(boundary, Sequence):
        return _known(boundary)
    if not boundary:
        raise ValueError("boundary must have one name per axis of the grid, got none")
    axes: tuple[Boundary, ...] = tuple(_known(one) for one in boundary)
    return axes


def per_axis(boundary: Boundaries, dims: int) -> tuple[Boundary, ...]:
    """Return the boundary of each of so many axes.

    Raises:
        ValueError: There is another number of axes, or an unknown name.
        TypeError: Neither a name nor a sequence.

    Examples:
        >>> per_axis("wrap", 2), per_axis(["mirror", "wrap"], 2)
        (('wrap', 'wrap'), ('mirror', 'wrap'))
    """
    checked = check_boundary(boundary)
    axes = (checked,) * dims if isinstance(checked, str) else checked
    if len(axes) != dims:
        raise ValueError(f"boundary={boundary!r} names {len(axes)} axes, the grid has {dims}: give one name per axis")
    return axes


def wraps(boundary: Boundaries) -> bool:
    """Return whether any axis wraps."""
    return boundary == "wrap" or (not isinstance(boundary, str) and "wrap" in boundary)


def _known(name: Any) -> Boundary:
    if not isinstance(name, str):
        raise TypeError(f'boundary must be "mirror", "wrap", or one of them per axis, got {name!r}')
    for known in get_args(Boundary):
        if name == known:
            return known
    raise ValueError(f'boundary={name!r} is unknown: use "mirror" or "wrap", or one of them per axis')


@dataclass(frozen=True)
class Frame:
    """What is laid around an image that wraps before it is enlarged, and how the result becomes one period again.

    Along an axis that does not wrap nothing is added. Where the result of an enlargement depends on nothing further
    than the frame is wide, its two ends agree with what lies inside by themselves. What does depend on it is blended,
    so that no seam shows.

    Attributes:
        shape: The image without the frame, (rows, columns).
        size: Its enlargement without the frame.
        margins: Pixels of the image that are added at either end of each axis.
        blends: Of these, the pixels over which both ends are blended.
    """

    shape: tuple[int, ...]
    size: tuple[int, ...]
    margins: tuple[int, ...]
    blends: tuple[int, ...]

    @staticmethod
    def around(
        shape: Sequence[int], size: Sequence[int], boundary: Boundaries, *, margin: int = 24, blend: int = 4
    ) -> Frame:
        """Return the frame of at least so many pixels.

        The pixels of the image and of the result begin together at the frame's edges, so that the grid within it is the
        grid without it. At a whole scale any frame does that. At another one it is as wide as it must be, which is the
        whole image if the two lengths of an axis have no divisor in common.

        Args:
            shape: The image, (rows, columns).
            size: Its enlargement.
            boundary: What lies beyond its edges.
            margin: The least width of the frame, in pixels of the image.
            blend: Pixels of the image on either side of an edge over which the two ends are blended.
        """
        margins = []
        for n, m, kind in zip(shape, size, per_axis(boundary, len(shape)), strict=True):
            step = n // math.gcd(n, m)
            margins.append(math.ceil(margin / step) * step if kind == "wrap" else 0)
        return Frame(tuple(shape), tuple(size), tuple(margins), tuple(min(blend, width) for width in margins))

    @property
    def outer_shape(self) -> tuple[int, ...]:
        """The image with the frame."""
        return tuple(n + 2 * margin for n, margin in zip(self.shape, self.margins, strict=True))

    @property
    def outer_size(self) -> tuple[int, ...]:
        """Its enlargement with the frame."""
        return tuple(m + 2 * self._enlarged(axis, self.margins[axis]) for axis, m in enumerate(self.size))

    def lay(self, image: Tensor) -> Tensor:
        """Return an image (..., *shape) with the frame: (..., *outer_shape)."""
        for axis, margin in enumerate(self.margins):
            if margin:
                index = torch.arange(-margin, self.shape[axis] + margin, device=image.device) % self.shape[axis]
                image = image.index_select(axis - len(self.shape), index)
        return image

    def cut(self, picture: Tensor) -> Tensor:
        """Return one period of an enlargement (..., *outer_size): (..., *size)."""
        for axis, margin in enumerate(self.margins):
            if margin:
                picture = self._period(picture.movedim(axis - len(self.size), 0), axis).movedim(
                    0, axis - len(self.size)
                )
        return picture

    def _period(self, picture: Tensor, axis: int) -> Tensor:
        """One period along the first axis of a tensor; its ends are blended with what the frame has in their place."""
        m, margin = self.size[axis], self._enlarged(axis, self.margins[axis])
        width = min(self._enlarged(axis, self.blends[axis]), m // 2)
        result = picture[margin : margin + m].clone()
        for i in range(width):
            # The centre of the pixel i lies i + 1/2 pixels inside; at the edge both ends have the same share.
            share = 0.5 * (1 - math.sin(0.5 * math.pi * (i + 0.5) / width))
            result[i] = result[i].lerp(picture[margin + m + i], share)
            result[m - 1 - i] = result[m - 1 - i].lerp(picture[margin - 1 - i], share)
        return result

    def _enlarged(self, axis: int, pixels: int) -> int:
        return pixels * self.size[axis] // self.shape[axis]
