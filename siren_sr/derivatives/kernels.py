"""Derivatives of samples on a grid, by kernels."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

SOBEL_FACTOR = 8.0


LAPLACIAN_FACTOR = 3.0


def image_gradient(image: Tensor) -> Tensor:
    """Sobel gradient of an image, unnormalised, as the paper computes it with kornia.

    Args:
        image: Tensor (..., C, H, W).

    Returns:
        Tensor (..., C, 2, H, W); index 0 of the new axis is along x (columns), 1 along y. About 8·h·∂f.
        Borders are replicated.

    Raises:
        ValueError: Fewer than three axes.
    """
    from kornia.filters import spatial_gradient

    return _as_batch(spatial_gradient, image, normalized=False)


def image_laplacian(image: Tensor) -> Tensor:
    """3×3 Laplacian of an image (eight neighbours, centre -8), unnormalised, as in the paper.

    Args:
        image: Tensor (..., C, H, W).

    Returns:
        Tensor (..., C, H, W). About 3·Σ h²·∂²f. Borders are reflected as kornia does; an axis of one
        sample, where nothing can be reflected, is replicated.

    Raises:
        ValueError: Fewer than three axes.
    """
    from kornia.filters import laplacian as kornia_laplacian

    if min(image.shape[-2:]) > 1:
        return _as_batch(kornia_laplacian, image, kernel_size=3, normalized=False)
    padded = image.reshape(-1, 1, *image.shape[-2:])
    for axis, amount in ((-1, (1, 1, 0, 0)), (-2, (0, 0, 1, 1))):
        padded = nn.functional.pad(padded, amount, mode="reflect" if image.shape[axis] > 1 else "replicate")
    kernel = image.new_ones(1, 1, 3, 3)
    kernel[0, 0, 1, 1] = -8.0
    return nn.functional.conv2d(padded, kernel).reshape(image.shape)


def _as_batch(operator: Callable[..., Tensor], image: Tensor, **options: object) -> Tensor:
    if image.ndim < 3:
        raise ValueError(f"an image has shape (..., C, H, W), got {tuple(image.shape)}: add axes with image[None]")
    result = operator(image.reshape(-1, *image.shape[-3:]), **options)
    return result.reshape(*image.shape[:-3], *result.shape[1:])
