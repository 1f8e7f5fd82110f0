"""Exact resizing by separable linear maps with a named kernel and border rule, to enlarge and to shrink.

Every resize here is ``A_rows @ image @ A_columns^T`` with explicit matrices. It is therefore differentiable, its
adjoint is exact, and it works at any real scale and at any coordinates. The matrices are banded, so that cost and
memory are linear in the size of the image. The default is the kernel ``"bicubic"`` with mirrored borders, which is
stretched by the scale when an image shrinks. This is MATLAB's ``imresize`` (before its rounding to 8 bit), with which
the super-resolution literature makes its low-resolution images.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from siren_sr import arguments
from siren_sr.grids import coordinates
from siren_sr.grids.banded import Banded

Kernel = Callable[[Tensor], Tensor]
"""A function that turns distances, counted in samples of the coarser grid, into weights; it has a bounded support."""
KernelName = Literal["bicubic", "bicubic_torch", "bilinear", "box", "lanczos"]
Border = Literal["mirror", "wrap", "replicate", "renormalize"]
Borders = Border | Sequence[Border]
"""One `Border` for all axes of a grid, or one per axis."""


def _keys(x: Tensor, a: float) -> Tensor:
    """Evaluate Keys' cubic convolution kernel with parameter a (IEEE Trans. ASSP 29, 1981)."""
    x = x.abs()
    inner = ((a + 2) * x - (a + 3)) * x * x + 1
    outer = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return torch.where(x <= 1, inner, torch.where(x < 2, outer, torch.zeros_like(x)))


def bicubic(x: Tensor) -> Tensor:
    """Evaluate Keys' kernel with a = -0.5, which MATLAB, Pillow, and torch with ``antialias=True`` use."""
    return _keys(x, -0.5)


def bicubic_torch(x: Tensor) -> Tensor:
    """Evaluate Keys' kernel with a = -0.75, which torch with ``antialias=False`` uses: the paper's bicubic."""
    return _keys(x, -0.75)


def bilinear(x: Tensor) -> Tensor:
    """Evaluate a triangle of half-width 1."""
    return (1 - x.abs()).clamp(min=0)


def box(x: Tensor) -> Tensor:
    """Evaluate a box of width 1, which averages over the cell of a sample."""
    return ((x >= -0.5) & (x < 0.5)).to(x.dtype)


def lanczos(x: Tensor) -> Tensor:
    """Evaluate Lanczos' windowed sinc with three lobes, which is Pillow's LANCZOS."""
    return torch.where(x.abs() < 3, torch.sinc(x) * torch.sinc(x / 3), torch.zeros_like(x))


# Every name stands for a kernel and the half-width of its support.
KERNELS: dict[str, tuple[Kernel, float]] = {
    "bicubic": (bicubic, 2.0),
    "bicubic_torch": (bicubic_torch, 2.0),
    "bilinear": (bilinear, 1.0),
    "box": (box, 0.5),
    "lanczos": (lanczos, 3.0),
}


def centres(m: int, n: int) -> Tensor:
    """Return where the centres of m new samples lie among n old ones, counted from the centre of the first, float64.

    Examples:
        >>> centres(4, 2).tolist()
        [-0.25, 0.25, 0.75, 1.25]
    """
    return (torch.arange(m, dtype=torch.float64) + 0.5) * (n / m) - 0.5


def mirrored(index: Tensor, n: int) -> Tensor:
    """Return the numbers of the samples that stand for those outside a grid of n samples, mirrored at its edges."""
    index = index % (2 * n)
    return torch.where(index < n, index, 2 * n - 1 - index)


