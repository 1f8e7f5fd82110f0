"""A saved fit as what it is, a picture without pixels: any part of it is rendered when somebody looks there."""

from __future__ import annotations

import numpy as np
import torch

from siren_sr.demo import pictures
from siren_sr.demo.view import View
from siren_sr.fitting.fit import Fit

SCREEN = 768  # pixels of the longer side of what is shown


def render(fit: Fit, view: View, longest: int) -> np.ndarray:
    """Render a part of a fit as it is shown: pixels (H, W, C) of 8 bits, of which the longer side has ``longest``."""
    pixels = pictures.as_picture(fit).render(size=view.size(longest), region=view.region)
    return pictures.levels(torch.from_numpy(pixels).movedim(-1, 0) / 255)


def place(view: View) -> str:
    """Where one is, in words."""
    (top, bottom), (left, right) = view.region
    across = SCREEN / max(view.rows, view.columns) * view.zoom
    return (
        f"{view.zoom:g} times enlarged, {across:.1f} pixels per sample: rows {top:.1f} to {bottom:.1f} of {view.rows}, "
        f"columns {left:.1f} to {right:.1f} of {view.columns}"
    )
