"""Pictures side by side, with magnified crops, and how far they are from a reference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from siren_sr import arguments
from siren_sr.plots.style import ERRORS, OKABE_ITO, SMALL, USUAL, axes_of, figure, grid

SHOWN = 640  # pixels of the longer side of a whole picture; crops are shown pixel by pixel
SHARE, LEAST, MOST = 0.2, 24, 96  # a crop's side as a share of the picture's shorter one, and its limits in pixels
MOST_CROPS = 8
MOST_ERRORS = 0.998  # the share of the errors that lie within the colours
INCHES = 2.3  # of a picture's width

Box = tuple[float, float, float, float]
"""Top, bottom, left and right of a crop, as shares of the picture's height and width."""


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
        array = as_array(title, picture)
        axis.imshow(array[..., 0] if array.shape[-1] == 1 else array, cmap="gray")
        axis.set_title(title, fontsize=USUAL)
    for axis in axes:
        axis.axis("off")
    return figure


def comparison(pictures: Mapping[str, Any], *, reference: str | None = None, crops: int = 2) -> Any:
    """Draw pictures of one scene side by side, below each the same crops pixel by pixel, and what they miss.

    The crops are where the last picture varies most. Pictures may have different sizes. Alpha is shown on white.

    Args:
        pictures: The pictures by title: arrays (H, W[, C]), tensors (C, H, W) or PIL images with 1 to 4 channels,
            integers or floats in [0, 1]. Floats beyond are shown within the range of them all.
        reference: Title of the picture that the others should be. The titles then tell their PSNR in dB, and further
            columns show their absolute errors, the mean of the channels; both for pictures of its size.
        crops: Number of crops, 0 to 8.

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        TypeError: ``pictures`` is no dict of at least one, or one of them is no picture.
        ValueError: There are too many crops, or there is no picture called ``reference``.
        ImportError: Matplotlib is not installed.

    Examples:
        >>> ramp = np.linspace(0, 1, 4096).reshape(64, 64)
        >>> figure = comparison({"given": ramp, "darker": ramp / 2}, reference="given")
        >>> [axes.get_title() for axes in figure.axes[:2]]
        ['given', 'darker, 10.79 dB']
    """
    seen = levels(pictures)
    if reference is not None and reference not in seen:
        raise ValueError(f"reference={reference!r} is none of the pictures: {', '.join(map(repr, seen))}")
    if arguments.count("crops", crops, least=0) > MOST_CROPS:
        raise ValueError(f"crops must be at most {MOST_CROPS}, got {crops}")
    made = figure(*size_of(seen, crops, reference))
    draw(made, seen, reference=reference, crops=crops)
    return made


def size_of(seen: Mapping[str, np.ndarray], crops: int, reference: str | None) -> tuple[float, float]:
    """Return width and height in inches of what `draw` draws."""
    errors = len(_errors(seen, reference))
    return INCHES * (len(seen) + errors) + 0.6 * bool(errors), _tall(seen) + (INCHES + 0.05) * crops


def _tall(seen: Mapping[str, np.ndarray]) -> float:
    height, width = next(iter(seen.values())).shape[:2]
    return INCHES * min(2.0, max(0.4, height / width)) + 0.3


def draw(figure: Any, seen: Mapping[str, np.ndarray], *, reference: str | None = None, crops: int = 2) -> None:
    """Draw what `comparison` returns into a figure or a part of one; ``seen`` is what `levels` returned."""
    boxes = places(list(seen.values())[-1], crops)
    errors = _errors(seen, reference)
    ratios = [_tall(seen), *[INCHES] * len(boxes)]
    columns = len(seen) + len(errors)
    axes = axes_of(figure, len(ratios), columns, gridspec_kw={"height_ratios": ratios})
    for axis in axes:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
    # A few pixels may be far off: what is above most of the errors is drawn like that.
    most = max((float(np.quantile(error, MOST_ERRORS)) for error, _ in errors.values()), default=0.0) or 1.0
    gray = {"cmap": "gray", "vmin": 0, "vmax": 1}
    titles = {name: f"{name}, {_psnr(errors[name][1]):.2f} dB" if name in errors else name for name in seen}
    shown = [(titles[name], picture, gray) for name, picture in seen.items()]
    scale = {"cmap": ERRORS, "vmin": 0, "vmax": most}
    shown += [(f"|{name} − {reference}|", error, scale) for name, (error, _) in errors.items()]
    for column, (title, picture, colours) in enumerate(shown):
        whole, *details = axes[column::columns]
        whole.set_title(title, fontsize=USUAL)
        _show(whole, reduced(picture), colours, boxes)
        for axis, box, colour in zip(details, boxes, OKABE_ITO, strict=False):
            _show(axis, cut(picture, box), colours)
            axis.spines[:].set(visible=True, color=colour, linewidth=2)
    if errors:
        bar = figure.colorbar(
            axes[columns - 1].images[0], ax=axes[columns - 1 :: columns], extend="max", aspect=40, pad=0.02
        )
        bar.ax.tick_params(labelsize=SMALL)


def _errors(seen: Mapping[str, np.ndarray], reference: str | None) -> dict[str, tuple[np.ndarray, float]]:
    """For all other pictures that can be compared, the map of the absolute error, and the mean squared error."""
    if reference is None:
        return {}
    true, found = seen[reference], {}
    for title, picture in seen.items():
        if title != reference and picture.shape == true.shape:
            difference = picture - true
            found[title] = (np.abs(difference).mean(2, keepdims=True), float(np.square(difference).mean()))
    return found


