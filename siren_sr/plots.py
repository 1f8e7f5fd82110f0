"""Figures of fits and networks. Matplotlib is imported when one is drawn (``pip install "siren-sr[plots]"``)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from siren_sr import arguments
from siren_sr.fitting.fit import Fit
from siren_sr.network.activity import LayerActivity

MAX_BINS = 1 << 16


def history(fits: Mapping[str, Fit] | Fit, *, against: Literal["seconds", "step"] = "seconds") -> Any:
    """Draw the PSNR along the training, with one curve per fit.

    Args:
        fits: A fit, or fits by name.
        against: Quantity of the horizontal axis, "seconds" or "step".

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        TypeError: No fits.
        ValueError: ``against`` is unknown.
        ImportError: Matplotlib is not installed.
    """
    if not isinstance(against, str) or against not in ("seconds", "step"):
        raise ValueError(f'against={against!r} is unknown: use "seconds" or "step"')
    fits = {"fit": fits} if isinstance(fits, Fit) else fits
    if not isinstance(fits, Mapping) or not fits or not all(isinstance(fit, Fit) for fit in fits.values()):
        raise TypeError(f"fits must be a Fit, or a dict of at least one by name, got {type(fits).__name__}")
    figure, axes = grid(1, 1, width=6, height=4)
    for name, fit in fits.items():
        points = [(getattr(e, against), e.psnr) for e in fit.history if math.isfinite(e.psnr)]
        axes[0].plot(*zip(*points, strict=True) if points else ([], []), label=name)
    axes[0].set_xlabel({"seconds": "seconds", "step": "steps"}[against])
    axes[0].set_ylabel("PSNR in dB")
    axes[0].legend()
    return figure


def images(pictures: Mapping[str, Any], *, columns: int = 4) -> Any:
    """Draw pictures side by side.

    Args:
        pictures: The pictures by title: arrays (H, W[, C]), tensors (C, H, W) or PIL images.
        columns: The most pictures in a row.

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        TypeError: ``pictures`` is no dict, or one of them is no picture.
        ValueError: ``columns`` is less than 1.
        ImportError: Matplotlib is not installed.
    """
    if not isinstance(pictures, Mapping):
        raise TypeError(f"pictures must be a dict of pictures by title, got {type(pictures).__name__}")
    columns = arguments.count("columns", columns)
    rows = max(1, math.ceil(len(pictures) / columns))
    figure, axes = grid(rows, min(columns, max(1, len(pictures))), width=3 * columns, height=3.2 * rows)
    for axis, (title, picture) in zip(axes, pictures.items(), strict=False):
        array = _picture(title, picture)
        axis.imshow(array[..., 0] if array.shape[-1] == 1 else array, cmap="gray")
        axis.set_title(title)
    for axis in axes:
        axis.axis("off")
    return figure


def _picture(title: str, picture: Any) -> np.ndarray:
    """One picture as an array (H, W) or (H, W, C)."""
    planar = isinstance(picture, Tensor)
    if planar and (picture.is_nested or picture.layout != torch.strided or picture.is_meta):
        raise TypeError(f"the picture {title!r} is no dense tensor with values: layout {picture.layout}")
    array = picture.detach().cpu().float() if planar and picture.is_floating_point() else picture
    array = np.asarray(array.cpu() if isinstance(array, Tensor) else array)
    array = np.moveaxis(array, 0, -1) if planar and array.ndim == 3 else array
    if array.dtype.kind not in "biuf" or array.ndim not in (2, 3) or array.shape[2:] not in ((), (1,), (3,), (4,)):
        raise TypeError(
            f"the picture {title!r} must be an array (H, W[, C]), a tensor (C, H, W) or a PIL image with 1, 3 or 4 "
            f"channels, got {type(picture).__name__} of shape {array.shape}"
        )
    return array


def activity(layers: Sequence[LayerActivity], *, bins: int = 256) -> Any:
    """Draw histograms of pre-activations and of activations, and spectra of activations, with one row per layer.

    These are the figures of section 4 of the paper.

    Args:
        layers: What `siren_sr.network.activity.capture` returns for points on a line,
            ``torch.linspace(-1, 1, n)[:, None]``.
        bins: Number of bins of a histogram.

    Returns:
        A ``matplotlib.figure.Figure``. A spectrum is that of the sum over units, of which the first 100 bins are drawn,
        as in the paper.

    Raises:
        TypeError: ``layers`` is not what `capture` returns.
        ValueError: ``bins`` is less than 1 or more than `MAX_BINS`.
        ImportError: Matplotlib is not installed.
    """
    if not isinstance(layers, Sequence) or not layers or not all(isinstance(one, LayerActivity) for one in layers):
        raise TypeError(f"layers must be what siren_sr.network.activity.capture returns, got {type(layers).__name__}")
    if arguments.count("bins", bins) > MAX_BINS:
        raise ValueError(f"bins must be at most {MAX_BINS}, got {bins}")
    titles = ("before the activation", "after the activation", "spectrum after")
    figure, axes = grid(len(layers), 3, width=10, height=2.2 * len(layers))
    for i, layer in enumerate(layers):
        before, after = layer.pre_activation.cpu().numpy(), layer.activation.cpu().numpy()
        row = axes[3 * i : 3 * i + 3]
        row[0].hist(before.ravel(), bins=bins, density=True)
        row[1].hist(after.ravel(), bins=bins, density=True)
        row[2].plot(np.abs(np.fft.rfft(after.astype(np.float64).sum(1)))[:100])
        row[0].set_ylabel(layer.name)
        if i == 0:
            for axis, title in zip(row, titles, strict=True):
                axis.set_title(title)
    return figure


def grid(rows: int, columns: int, *, width: float | None = None, height: float | None = None) -> tuple[Any, list[Any]]:
    """Make a figure outside pyplot's global state, and return it with its axes, row by row.

    Args:
        rows: Number of rows of axes.
        columns: Number of columns of axes.
        width: Width of the figure in inches (default: 3.2 per column).
        height: Height of the figure in inches (default: 2.6 per row).

    Raises:
        ImportError: Matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('figures need matplotlib: pip install "siren-sr[plots]"') from error
    size = (3.2 * columns if width is None else width, 2.6 * rows if height is None else height)
    figure = Figure(figsize=size, layout="constrained")
    return figure, list(np.ravel(figure.subplots(rows, columns, squeeze=False)))