def bands(
    n: int,
    positions: Tensor,
    *,
    stretch: float = 1.0,
    kernel: KernelName | str | tuple[Kernel, float] = "bicubic",
    border: Border = "mirror",
) -> Banded:
    """Build the matrix that reads a signal of n samples at given positions.

    Args:
        n: Number of samples of the signal.
        positions: Tensor (m,), counted in samples: 0 is the centre of the first sample, and n - 1 that of the last.
            Positions may lie outside the signal.
        stretch: Factor >= 1 by which the kernel is widened. When a signal shrinks, this is the factor by which it
            shrinks, so that aliasing is suppressed.
        kernel: Name in `KERNELS`, or a function and the half-width of its support.
        border: What is assumed outside the signal. "mirror" reflects it about the edge of the outermost sample, as
            MATLAB does; "wrap" repeats the signal, which is one period; "replicate" repeats the outermost sample, as
            torch does without antialiasing; "renormalize" assumes nothing and rescales the weights, as Pillow and torch
            with antialiasing do.

    Returns:
        Float64 matrix (m, n) on the CPU, whose rows sum to 1.

    Raises:
        ValueError: The kernel or the border is unknown.
    """
    if isinstance(kernel, str) and kernel not in KERNELS:
        raise ValueError(f"kernel={kernel!r} is unknown: use one of {sorted(KERNELS)}")
    if not isinstance(kernel, (str, tuple)):
        raise TypeError(f"kernel must be one of {sorted(KERNELS)}, or (function, half-width), got {kernel!r}")
    weight, half = KERNELS[kernel] if isinstance(kernel, str) else kernel
    positions = positions.cpu().double()
    first = torch.floor(positions - half * stretch).long()
    taps = math.ceil(2 * half * stretch) + 2
    index = first[:, None] + torch.arange(taps)
    weights = weight((positions[:, None] - index) / stretch)
    if border == "renormalize":
        weights = weights * ((index >= 0) & (index < n))
        index = index.clamp(0, n - 1)
    elif border == "replicate":
        index = index.clamp(0, n - 1)
    elif border == "mirror":
        index = mirrored(index, n)
    elif border == "wrap":
        index = index % n
    else:
        raise ValueError(f"border={border!r} is unknown: use 'mirror', 'wrap', 'replicate' or 'renormalize'")
    return Banded.from_taps(n, index, weights / weights.sum(1, keepdim=True))


def resize_bands(
    shape: Sequence[int],
    size: Sequence[int],
    *,
    kernel: KernelName | str = "bicubic",
    border: Borders = "mirror",
    antialias: bool = True,
    like: Tensor | None = None,
) -> tuple[Banded, ...]:
    """Build one matrix per axis; together they resize a grid of ``shape`` to ``size`` (both are pixel-centre grids).

    The matrices get the device and dtype of the tensor ``like`` (default: float64 on the CPU).
    """
    result = []
    for n, m, rule in zip(shape, size, each(border, len(shape)), strict=True):
        positions = centres(m, n)
        stretch = max(1.0, n / m) if antialias else 1.0
        a = bands(n, positions, stretch=stretch, kernel=kernel, border=rule)
        result.append(a if like is None else a.to(like))
    return tuple(result)


def sample_bands(
    shape: Sequence[int],
    axes: Sequence[Tensor],
    *,
    border: Borders = "mirror",
    like: Tensor | None = None,
) -> tuple[Banded, ...]:
    """Build one matrix per axis; together they interpolate a pixel-centre grid at a rectangle of coordinates.

    ``shape`` is the grid, and ``axes`` are coordinates in [-1, 1] per grid axis, as `siren_sr.grids.coordinates.axes`
    gives them. The matrices get the device and dtype of the tensor ``like`` (default: float64 on the CPU).
    """
    result = []
    for n, x, rule in zip(shape, axes, each(border, len(shape)), strict=True):
        a = bands(n, ((x.cpu().double() + 1) * n - 1) / 2, border=rule)
        result.append(a if like is None else a.to(like))
    return tuple(result)


def each(border: Borders, axes: int) -> Sequence[Border]:
    """Return the border of each axis."""
    return (border,) * axes if isinstance(border, str) else border


