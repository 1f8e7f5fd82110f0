"""Derivatives of samples on a grid, by kernels: Sobel's gradient and the 3×…×3 Laplacian, in any number of dimensions.

Images go through kornia, whose kernels are the paper's. Measures of ω0 also look at sounds and volumes, on grids of one
and of three axes, that kornia has no such kernels for: `grid_gradient` and `grid_laplacian` are the same two kernels on
a grid of any number of axes, equal to kornia's on images but for rounding.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from siren_sr import arguments

SOBEL_FACTOR = 8.0
"""Sobel's response over h·∂f, h being the spacing of the samples."""
LAPLACIAN_FACTOR = 3.0
"""The 3×3 Laplacian's response over Σ_d h_d²·∂²f/∂x_d²."""


@arguments.undisturbed()
def image_gradient(image: Tensor) -> Tensor:
    """Sobel gradient of an image, unnormalised, as the paper computes it with kornia.

    Args:
        image: Tensor (..., C, H, W).

    Returns:
        Tensor (..., C, 2, H, W); index 0 of the new axis is along x (columns), 1 along y. About 8·h·∂f.
        Borders are replicated.

    Raises:
        TypeError: Not a tensor of floating-point numbers.
        ValueError: Fewer than three axes, or no value.
    """
    from kornia.filters import spatial_gradient

    return _as_batch(spatial_gradient, _checked(image), normalized=False)


@arguments.undisturbed()
def image_laplacian(image: Tensor) -> Tensor:
    """3×3 Laplacian of an image (eight neighbours, centre -8), unnormalised, as in the paper.

    Args:
        image: Tensor (..., C, H, W).

    Returns:
        Tensor (..., C, H, W). About 3·Σ h²·∂²f. Borders are reflected as kornia does; an axis of one
        sample, where nothing can be reflected, is replicated.

    Raises:
        TypeError: Not a tensor of floating-point numbers.
        ValueError: Fewer than three axes, or no value.
    """
    from kornia.filters import laplacian as kornia_laplacian

    image = _checked(image)
    if min(image.shape[-2:]) > 1:
        return _as_batch(kornia_laplacian, image, kernel_size=3, normalized=False)
    return grid_laplacian(image.reshape(-1, *image.shape[-2:])).reshape(image.shape)


def _checked(image: Tensor) -> Tensor:
    image = arguments.tensor("an image", image, "(..., C, H, W)", axes=3, hint=": add axes with image[None]")
    if 0 in image.shape:
        raise ValueError(f"the image is empty: its shape is {tuple(image.shape)}")
    return image


def _as_batch(operator: Callable[..., Tensor], image: Tensor, **options: object) -> Tensor:
    result = operator(image.reshape(-1, *image.shape[-3:]), **options)
    return result.reshape(*image.shape[:-3], *result.shape[1:])


def grid_gradient(values: Tensor) -> list[Tensor]:
    """Sobel's gradient on a grid of D axes, scaled to 8·h·∂f for every D; borders are replicated.

    Args:
        values: (C, *grid).

    Returns:
        One tensor of that shape per grid axis, in grid order.
    """
    axes, found = range(1, values.ndim), []
    for along in axes:
        response = values * 4.0 ** (2 - len(axes))
        for axis in axes:
            response = _three(response, axis, (-1, 0, 1) if axis == along else (1, 2, 1), reflect=False)
        found.append(response)
    return found


def grid_laplacian(values: Tensor) -> Tensor:
    """The sum over the 3×…×3 neighbourhood less 3^D times its centre, scaled to 3·h²·Δf for every D.

    Borders are reflected; an axis of one sample is replicated.

    Args:
        values: (C, *grid).
    """
    total, dims = values, values.ndim - 1
    for axis in range(1, values.ndim):
        total = _three(total, axis, (1, 1, 1), reflect=True)
    return (total - 3**dims * values) * 3.0 ** (2 - dims)


def second_difference(values: Tensor, axes: tuple[int, ...], *, sign: int = 1) -> Tensor:
    """Second difference of (C, *grid) along one axis, or along one diagonal of two; borders are reflected.

    Args:
        values: (C, *grid).
        axes: Number of the axis, or of the two axes, of ``values``.
        sign: 1 or -1: which diagonal of the two.
    """
    padded = values
    for axis in axes:
        padded = _pad(padded, axis, reflect=True)

    def neighbour(direction: int) -> Tensor:
        moved = padded
        for axis, turn in zip(axes, (1, sign), strict=False):
            moved = moved.narrow(axis, 1 + direction * turn, values.shape[axis])
        return moved

    return neighbour(1) - 2 * values + neighbour(-1)


def differences(values: Tensor, step: int) -> list[Tensor]:
    """f(x + step·e) - f(x) of (C, *grid) along each grid axis, wherever both samples exist."""
    pairs = [(axis, max(values.shape[axis] - step, 0)) for axis in range(1, values.ndim)]
    return [values.narrow(axis, values.shape[axis] - n, n) - values.narrow(axis, 0, n) for axis, n in pairs]


def _three(values: Tensor, axis: int, weights: tuple[int, int, int], *, reflect: bool) -> Tensor:
    """Correlate with three weights along one axis."""
    padded, n = _pad(values, axis, reflect=reflect), values.shape[axis]
    return sum((w * padded.narrow(axis, i, n) for i, w in enumerate(weights) if w), torch.zeros_like(values))


def _pad(values: Tensor, axis: int, *, reflect: bool) -> Tensor:
    """One sample more at both ends: the border's neighbour, as kornia's Laplacian has it, or the border, as Sobel."""
    last = values.shape[axis] - 1
    first = min(1, last) if reflect else 0
    return torch.cat([values.narrow(axis, first, 1), values, values.narrow(axis, last - first, 1)], dim=axis)
