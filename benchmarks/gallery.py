"""Look at ten pictures that are no photographs, at a third of their size and enlarged again.

    python -m benchmarks.gallery sheet.webp [--pictures text map ...] [--methods bicubic standard alone-standard]
        [--zoom 4] [--crop 40]

The sheet has one row per picture and one column per method, each a crop of the result, and the original in the last.
The table says of every result:

- dB: PSNR, of all channels;
- over: by how many levels of 255 a result leaves the range that the small image has within two pixels, where the
  original does not, as the root of the mean square over all pixels: ringing and halos;
- flat: the same error against the original, where the small image is constant within two pixels;
- tint: the largest difference between red, green and blue of a picture that has none.

"alone" is prior=None. The pictures are drawn from seeds, as in benchmarks.other_pictures. Needs matplotlib's fonts and
SciPy.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional

from benchmarks import other_pictures
from benchmarks.other_pictures import SIDE, Random, font, grid
from siren_sr import super_resolve
from siren_sr.grids import resampling
from siren_sr.signals import fill_hidden
from siren_sr.superres.picture.quality import Quality

SCALE = 3
FLAT = 1.5 / 255  # a range within which counts as constant


def letters(r: Random) -> Image.Image:
    """A page of black letters of 9 to 22 pixels on white, of which a third is left."""
    picture = Image.new("RGB", (SIDE, SIDE), "white")
    draw, top = ImageDraw.Draw(picture), 4
    words = "The quick brown fox jumps over the lazy dog, 0123456789; every network here is a sum of sines. " * 2
    for i in range(17):
        size = 30 - i
        draw.text((6, top), words[11 * i :][:60], font=font("DejaVuSerif" if i % 2 else "DejaVuSans", size), fill=0)
        top += int(size * 1.15)
    return picture


def window(r: Random) -> Image.Image:
    """A window of a program: title, buttons, a list, a table with hairlines."""
    picture = Image.new("RGB", (SIDE, SIDE), (236, 238, 241))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, SIDE, 35), fill=(48, 60, 82))
    draw.text((12, 6), "Settings", font=font("DejaVuSans", 20), fill="white")
    for i, colour in enumerate([(52, 120, 246), (255, 255, 255), (220, 53, 69)]):
        box = (12 + 122 * i, 48, 12 + 122 * i + 108, 86)
        draw.rounded_rectangle(box, 8, fill=colour, outline=(150, 155, 165), width=1)
        ink = (40, 40, 40) if i == 1 else "white"
        draw.text((34 + 122 * i, 56), ["Apply", "Cancel", "Reset"][i], font=font("DejaVuSans", 18), fill=ink)
    draw.rectangle((12, 100, SIDE - 13, SIDE - 13), fill="white", outline=(190, 194, 200))
    for row in range(7):
        top = 106 + 37 * row
        draw.line((12, top + 34, SIDE - 13, top + 34), fill=(225, 228, 232), width=1)
        draw.ellipse((24, top + 6, 44, top + 26), fill=tuple(other_pictures.PALETTE[row % 4].tolist()))
        draw.text((56, top + 4), f"Item {row + 1} of the list", font=font("DejaVuSans", 17), fill=(30, 30, 30))
        draw.text((290, top + 6), f"{row * 37 % 90}.{row} MB", font=font("DejaVuSansMono", 14), fill=(110, 110, 110))
    return picture


def street_map(r: Random) -> Image.Image:
    """Streets with casings, a river, a park, contour lines, names."""
    picture = Image.new("RGB", (2 * SIDE, 2 * SIDE), (242, 239, 233))
    draw = ImageDraw.Draw(picture)
    draw.polygon([(80, 420), (300, 380), (340, 700), (100, 740)], fill=(200, 230, 190))
    bend = [(x, 200 + 90 * math.sin(x / 130) + 0.3 * x) for x in range(-20, 2 * SIDE + 20, 8)]
    draw.line(bend, fill=(170, 211, 223), width=46, joint="curve")
    y, x = np.mgrid[: 2 * SIDE, : 2 * SIDE] / (2 * SIDE)
    height = np.sin(5 * x + 1) + np.cos(4 * y * (1 + x))
    contours = np.abs((height * 6) % 1 - 0.5) < 0.02
    picture.paste((205, 180, 150), mask=Image.fromarray((contours * 255).astype(np.uint8)))
    roads = [(r.uniform(-50, 2 * SIDE + 50, (3, 2)), 18 if i % 3 else 30) for i in range(12)]
    for points, width in roads:
        draw.line([tuple(p) for p in points], (150, 140, 130), width + 4, "curve")
    for points, width in roads:
        draw.line([tuple(p) for p in points], (255, 255, 255) if width < 30 else (252, 214, 164), width, "curve")
    for i in range(9):
        place = tuple(r.uniform(20, 2 * SIDE - 200, 2))
        name = ["Mill Lane", "Station", "North Road", "Old Town"][i % 4]
        draw.text(place, name, font=font("DejaVuSans", 30), fill=(60, 60, 60), stroke_width=4, stroke_fill="white")
    return picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def logo(r: Random) -> Image.Image:
    """Flat saturated shapes with smooth edges, and a word."""
    picture = Image.new("RGB", (4 * SIDE, 4 * SIDE), "white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((160, 120, 900, 860), fill=(226, 0, 26))
    draw.ellipse((420, 320, 1160, 1060), fill=(255, 204, 0))
    draw.polygon([(700, 1060), (1180, 180), (1440, 1060)], fill=(0, 80, 160))
    draw.arc((240, 200, 820, 780), 200, 340, fill="white", width=26)
    draw.text((140, 1130), "SINE", font=font("DejaVuSans-Bold", 330), fill=(20, 20, 20))
    return picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def thermal(r: Random) -> np.ndarray:
    """Temperatures in degrees, a smooth field with warm objects and a hot wire, float32."""
    y, x = grid()
    field = 18 + 3 * y + np.sin(4 * x) + 0.05 * r.standard_normal((SIDE, SIDE))
    for _ in range(7):
        cx, cy, radius = r.uniform(), r.uniform(), r.uniform(0.03, 0.12)
        field = np.where((x - cx) ** 2 + (y - cy) ** 2 < radius**2, r.uniform(24, 37), field)
    field += 60 * np.exp(-((y - 0.5 - 0.2 * np.sin(5 * x)) ** 2) / (2 * 0.004**2))
    return gaussian_filter(field, 1.2)[None].astype(np.float32)


def depth(r: Random) -> np.ndarray:
    """Metres: discs before a tilted ground. What a camera does not see, left of them, is 0: float32."""
    y, x = grid()
    z, known = 4 - 2 * y + 0.2 * np.sin(6 * x), np.ones((SIDE, SIDE), bool)
    for _ in range(6):
        cx, cy, radius, near = r.uniform(), r.uniform(), r.uniform(0.05, 0.16), r.uniform(0.6, 1.6)
        inside, shadow = ((x - c) ** 2 + (y - cy) ** 2 < radius**2 for c in (cx, cx - 0.04))
        known = (known & ~shadow) | inside
        z = np.where(inside, near + 0.4 * (x - cx), z)
    return np.where(known, z, 0.0)[None].astype(np.float32)


def stack(r: Random) -> np.ndarray:
    """Twelve planes of a stack of fluorescence, bright spots at different depths and fibres: float32."""
    y, x = grid()
    planes = np.zeros((12, SIDE, SIDE))
    for _ in range(160):
        cx, cy, z, width = r.uniform(), r.uniform(), r.uniform(0, 12), r.uniform(0.004, 0.014)
        for k in range(12):
            spread = width * (1 + 0.35 * abs(k - z))
            if spread < 5 * width:
                share = (width / spread) ** 2
                planes[k] += share * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * spread**2))
    return np.clip(planes, 0, 1).astype(np.float32)


PICTURES: dict[str, Callable[[Random], Any]] = {
    "text": letters,
    "window": window,
    "line_art": other_pictures.line_art,
    "map": street_map,
    "pixel_art": other_pictures.pixel_art(12),
    "logo": logo,
    "stars": other_pictures.stars,
    "stack": stack,
    "thermal": thermal,
    "depth": depth,
}
PLACES = {"text": (20, 30), "window": (40, 10), "logo": (60, 120), "depth": (180, 20), "thermal": (230, 60)}
"""The upper left corners of the crops that are shown."""


def original(name: str) -> Tensor:
    """A picture (C, SIDE, SIDE), of 8 bits in [0, 1] or of floats of any range."""
    drawn = PICTURES[name](np.random.default_rng(list(PICTURES).index(name)))
    if isinstance(drawn, np.ndarray):
        return torch.from_numpy(drawn)
    return torch.from_numpy(np.array(drawn.convert("RGB"))).permute(2, 0, 1) / 255


def reduced(name: str, large: Tensor) -> Tensor:
    """The picture at a third of its size, of 8 bits if it was. Holes are filled from what lies around them."""
    size = [n // SCALE for n in large.shape[1:]]
    if name == "depth":
        known = resampling.resize((large > 0).float(), size, kernel="box")
        seen = resampling.resize(large, size, kernel="box") / known.clamp(min=1e-6)
        return fill_hidden(torch.cat([seen, torch.where(known > 0.5, 1.0, -1.0)]))[:1]
    small = resampling.resize(large, size)
    return small if name in ("stack", "thermal") else (small.clamp(0, 1) * 255).round() / 255


def enlarged(name: str, small: Tensor, method: str) -> Tensor:
    """What a method makes of it, in [0, 1] where the picture is."""
    if method == "bicubic":
        found = resampling.resize(small, [n * SCALE for n in small.shape[1:]])
        return found if name in ("stack", "thermal", "depth") else found.clamp(0, 1)
    alone, quality = method.startswith("alone"), method.removeprefix("alone-")
    more: dict[str, Any] = {"prior": None} if alone else {}
    if name == "depth":
        more["kernel"] = "box"
    return super_resolve(small, SCALE, quality=cast(Quality, quality), **more)


def measured(name: str, found: Tensor, large: Tensor, small: Tensor) -> dict[str, float]:
    """What the table says of a result, in levels of 255 of the picture's range."""
    known = large > 0 if name == "depth" else torch.ones_like(large, dtype=torch.bool)
    span = float(large[known].max() - large[known].min())
    error = (found - large)[known] / span
    most, least = _extreme(small), -_extreme(-small)
    over = ((found - most.maximum(large)).clamp(min=0) + (least.minimum(large) - found).clamp(min=0))[known] / span
    flat = ((most - least) / span < FLAT).all(0) & known.all(0)
    still = ((found - large) / span)[:, flat]
    gray = len(large) == 3 and bool((large[0] == large[1]).all() and (large[1] == large[2]).all())
    return {
        "dB": -10 * math.log10(float(error.square().mean())),
        "over": 255 * float(over.square().mean().sqrt()),
        "flat": 255 * float(still.square().mean().sqrt()) if still.numel() else math.nan,
        "tint": 255 * float((found.amax(0) - found.amin(0)).max()) if gray else math.nan,
    }


