"""Resizing, exactly: separable linear maps with a named kernel and border rule, in both directions.

Every resize here is ``A_rows @ image @ A_columns^T`` with explicit matrices, so it is differentiable, its adjoint is
exact, and it works at any real scale and at any coordinates. The matrices are banded: cost and memory are linear in the
image. The default, ``"bicubic"`` with mirrored borders, stretched by the scale when it shrinks, is MATLAB's
``imresize`` (before its rounding to 8 bit), with which the super-resolution literature makes its low-resolution images.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from siren_sr.grids.banded import Banded

Kernel = Callable[[Tensor], Tensor]
"""Weight as a function of the distance in samples of the coarser grid; zero outside its support."""


def _keys(x: Tensor, a: float) -> Tensor:
    """Keys' cubic convolution kernel with parameter a (IEEE Trans. ASSP 29, 1981)."""
    x = x.abs()
    inner = ((a + 2) * x - (a + 3)) * x * x + 1
    outer = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return torch.where(x <= 1, inner, torch.where(x < 2, outer, torch.zeros_like(x)))


def bicubic(x: Tensor) -> Tensor:
    """Keys, a = -0.5: MATLAB, Pillow, and torch with ``antialias=True``."""
    return _keys(x, -0.5)


def bicubic_torch(x: Tensor) -> Tensor:
    """Keys, a = -0.75: torch with ``antialias=False``, the paper's bicubic."""
    return _keys(x, -0.75)


def bilinear(x: Tensor) -> Tensor:
    """Triangle of half-width 1."""
    return (1 - x.abs()).clamp(min=0)


def box(x: Tensor) -> Tensor:
    """Box of width 1: averages the cell of a sample."""
    return ((x >= -0.5) & (x < 0.5)).to(x.dtype)


def lanczos(x: Tensor) -> Tensor:
    """Lanczos' windowed sinc, three lobes: Pillow's LANCZOS."""
    return torch.where(x.abs() < 3, torch.sinc(x) * torch.sinc(x / 3), torch.zeros_like(x))


# name -> (kernel, half-width of its support)
KERNELS: dict[str, tuple[Kernel, float]] = {
    "bicubic": (bicubic, 2.0),
    "bicubic_torch": (bicubic_torch, 2.0),
    "bilinear": (bilinear, 1.0),
    "box": (box, 0.5),
    "lanczos": (lanczos, 3.0),
}


def bands(
    n: int,
    positions: Tensor,
    *,
    stretch: float = 1.0,
    kernel: str | tuple[Kernel, float] = "bicubic",
    border: str = "mirror",
) -> Banded:
    """The matrix that reads a signal of n samples at given positions.

    Args:
        n: Samples of the signal.
        positions: (m,), in samples: 0 is the centre of the first one, n - 1 of the last; may lie outside.
        stretch: Widening of the kernel, >= 1; the scale when shrinking, to suppress aliasing.
        kernel: Name in `KERNELS`, or a function and the half-width of its support.
        border: What lies outside: "mirror" (about the sample's edge, as MATLAB), "replicate" (the last sample, as
            torch without antialias), or "renormalize" (nothing; weights are rescaled, as torch with antialias and
            Pillow).

    Returns:
        Float64 matrix (m, n) on the CPU; rows sum to 1.

    Raises:
        ValueError: Unknown kernel or border.
    """
    if isinstance(kernel, str) and kernel not in KERNELS:
        raise ValueError(f"kernel={kernel!r} is unknown: use one of {sorted(KERNELS)}")
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
        index = index % (2 * n)
        index = torch.where(index < n, index, 2 * n - 1 - index)
    else:
        raise ValueError(f"border={border!r} is unknown: use 'mirror', 'replicate' or 'renormalize'")
    return Banded.from_taps(n, index, weights / weights.sum(1, keepdim=True))


