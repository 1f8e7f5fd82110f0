"""MSE, PSNR and SSIM, over all values or on the luma."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from siren_sr import arguments
from siren_sr.metrics.values import check_range, read, read_pair, shape_of, squared_error

WINDOW = 11  # pixels of a side, of Wang et al. 2004
BT601 = (65.481, 128.553, 24.966)  # studio range: black is 16, white 235 of 255


@arguments.undisturbed()
def mse(a: Any, b: Any, *, channel_sum: bool = False) -> float:
    """Mean of the squared differences.

    Args:
        a: Tensor (..., H, W) or array (H, W[, C]); for the plain mean any shape.
        b: Of the same kind and shape.
        channel_sum: The paper's tables: sum the squares over channels (and over the two components of a
            gradient), average over pixels only. C times the plain mean for (C, H, W), 2·C times for (C, 2, H,
            W).

    Returns:
        Squared user units, >= 0.

    Raises:
        TypeError: Not two tensors or two arrays, or an element type that is not supported.
        ValueError: Different shapes, no values, NaN or infinite values.

    Examples:
        >>> white, black = torch.ones(3, 4, 4), torch.zeros(3, 4, 4)
        >>> mse(white, black), mse(white, black, channel_sum=True)
        (1.0, 3.0)
    """
    error, scale = squared_error(a, b, channel_sum)
    return error * scale * scale


@arguments.undisturbed()
def psnr(a: Any, b: Any, *, data_range: float = 1.0, channel_sum: bool = False) -> float:
    """Peak signal-to-noise ratio, ``10·log10(data_range²/MSE)`` (equation 14).

    Args:
        a: Tensor (..., H, W) or array (H, W[, C]).
        b: Of the same kind and shape.
        data_range: Difference between the largest and the smallest possible value, in the units of ``a`` and
            ``b``: 1 for floats in [0, 1], and for uint8 and uint16, which are brought there.
        channel_sum: As in `mse`: the paper's tables, 10·log10(3) = 4.77 dB lower for RGB, 7.78 dB for
            its gradient.

    Returns:
        Decibels; inf if ``a`` equals ``b``.

    Raises:
        TypeError: As `mse`.
        ValueError: As `mse`, or ``data_range`` is not a positive number, or not 1 with integers.

    Examples:
        >>> round(psnr(torch.full((1, 8, 8), 0.6), torch.full((1, 8, 8), 0.5)), 2)
        20.0
    """
    peak = check_range(data_range, a, b)
    error, scale = squared_error(a, b, channel_sum)
    if error == 0:
        return math.inf
    if scale == 1 and 1e-100 < peak < 1e100:
        return 10 * math.log10(peak**2 / error)
    return 20 * (math.log10(peak) - math.log10(scale)) - 10 * math.log10(error)


@arguments.undisturbed()
def rgb_to_y(image: Any) -> Any:
    """BT.601 luma in studio range, ``Y = (65.481·R + 128.553·G + 24.966·B + 16)/255``, not rounded.

    MATLAB's ``rgb2ycbcr``, as super-resolution papers use it. JPEG's full-range luma (kornia's) is another.

    Args:
        image: Tensor (..., 3, H, W) or array (H, W, 3), RGB: floats in [0, 1], uint8 or uint16.

    Returns:
        Floating-point tensor (..., 1, H, W) or array (H, W), in [16/255, 235/255].

    Raises:
        TypeError: Neither a tensor nor an array, or an element type that is not supported.
        ValueError: Not three channels, NaN or infinite values.

    Examples:
        >>> rgb_to_y(np.ones((1, 1, 3)))
        array([[0.92156863]])
    """
    values = read(image)
    axis = -3 if isinstance(image, Tensor) else -1
    if values.ndim < 3 or values.shape[axis] != 3:
        layout = "tensor (..., 3, H, W)" if isinstance(image, Tensor) else "array (H, W, 3)"
        raise ValueError(f"expected an RGB {layout}, got shape {tuple(values.shape)}: drop alpha, or use gray as it is")
    weights = torch.tensor(BT601, dtype=values.dtype, device=values.device)
    luma = ((values.movedim(axis, -1) @ weights) + 16) / 255
    return luma.unsqueeze(-3) if isinstance(image, Tensor) else luma.numpy()


@arguments.undisturbed()
def psnr_y(a: Any, b: Any, *, border: int = 0) -> float:
    """PSNR of the luma with the borders cropped: the number of super-resolution tables.

    Args:
        a: Tensor (C, H, W) or (H, W), or array (H, W[, C]), in [0, 1], uint8 or uint16. Three channels are
            converted by `rgb_to_y`; a single one is compared as it is.
        b: Of the same kind and shape.
        border: Pixels to drop on each side; by custom the scale.

    Returns:
        Decibels; inf if the lumas are equal.

    Raises:
        TypeError: As `mse`.
        ValueError: As `mse`, or neither 1 nor 3 channels, or nothing left inside ``border``.

    Examples:
        >>> framed = torch.nn.functional.pad(torch.zeros(3, 4, 4), (1, 1, 1, 1), value=1.0)
        >>> psnr_y(framed, torch.zeros(3, 6, 6), border=1)
        inf
    """
    return psnr(*_luma_pair(a, b, border))


@arguments.undisturbed()
def ssim(a: Any, b: Any, *, data_range: float = 1.0) -> float:
    """Structural similarity (Wang et al. 2004), the mean over channels and over the pixels that a window fits
    on.

    Gaussian 11×11 window of σ = 1.5, K1 = 0.01, K2 = 0.03, population covariances, as the authors' MATLAB
    code.

    Args:
        a: Tensor (..., H, W) or array (H, W[, C]); at least 11×11 pixels.
        b: Of the same kind and shape.
        data_range: As in `psnr`.

    Returns:
        At most 1, which means equal.

    Raises:
        TypeError: As `mse`.
        ValueError: As `psnr`, or smaller than the window.

    Examples:
        >>> image = torch.linspace(0, 1, 256).reshape(1, 16, 16)
        >>> ssim(image, image), ssim(image, 1 - image) < 0.5
        (1.0, True)
    """
    peak = check_range(data_range, a, b)
    x, y = read_pair(a, b)
    if not isinstance(a, Tensor) and x.ndim == 3:
        x, y = x.movedim(-1, 0), y.movedim(-1, 0)
    if x.ndim < 2 or min(x.shape[-2:]) < WINDOW:
        raise ValueError(f"SSIM needs at least {WINDOW} x {WINDOW} pixels, got shape {shape_of(a)}")
    from kornia.metrics import ssim as map_of

    x, y = (t.reshape(-1, 1, *t.shape[-2:]) for t in (x, y))
    found = map_of(x, y, WINDOW, max_val=peak, eps=0.0, padding="valid").mean().item()
    if not math.isfinite(found):
        raise ValueError(f"no SSIM: the squares of the values, or of data_range={data_range!r}, are no floats any more")
    return found


@arguments.undisturbed()
def ssim_y(a: Any, b: Any, *, border: int = 0) -> float:
    """`ssim` of the luma with the borders cropped; arguments and errors as `psnr_y`.

    Examples:
        >>> image = np.zeros((16, 16, 3), np.uint8)
        >>> ssim_y(image, image, border=2)
        1.0
    """
    return ssim(*_luma_pair(a, b, border))


def _luma_pair(a: Any, b: Any, border: int) -> tuple[Tensor, Tensor]:
    """Both images as (H, W) lumas without their borders."""
    x, y = read_pair(a, b)
    return _cropped_luma(x, isinstance(a, Tensor), border), _cropped_luma(y, isinstance(a, Tensor), border)


def _cropped_luma(values: Tensor, channels_first: bool, border: int) -> Tensor:
    image = values if channels_first or values.ndim != 3 else values.movedim(-1, 0)
    if image.ndim == 3 and image.shape[0] == 3:
        image = rgb_to_y(image)
    image = image[0] if image.ndim == 3 and image.shape[0] == 1 else image
    if image.ndim != 2:
        raise ValueError(f"expected an image with 1 or 3 channels, got shape {tuple(values.shape)}")
    if isinstance(border, bool) or not isinstance(border, (int, np.integer)) or border < 0:
        raise ValueError(f"border must be an integer >= 0, got {border!r}")
    height, width = image.shape
    if 2 * border >= min(height, width):
        raise ValueError(f"border={border} leaves nothing of an image of {height} x {width}")
    return image[border : height - border, border : width - border]