def _extreme(small: Tensor) -> Tensor:
    """The largest value within two pixels of the small image, on the large grid."""
    widest = functional.max_pool2d(small[None], 5, 1, 2)
    return functional.interpolate(widest, scale_factor=SCALE)[0]


def shown(values: Tensor, like: Tensor, place: tuple[int, int], crop: int, zoom: int) -> Image.Image:
    """A crop as it is seen: colours as they are, anything else in gray over the range of ``like``."""
    if len(like) != 3:
        values, like = values[len(values) // 2][None], like[len(like) // 2][None]
        least, most = like[like > 0].min(), like.max()
        values = ((values - least) / (most - least)).expand(3, -1, -1)
    part = values[:, place[0] : place[0] + crop, place[1] : place[1] + crop].clamp(0, 1)
    pixels = (part * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    return Image.fromarray(pixels).resize((crop * zoom, crop * zoom), Image.Resampling.NEAREST)


def main() -> None:
    """Write the sheet and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sheet")
    parser.add_argument("--pictures", nargs="+", default=list(PICTURES))
    parser.add_argument("--methods", nargs="+", default=["bicubic", "standard", "alone-standard"])
    parser.add_argument("--zoom", type=int, default=2)
    parser.add_argument("--crop", type=int, default=80)
    a = parser.parse_args()
    torch.set_num_threads(1)
    cell, columns = a.crop * a.zoom + 4, ["small", *a.methods, "original"]
    sheet = Image.new("RGB", (len(columns) * cell, len(a.pictures) * (cell + 16)), "white")
    draw, label = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for row, name in enumerate(a.pictures):
        large = original(name)
        small, place = reduced(name, large), PLACES.get(name, (150, 150))
        results = {"small": functional.interpolate(small[None], scale_factor=SCALE)[0], "original": large}
        for column, method in enumerate(columns):
            text = f"{name}, {method}" if method in results else method
            if method not in results:
                results[method] = enlarged(name, small, method)
                numbers = measured(name, results[method], large, small)
                print(f"{name:10s} {method:15s}", *(f"{key} {v:6.2f}" for key, v in numbers.items()), flush=True)
                text += f" {numbers['dB']:.2f} dB"
            corner = (column * cell, row * (cell + 16))
            sheet.paste(shown(results[method], large, place, a.crop, a.zoom), corner)
            draw.text((corner[0] + 2, corner[1] + cell - 4), text, fill="black", font=label)
    if a.sheet.endswith(".webp"):
        sheet.save(a.sheet, quality=88, method=6)
    else:
        sheet.save(a.sheet, optimize=True)


if __name__ == "__main__":
    main()