def apply(matrices: Sequence[Banded], values: Tensor) -> Tensor:
    """Apply one matrix per grid axis to a tensor (..., *grid)."""
    for i, a in enumerate(matrices):
        values = a(values, i - len(matrices))
    return values


@arguments.undisturbed()
def resize(
    image: Tensor,
    size: Sequence[int],
    *,
    kernel: KernelName | str = "bicubic",
    border: Borders = "mirror",
    antialias: bool = True,
) -> Tensor:
    """Resize a tensor (..., *grid) to ``size``, which has one entry per grid axis.

    Raises:
        TypeError: ``image`` is no tensor of floating-point numbers, ``size`` is not made of integers, or ``kernel`` is
            of another kind.
        ValueError: ``image`` is empty or has fewer axes, a size is less than 1, or a name is unknown.

    Examples:
        >>> resize(torch.ones(3, 8, 8), (2, 5)).shape
        torch.Size([3, 2, 5])
    """
    image = arguments.tensor("image", image, "(..., *grid)", axes=1)
    size = _size(size)
    shape = image.shape[-len(size) :]
    if len(shape) < len(size) or 0 in shape:
        raise ValueError(f"size {size} has one entry per axis of a grid, the image has shape {tuple(image.shape)}")
    antialias = arguments.flag("antialias", antialias)
    return apply(resize_bands(shape, size, kernel=kernel, border=border, antialias=antialias, like=image), image)


def _size(size: Any) -> tuple[int, ...]:
    """A size as integers."""
    try:
        sides = tuple(size)
    except TypeError:
        sides = ()
    if not sides or not all(isinstance(side, numbers.Integral) or _is_integer(side) for side in sides):
        raise TypeError(f"size must be a sequence of integers, one per grid axis, got {size!r}")
    sides = tuple(int(side) for side in sides)
    if min(sides) < 1 or math.prod(sides) > coordinates.MAX_VALUES:
        raise ValueError(f"size must be made of integers >= 1, and of no more than 2^33 in all, got {size!r}")
    return sides


def _is_integer(side: Any) -> bool:
    return isinstance(side, Tensor) and side.ndim == 0 and not (side.is_floating_point() or side.is_complex())


@arguments.undisturbed()
def resize_as_published(image: Tensor, *, down: float = 1.0, up: float = 1.0) -> Tensor:
    """Resize twice as the paper does (section 3.4): shrink by nearest neighbour, then enlarge by torch's bicubic.

    Both resizes round the sizes down.

    Args:
        image: Tensor (C, H, W).
        down: Factor >= 1 by which the sides shrink first.
        up: Factor >= 1 by which they then grow.

    Returns:
        Tensor (C, floor(floor(H/down)·up), floor(floor(W/down)·up)).

    Raises:
        TypeError: ``image`` is no tensor of floating-point numbers.
        ValueError: ``down`` leaves no pixel, or a factor is no positive number.
    """
    image = arguments.tensor("image", image, "(C, H, W)", axes=3)
    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(f"image must have shape (C, H, W), got {tuple(image.shape)}")
    down, up = arguments.positive("down", down), arguments.positive("up", up)
    if math.prod(n / down for n in image.shape[-2:]) > coordinates.MAX_VALUES:
        raise ValueError(f"down={down} would make an image of more than 2^33 pixels: it is a factor >= 1")
    size = [int(n / down) for n in image.shape[-2:]]
    if min(size) < 1:
        raise ValueError(f"an image of {tuple(image.shape[-2:])} cannot shrink {down} times: no pixel would be left")
    result = image[None]
    if down != 1:
        result = nn.functional.interpolate(result, size=size, mode="nearest")
    if up != 1:
        size = [int(n * up) for n in size]
        if min(size) < 1 or math.prod(size) > coordinates.MAX_VALUES:
            raise ValueError(f"up={up} would make an image of {size[0]} x {size[1]}: ask for 1 to 2^33 pixels")
        result = nn.functional.interpolate(result, size=size, mode="bicubic", align_corners=False)
    return result[0]
