"""Drawings to train the learned upscaler on, beside photographs: what has hard edges, flat areas and letters.

A network that has seen photographs only would soften them. They are drawn anew from a seed: no file is needed.
"""

from __future__ import annotations

import functools
import random
import string
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

SIDE = 768  # pixels of a drawing's sides
FINER = 3  # times finer that shapes and lines are drawn, before they are reduced: their edges are smooth then


def drawings(count: int, seed: int) -> list[Tensor]:
    """Draw pictures (3, SIDE, SIDE) of 8 bits: blocks, letters, shapes and lines in turn."""
    generator = random.Random(seed)
    kinds: list[Callable[[random.Random], Image.Image]] = [_blocks, _letters, _shapes, _lines]
    pictures = [kinds[i % len(kinds)](generator) for i in range(count)]
    return [torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous() for picture in pictures]


def _colour(r: random.Random) -> tuple[int, int, int]:
    """Any colour; one in three is gray, black or white."""
    kind = r.random()
    if kind < 0.33:
        gray = r.choice([0, 255, r.randrange(256)])
        return gray, gray, gray
    return r.randrange(256), r.randrange(256), r.randrange(256)


def _blocks(r: random.Random) -> Image.Image:
    """Patches of pixel art of few colours, whose pixels are squares of 4 to 32 pixels; many are symmetric."""
    picture = Image.new("RGB", (SIDE, SIDE), _colour(r))
    for top in range(0, SIDE, 192):
        for left in range(0, SIDE, 192):
            size, colours = r.choice([4, 6, 8, 8, 12, 16, 24, 32]), [_colour(r) for _ in range(r.randint(2, 6))]
            n = 192 // size
            cells = np.array([[r.randrange(len(colours)) for _ in range(n)] for _ in range(n)])
            if r.random() < 0.5:
                cells[:, n - n // 2 :] = cells[:, : n // 2][:, ::-1]
            if r.random() < 0.5:  # larger areas of one colour
                cells = np.where(cells == 0, cells, np.roll(cells, 1, r.randrange(2)))
            pixels = np.array(colours, np.uint8)[cells].repeat(size, 0).repeat(size, 1)
            picture.paste(Image.fromarray(pixels), (left, top))
    return picture


def _letters(r: random.Random) -> Image.Image:
    """Lines of letters of 12 to 60 pixels on a plain ground."""
    picture = Image.new("RGB", (SIDE, SIDE), r.choice([(255, 255, 255), _colour(r)]))
    draw, top = ImageDraw.Draw(picture), 4
    letters = string.ascii_letters + string.digits + " .,:;()[]{}+-*/=%&?!" + " " * 8
    while top < SIDE:
        size = r.choice([12, 13, 14, 16, 18, 21, 24, 30, 40, 60])
        text = "".join(r.choice(letters) for _ in range(2 * SIDE // size))
        draw.text((r.randint(0, 12), top), text, fill=r.choice([(0, 0, 0), _colour(r)]), font=_font(size))
        top += round(size * r.uniform(1.1, 1.5))
    return picture


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)  # Pillow's own, the same everywhere


def _shapes(r: random.Random) -> Image.Image:
    """Ellipses and polygons, flat or shaded, on a shaded ground, as in masks, logos and depth maps."""
    side = FINER * SIDE
    picture = _shade(r, side)
    for _ in range(r.randint(20, 60)):
        mask = Image.new("L", (side, side))
        draw, reach = ImageDraw.Draw(mask), r.uniform(0.02, 0.2) * side
        x, y = r.uniform(0, side), r.uniform(0, side)
        if r.random() < 0.4:
            w, h = reach * r.uniform(0.3, 1), reach * r.uniform(0.3, 1)
            draw.ellipse((x - w, y - h, x + w, y + h), fill=255)
        else:
            draw.polygon(
                [(x + r.uniform(-reach, reach), y + r.uniform(-reach, reach)) for _ in range(r.randint(3, 7))], 255
            )
        picture.paste(Image.new("RGB", picture.size, _colour(r)) if r.random() < 0.6 else _shade(r, side), mask=mask)
    return picture.resize((SIDE, SIDE), Image.Resampling.BOX)


def _shade(r: random.Random, side: int) -> Image.Image:
    """A plane of changing brightness."""
    corners = np.array([[_colour(r) for _ in range(2)] for _ in range(2)], np.uint8)
    if r.random() < 0.5:
        corners = corners.mean(-1, keepdims=True).repeat(3, -1).astype(np.uint8)
    return Image.fromarray(corners).resize((side, side), Image.Resampling.BILINEAR)


def _lines(r: random.Random) -> Image.Image:
    """Lines, circles and grids of 1 to 6 pixels' width."""
    side = FINER * SIDE
    picture = Image.new("RGB", (side, side), r.choice([(255, 255, 255), _colour(r)]))
    draw = ImageDraw.Draw(picture)
    for _ in range(r.randint(40, 120)):
        colour, width = _colour(r), round(FINER * r.uniform(1, 6))
        x, y, reach = r.uniform(0, side), r.uniform(0, side), r.uniform(0.02, 0.3) * side
        kind = r.random()
        if kind < 0.6:
            points = [(x + r.uniform(-reach, reach), y + r.uniform(-reach, reach)) for _ in range(r.randint(2, 5))]
            draw.line(points, colour, width, "curve")
        elif kind < 0.8:
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), outline=colour, width=width)
        else:
            step = FINER * r.randint(4, 16)
            for i in range(r.randint(3, 12)):
                draw.line((x + i * step, y, x + i * step, y + reach), colour, width // 2 + 1)
    return picture.resize((SIDE, SIDE), Image.Resampling.BOX)
