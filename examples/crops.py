"""Make the guide's sheet of crops, failures included: photographs at a quarter of their size, enlarged again.

    python examples/crops.py docs/images/crops.png [alone-fast alone fast standard best]

"alone" uses nothing but the small picture (prior=None), the others ask the prior "photographs" too.

The photographs come with scikit-image and may be shown: the astronaut (NASA, public domain), the cat and the coffee
(their authors, CC0), handwriting (public domain) and grass (CC0). The example needs scikit-image and Pillow.
"""

from __future__ import annotations

import sys
from typing import cast

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from skimage import data
from torch import Tensor

from siren_sr import metrics, super_resolve
from siren_sr.grids import resampling
from siren_sr.superres.picture.quality import Quality

# A part has SIDE × SIDE pixels once it is enlarged SCALE times; its middle SHOWN × SHOWN are shown at twice their size.
SCALE, SIDE, SHOWN = 4, 160, 96
PARTS = {"astronaut": (20, 130), "chelsea": (60, 100), "coffee": (70, 150), "text": (6, 120), "grass": (100, 100)}


def part(name: str) -> Tensor:
    """Return a square of a photograph, (3, SIDE, SIDE) in [0, 1]."""
    top, left = PARTS[name]
    pixels = torch.from_numpy(np.asarray(getattr(data, name)()).copy())
    pixels = pixels[..., None].expand(-1, -1, 3) if pixels.ndim == 2 else pixels
    return pixels[top : top + SIDE, left : left + SIDE].permute(2, 0, 1) / 255


def main(path: str, qualities: list[str]) -> None:
    """Write the sheet."""
    columns = ["bicubic", *qualities, "original"]
    cell = 2 * SHOWN + 4
    sheet = Image.new("RGB", (len(columns) * cell, len(PARTS) * (cell + 18)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for row, name in enumerate(PARTS):
        original = part(name)
        low = (SIDE // SCALE, SIDE // SCALE)
        small = (resampling.resize(original, low).clamp(0, 1) * 255).round() / 255
        for column, method in enumerate(columns):
            if method == "original":
                image, label = original, f"{name}, {method}"
            else:
                if method == "bicubic":
                    image = resampling.resize(small, (SIDE, SIDE))
                elif method.startswith("alone"):
                    quality = cast(Quality, method.removeprefix("alone").removeprefix("-") or "standard")
                    image = super_resolve(small, SCALE, prior=None, quality=quality)
                else:
                    image = super_resolve(small, SCALE, quality=cast(Quality, method))
                label = f"{method} {metrics.psnr_y(image.clamp(0, 1), original, border=SCALE):.2f} dB"
            start = (SIDE - SHOWN) // 2
            shown = image.clamp(0, 1)[:, start : start + SHOWN, start : start + SHOWN]
            array = (shown * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
            panel = Image.fromarray(np.ascontiguousarray(array)).resize(
                (2 * SHOWN, 2 * SHOWN), Image.Resampling.NEAREST
            )
            sheet.paste(panel, (column * cell, row * (cell + 18)))
            draw.text((column * cell + 2, row * (cell + 18) + cell - 4), label, fill="black", font=font)
    sheet.save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] or ["alone", "standard"])