def _psnr(error: float) -> float:
    return math.inf if error == 0 else -10 * math.log10(error)


def _show(axis: Any, picture: np.ndarray, colours: Mapping[str, Any], boxes: Sequence[Box] = ()) -> None:
    """Show a picture in [0, 1] or a map, and where its crops are."""
    from matplotlib.patches import Rectangle

    axis.imshow(picture[..., 0] if picture.shape[2] == 1 else picture, **colours)
    height, width = picture.shape[:2]
    for (top, bottom, left, right), colour in zip(boxes, OKABE_ITO, strict=False):
        corner, size = (left * width - 0.5, top * height - 0.5), ((right - left) * width, (bottom - top) * height)
        axis.add_patch(Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=1.5))


def places(picture: np.ndarray, count: int) -> list[Box]:
    """Return so many crops, which do not overlap, of where a picture (H, W, C) varies most; fewer if it is small."""
    height, width = picture.shape[:2]
    side = min(height, width, int(min(MOST, max(LEAST, SHARE * min(height, width)))))
    gray = picture.mean(2)
    slope = np.zeros_like(gray)
    slope[:, :-1] += np.abs(np.diff(gray, axis=1))
    slope[:-1] += np.abs(np.diff(gray, axis=0))
    rows, columns = height // side, width // side
    # The steepest edge of all is often a border that shows little; sums of roots prefer much detail to one edge.
    sums = np.sqrt(slope[: rows * side, : columns * side]).reshape(rows, side, columns, side).sum((1, 3))
    order = [(int(place) // columns, int(place) % columns) for place in np.argsort(-sums, axis=None, kind="stable")]
    chosen: list[tuple[int, int]] = []
    for apart in (2, 1):  # neighbours only where there is nothing else
        for place in order:
            if len(chosen) < count and all(
                max(abs(a - b) for a, b in zip(place, other, strict=True)) >= apart for other in chosen
            ):
                chosen.append(place)
    corners = [(y * side, x * side) for y, x in chosen]
    return [(y / height, (y + side) / height, x / width, (x + side) / width) for y, x in corners]


def cut(picture: np.ndarray, box: Box) -> np.ndarray:
    """Return a crop of a picture (H, W, C), of at least one pixel."""
    height, width = picture.shape[:2]
    top, left = min(height - 1, round(box[0] * height)), min(width - 1, round(box[2] * width))
    return picture[top : max(top + 1, round(box[1] * height)), left : max(left + 1, round(box[3] * width))]


def reduced(picture: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, C) with at most `SHOWN` pixels on its longer side, by means over whole blocks."""
    step = math.ceil(max(picture.shape[:2]) / SHOWN)
    if step == 1:
        return picture
    height, width = (max(1, n // step) for n in picture.shape[:2])
    block = picture[: height * step, : width * step]
    return block.reshape(height, min(step, block.shape[0]), width, min(step, block.shape[1]), -1).mean((1, 3))


def levels(pictures: Any) -> dict[str, np.ndarray]:
    """Return pictures by title as float32 arrays (H, W, C) in [0, 1] with 1 or 3 channels, alpha shown on white.

    Raises:
        TypeError: Not a dict of at least one, or one of them is no picture.
    """
    if not isinstance(pictures, Mapping) or not pictures:
        raise TypeError(f"pictures must be a dict of at least one picture by title, got {type(pictures).__name__}")
    seen = {}
    for title, picture in pictures.items():
        array = as_array(str(title), picture, channels=(1, 2, 3, 4))
        full = float(np.iinfo(array.dtype).max) if array.dtype.kind in "iu" else 1.0
        seen[str(title)] = np.nan_to_num((array[..., None] if array.ndim == 2 else array).astype(np.float32) / full)
    least, most = (min(float(a.min()) for a in seen.values()), max(float(a.max()) for a in seen.values()))
    if least < -0.5 or most > 1.5:  # no picture in [0, 1] with a little ringing
        seen = {title: (array - least) / (most - least) for title, array in seen.items()}
    return {title: _on_white(np.clip(array, 0, 1)) for title, array in seen.items()}


def _on_white(array: np.ndarray) -> np.ndarray:
    if array.shape[2] in (1, 3):
        return array
    return array[..., :-1] * array[..., -1:] + (1 - array[..., -1:])


def as_array(title: str, picture: Any, *, channels: Sequence[int] = (1, 3, 4)) -> np.ndarray:
    """Return one picture as an array (H, W) or (H, W, C).

    Raises:
        TypeError: It is none, or has another number of channels.
    """
    planar = isinstance(picture, Tensor)
    if planar and (picture.is_nested or picture.layout != torch.strided or picture.is_meta):
        raise TypeError(f"the picture {title!r} is no dense tensor with values: layout {picture.layout}")
    array = picture.detach().cpu().float() if planar and picture.is_floating_point() else picture
    array = np.asarray(array.cpu() if isinstance(array, Tensor) else array)
    array = np.moveaxis(array, 0, -1) if planar and array.ndim == 3 else array
    fits = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in channels)
    if array.dtype.kind not in "biuf" or not fits:
        *some, last = map(str, channels)
        raise TypeError(
            f"the picture {title!r} must be an array (H, W[, C]), a tensor (C, H, W) or a PIL image with "
            f"{', '.join(some)} or {last} channels, got {type(picture).__name__} of shape {array.shape}"
        )
    return array