def resize_bands(
    shape: Sequence[int],
    size: Sequence[int],
    *,
    kernel: str = "bicubic",
    border: str = "mirror",
    antialias: bool = True,
    like: Tensor | None = None,
) -> tuple[Banded, ...]:
    """One matrix per axis that resizes a grid of ``shape`` to ``size`` (pixel-centre grids).

    ``like`` gives device and dtype (default float64 on the CPU).
    """
    result = []
    for n, m in zip(shape, size, strict=True):
        positions = (torch.arange(m, dtype=torch.float64) + 0.5) * (n / m) - 0.5
        stretch = max(1.0, n / m) if antialias else 1.0
        a = bands(n, positions, stretch=stretch, kernel=kernel, border=border)
        result.append(a if like is None else a.to(like))
    return tuple(result)


def sample_bands(
    shape: Sequence[int],
    axes: Sequence[Tensor],
    *,
    kernel: str = "bicubic",
    border: str = "mirror",
    like: Tensor | None = None,
) -> tuple[Banded, ...]:
    """One matrix per axis that interpolates a pixel-centre grid of ``shape`` at a rectangle of coordinates.

    ``axes`` as for `sample`; ``like`` gives device and dtype (default float64 on the CPU).
    """
    result = []
    for n, x in zip(shape, axes, strict=True):
        a = bands(n, ((x.cpu().double() + 1) * n - 1) / 2, kernel=kernel, border=border)
        result.append(a if like is None else a.to(like))
    return tuple(result)


def apply(matrices: Sequence[Tensor | Banded], values: Tensor) -> Tensor:
    """Apply one matrix per grid axis to (..., *grid)."""
    for i, a in enumerate(matrices):
        a = a if isinstance(a, Banded) else Banded([(0, a)], a.shape[1])
        values = a(values, i - len(matrices))
    return values


def resize(
    image: Tensor, size: Sequence[int], *, kernel: str = "bicubic", border: str = "mirror", antialias: bool = True
) -> Tensor:
    """Resize (..., *grid) to ``size``, one entry per trailing axis.

    Examples:
        >>> resize(torch.ones(3, 8, 8), (2, 5)).shape
        torch.Size([3, 2, 5])
    """
    shape = image.shape[-len(size) :]
    return apply(resize_bands(shape, size, kernel=kernel, border=border, antialias=antialias, like=image), image)


def sample(values: Tensor, axes: Sequence[Tensor], *, kernel: str = "bicubic", border: str = "mirror") -> Tensor:
    """Interpolate (C, *grid) continuously at a rectangle of coordinates.

    Args:
        values: Samples on a pixel-centre grid.
        axes: Coordinates in [-1, 1] per grid axis, as `siren_sr.grids.coordinates.axes` gives them.
        kernel: Interpolation kernel.
        border: As in `bands`.

    Returns:
        (C, len(axes[0]), ..., len(axes[-1])).
    """
    return apply(sample_bands(values.shape[-len(axes) :], axes, kernel=kernel, border=border, like=values), values)


def resize_as_published(image: Tensor, *, down: float = 1.0, up: float = 1.0) -> Tensor:
    """The paper's two resizes (section 3.4): nearest down, then torch's bicubic up, sizes rounded down.

    Args:
        image: (C, H, W).
        down: Factor >= 1 by which the sides shrink first.
        up: Factor >= 1 by which they then grow.

    Returns:
        (C, floor(floor(H/down)·up), floor(floor(W/down)·up)).

    Raises:
        ValueError: ``down`` leaves no pixel.
    """
    size = [int(n / down) for n in image.shape[-2:]]
    if min(size) < 1:
        raise ValueError(f"an image of {tuple(image.shape[-2:])} cannot shrink {down} times: no pixel would be left")
    result = image[None]
    if down != 1:
        result = nn.functional.interpolate(result, size=size, mode="nearest")
    if up != 1:
        size = [int(n * up) for n in size]
        result = nn.functional.interpolate(result, size=size, mode="bicubic", align_corners=False)
    return result[0]
