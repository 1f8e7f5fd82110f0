"""Write pictures that are no photographs, to measure super resolution on.

    python -m benchmarks.other_pictures DIR
    python -m benchmarks.super_resolution --data DIR --methods bicubic standard alone-standard

Text, a screen of code, pixel art of two sizes, a depth map, a mask, microscopy with and without noise, line art and a
starry sky, 384x384 each. They are drawn from a seed, and by other means than those that the prior learns from
(benchmarks.prior_drawings). Needs matplotlib's fonts and SciPy.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

SIDE = 384
PALETTE = np.array([[20, 20, 30], [220, 60, 60], [240, 220, 120], [80, 160, 220]], np.uint8)
FONTS = Path(matplotlib.__file__).parent / "mpl-data" / "fonts" / "ttf"

Random = np.random.Generator


def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """A font that matplotlib ships."""
    return ImageFont.truetype(str(FONTS / f"{name}.ttf"), size)


def _gray(values: np.ndarray) -> Image.Image:
    return Image.fromarray((np.clip(values, 0, 1) * 255).round().astype(np.uint8)).convert("RGB")


def grid() -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of all pixels, from 0 to 1."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    return y, x


def text(r: Random) -> Image.Image:
    """Lines of growing letters on white."""
    picture = Image.new("RGB", (SIDE, SIDE), "white")
    draw, top = ImageDraw.Draw(picture), 4
    words = "Sinusoidal networks represent images as functions of coordinates 0123456789 (x, y)"
    for i in range(30):
        size = 11 + i
        colour = (0, 0, 0) if i % 3 else (160, 20, 20)
        draw.text((4, top), words[7 * i % 30 :], font=font("DejaVuSans", size), fill=colour)
        top += int(size * 1.3)
    return picture


def screen(r: Random) -> Image.Image:
    """Coloured code on a dark ground."""
    picture = Image.new("RGB", (SIDE, SIDE), (30, 32, 40))
    draw = ImageDraw.Draw(picture)
    for i in range(14):
        line = "def f(x): return sin(w*x + b)"[i % 5 :] * 2
        colour = (200, 90 * i % 256, 120 + 37 * i % 130)
        draw.text((8, 6 + 27 * i), line, font=font("DejaVuSansMono", 18), fill=colour)
    return picture


def pixel_art(size: int) -> Callable[[Random], Image.Image]:
    """A symmetric pattern of squares of so many pixels."""

    def draw(r: Random) -> Image.Image:
        half = r.integers(0, len(PALETTE), (SIDE // size, SIDE // size // 2))
        cells = np.concatenate([half, half[:, ::-1]], 1)
        return Image.fromarray(np.kron(PALETTE[cells], np.ones((size, size, 1), np.uint8)))

    return draw


def depth(r: Random) -> Image.Image:
    """Tilted discs before a tilted ground."""
    y, x = grid()
    z = 0.3 + 0.4 * y + 0.1 * np.sin(6 * x)
    for _ in range(9):
        cx, cy, radius = r.uniform(), r.uniform(), r.uniform(0.04, 0.2)
        z = np.where((x - cx) ** 2 + (y - cy) ** 2 < radius**2, r.uniform(0, 0.9) + 0.3 * (x - cx), z)
    return _gray(z)


def mask(r: Random) -> Image.Image:
    """Polygons of two values, with hard edges."""
    picture = Image.new("L", (4 * SIDE, 4 * SIDE), 0)
    draw = ImageDraw.Draw(picture)
    for i in range(12):
        cx, cy = r.uniform(0, 4 * SIDE, 2)
        reaches, angles = r.uniform(60, 300, 8), np.linspace(0, 2 * math.pi, 9)[:-1]
        corners = [(cx + s * math.cos(t), cy + s * math.sin(t)) for s, t in zip(reaches, angles, strict=True)]
        draw.polygon(corners, fill=255 if i % 3 else 0)
    small = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX))
    return _gray(np.where(small > 127, 1.0, 0.0))


def cells(noise: bool) -> Callable[[Random], Image.Image]:
    """Bright spots and fibres on black, as in fluorescence microscopy."""

    def draw(r: Random) -> Image.Image:
        y, x = grid()
        light = np.zeros((SIDE, SIDE))
        for _ in range(220):
            cx, cy, width, height = r.uniform(), r.uniform(), r.uniform(0.004, 0.02), r.uniform(0.2, 1)
            light += height * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * width**2))
        for _ in range(12):
            cx, waves, phase = r.uniform(), r.uniform(2, 9), r.uniform(0, 6)
            light += 0.5 * np.exp(-((x - cx - 0.1 * np.sin(waves * y + phase)) ** 2) / (2 * 0.003**2))
        light = np.clip(light, 0, 1)
        return _gray(r.poisson(60 * light + 3) / 70 if noise else light)

    return draw


def line_art(r: Random) -> Image.Image:
    """Bent lines of one to four pixels on paper."""
    picture = Image.new("RGB", (4 * SIDE, 4 * SIDE), (250, 250, 245))
    draw = ImageDraw.Draw(picture)
    for i in range(40):
        corners = [tuple(corner) for corner in r.uniform(0, 4 * SIDE, (3, 2))]
        draw.line(corners, (20, 20, 20) if i % 4 else (200, 30, 60), int(r.uniform(4, 14)), "curve")
    return picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def stars(r: Random) -> Image.Image:
    """Points of light, blurred by a telescope."""
    sky = np.zeros((SIDE, SIDE))
    rows, columns = r.integers(0, SIDE, (2, 300))
    sky[rows, columns] = 4 * r.uniform(0.3, 1, 300)
    return _gray(2 * gaussian_filter(sky, 1.1))


PICTURES: dict[str, Callable[[Random], Image.Image]] = {
    "text": text,
    "screen": screen,
    "pixel_art_4": pixel_art(4),
    "pixel_art_16": pixel_art(16),
    "depth": depth,
    "mask": mask,
    "microscopy": cells(noise=False),
    "microscopy_noise": cells(noise=True),
    "line_art": line_art,
    "stars": stars,
}


def main(folder: str) -> None:
    """Write them all."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for number, (name, draw) in enumerate(PICTURES.items()):
        draw(np.random.default_rng(number)).save(Path(folder) / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1])
