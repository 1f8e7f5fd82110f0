"""Figures of fits, pictures and networks, in one style that the colour-blind can read, too.

Every function returns a ``matplotlib.figure.Figure``, which shows itself in a notebook and has ``savefig``; pyplot and
its global state are never touched. Matplotlib is imported when a figure is drawn (``pip install "siren-sr[plots]"``).
"""

from siren_sr.plots.curves import history, spectra
from siren_sr.plots.omega import sweep
from siren_sr.plots.pages import enlargement, summary
from siren_sr.plots.pictures import comparison, images
from siren_sr.plots.style import OKABE_ITO, grid
from siren_sr.plots.units import MAX_BINS, activity

__all__ = [
    "MAX_BINS",
    "OKABE_ITO",
    "activity",
    "comparison",
    "enlargement",
    "grid",
    "history",
    "images",
    "spectra",
    "summary",
    "sweep",
]
