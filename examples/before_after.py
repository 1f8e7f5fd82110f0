"""Make the README's picture: a photograph at a quarter of its size, enlarged by bicubic and by siren_sr.

siren_sr is shown twice: "alone" it is given nothing but that picture; by default it asks its prior, too, a network that
has seen other photographs.

    python examples/before_after.py docs/images/before_after.png

The photograph is scikit-image's astronaut (NASA, public domain). The example needs scikit-image and Pillow.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from siren_sr import metrics, super_resolve
from siren_sr.grids import resampling

SCALE = 4


def main(path: str) -> None:
    """Write the picture."""
    original = torch.from_numpy(data.astronaut()[0:256, 96:352].copy()).permute(2, 0, 1) / 255
    small = (resampling.resize(original, (64, 64)).clamp(0, 1) * 255).round() / 255
    panels = {
        "given: 64 x 64": small.repeat_interleave(SCALE, 1).repeat_interleave(SCALE, 2),
        "bicubic x4": resampling.resize(small, (256, 256)).clamp(0, 1),
        "alone x4": super_resolve(small, SCALE, prior=None),
        "siren_sr x4": super_resolve(small, SCALE),
        "original": original,
    }
    sheet = Image.new("RGB", (len(panels) * 264 - 8, 256 + 28), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for i, (name, image) in enumerate(panels.items()):
        if name.endswith("x4"):
            name += f", {metrics.psnr_y(image, original, border=SCALE):.2f} dB"
        array = (image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        sheet.paste(Image.fromarray(np.ascontiguousarray(array)), (i * 264, 0))
        draw.text((i * 264 + 4, 260), name, fill="black", font=font)
    sheet.save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
