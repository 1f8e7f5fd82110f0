"""The one style of all figures: where they are made, their colours, their axes."""

from __future__ import annotations

from typing import Any

import numpy as np

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
"""Colours that the colour-blind can tell apart (Okabe and Ito, Color Universal Design, 2008), the darkest first."""
ERRORS = "cividis"  # the colour map of errors, even to the eye and safe for the colour-blind (Nuñez et al., 2018)
SMALL, USUAL = 8, 9  # points; sizes of letters


def figure(width: float, height: float) -> Any:
    """Make an empty figure of a size in inches, outside of pyplot's global state.

    Raises:
        ImportError: Matplotlib is not installed.
    """
    try:
        from siren_sr.plots.drawing import Drawing
    except ImportError as error:
        raise ImportError('figures need matplotlib: pip install "siren-sr[plots]"') from error
    return Drawing(figsize=(width, height), layout="constrained")


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
    made = figure(3.2 * columns if width is None else width, 2.6 * rows if height is None else height)
    return made, axes_of(made, rows, columns)


def axes_of(figure: Any, rows: int, columns: int, **options: Any) -> list[Any]:
    """Fill a figure, or a part of one, with axes in the style; ``options`` are those of ``Figure.subplots``."""
    axes = list(np.ravel(figure.subplots(rows, columns, squeeze=False, **options)))
    for axis in axes:
        axis.set_prop_cycle(color=OKABE_ITO)
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(which="both", labelsize=SMALL)
        axis.xaxis.label.set_fontsize(USUAL)
        axis.yaxis.label.set_fontsize(USUAL)
    return axes


def legend(axis: Any) -> None:
    """Say what the curves of an axis are, if there are any."""
    if axis.get_legend_handles_labels()[1]:
        axis.legend(fontsize=SMALL, frameon=False)
