"""Make the figures of the page on plots: an enlargement, a fit of a picture and of a sound, and ω0.

    python examples/figures.py docs/images

The photograph is scikit-image's astronaut (NASA, public domain). The example needs scikit-image and Matplotlib.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage import data

from siren_sr import fit_signal, plots, super_resolve
from siren_sr.io import read_image

DPI = 75


def main(folder: str) -> None:
    """Write the figures."""
    photograph = data.astronaut()
    stream = io.BytesIO()
    Image.fromarray(photograph).resize((256, 256), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=90)
    small = read_image(stream.getvalue())  # as a file, of which it is known how it was compressed
    large = super_resolve(small, 2, quality="fast", progress=True)
    save(plots.enlargement(small, large, reference=photograph, crops=2), folder, "plot-enlargement")
    save(plots.sweep(photograph[::2, ::2].copy()), folder, "plot-omega")

    face = photograph[0:160, 140:300]
    save(plots.summary(fit_signal(face, tiles=True, progress=True), face), folder, "plot-fit")

    time = np.arange(11025) / 11025
    chirp = (0.5 * np.sin(2 * np.pi * (200 * time + 900 * time**2)) * np.exp(-2 * time)).astype(np.float32)
    fit = fit_signal(chirp, sample_rate=11025, progress=True)
    save(plots.summary(fit, chirp), folder, "plot-sound")


def save(figure: Any, folder: str, name: str) -> None:
    """Write a figure as WebP."""
    stream = io.BytesIO()
    figure.savefig(stream, dpi=DPI)
    with Image.open(stream) as image:
        image.convert("RGB").save(Path(folder) / f"{name}.webp", quality=80, method=6)


if __name__ == "__main__":
    main(sys.argv[1])
