"""A figure that a notebook shows. This file imports Matplotlib; `siren_sr.plots.style.figure` imports this file."""

from __future__ import annotations

import io

from matplotlib.figure import Figure


class Drawing(Figure):
    """A ``matplotlib.figure.Figure`` like any other, which needs no pyplot to be seen in a notebook."""

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=self.dpi)
        return stream.getvalue()
