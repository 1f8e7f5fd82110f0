"""Make the guide's sheet of compressed photographs: enlarged twice as if they were not, and by what the file says.

    python examples/compressed_crops.py docs/images/compressed.webp

The photographs come with scikit-image and may be shown: the cat and the coffee (their authors, CC0) and the astronaut
(NASA, public domain). The example needs scikit-image and Pillow.
"""

from __future__ import annotations

import io
import sys

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from skimage import data
from torch import Tensor

from siren_sr import metrics, super_resolve
from siren_sr.io import read_image

# A part has SIDE × SIDE pixels; its middle SHOWN × SHOWN are shown at twice their size.
SCALE, SIDE, SHOWN = 2, 192, 88
PARTS = {"chelsea": (40, 90), "astronaut": (20, 110), "coffee": (60, 140)}
QUALITIES = (75, 30)


def compressed(original: Image.Image, quality: int) -> bytes:
    """Return the content of a JPEG file of the reduced photograph, its colour at half resolution."""
    stream = io.BytesIO()
    size = (SIDE // SCALE, SIDE // SCALE)
    original.resize(size, Image.Resampling.BICUBIC).save(stream, "JPEG", quality=quality, subsampling="4:2:0")
    return stream.getvalue()


def tensor(image: Image.Image) -> Tensor:
    """Return an image as (3, H, W) in [0, 1]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255


def main(path: str) -> None:
    """Write the sheet."""
    cell = 2 * SHOWN + 4
    sheet = Image.new("RGB", (4 * cell, len(PARTS) * len(QUALITIES) * (cell + 18)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for row, (name, quality) in enumerate((name, quality) for name in PARTS for quality in QUALITIES):
        top, left = PARTS[name]
        original = Image.fromarray(getattr(data, name)()[top : top + SIDE, left : left + SIDE])
        given = read_image(compressed(original, quality))
        shown = {
            "bicubic": Image.fromarray(given.pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC),
            "None": super_resolve(given, SCALE, compression=None),
            "default": super_resolve(given, SCALE),
        }
        for column, (method, image) in enumerate([*shown.items(), ("original", original)]):
            psnr = (
                "" if image is original else f"{metrics.psnr_y(tensor(image), tensor(original), border=SCALE):.2f} dB"
            )
            label = f"{name}, original" if image is original else f"{quality}: {method} {psnr}"
            start = (SIDE - SHOWN) // 2
            panel = image.crop((start, start, start + SHOWN, start + SHOWN))
            panel = panel.resize((2 * SHOWN, 2 * SHOWN), Image.Resampling.NEAREST)
            sheet.paste(panel, (column * cell, row * (cell + 18)))
            draw.text((column * cell + 2, row * (cell + 18) + cell - 4), label, fill="black", font=font)
    sheet.save(path, quality=92, method=6)


if __name__ == "__main__":
    main(sys.argv[1])
