"""Measure quality and time of super resolution on a folder of images.

    python -m benchmarks.super_resolution --data DIR [--scale 4] [--methods bicubic fast best ...] [--out DIR]

DIR holds one of these: ``HR/NAME.png`` with ``LR_bicubic/X4/NAMEx4.png`` (as Set5 is usually packed); ``NAME.png`` with
``NAMEx4.png``; or high-resolution images alone, from which the low-resolution ones are made with MATLAB's bicubic.
The methods are bicubic; back-projection (bicubic and ten corrections by the bicubic enlargement of what is missing,
Irani and Peleg, 1991); the paper's basic, trick1 and trick2; the library's fast, standard (the default) and best, whose
prior was learned from other photographs; and alone-fast, alone-standard and alone-best, which use nothing but the image
(prior=None).

For each method the benchmark prints one line per image and one of means: PSNR and SSIM of the luma (border = scale),
PSNR of RGB in the usual convention and with errors summed over channels as in the paper, and seconds. With --out it
also writes the images, the table as JSON, and a sheet of crops side by side, chosen where the methods differ most.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from siren_sr import __version__, io, metrics, super_resolve
from siren_sr.grids import resampling
from siren_sr.superres.picture.quality import Quality

OURS: tuple[Quality, ...] = ("fast", "standard", "best")
ALONE: dict[str, Quality] = {f"alone-{quality}": quality for quality in OURS}
METHODS = ("bicubic", "back-projection", "basic", "trick1", "trick2", *OURS, *ALONE)
CROP = 64  # the side of a crop on the sheet, in pixels
COLUMNS = ("psnr_y", "ssim_y", "psnr_rgb", "psnr_sum", "seconds")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Super resolution on a folder of images.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=4, help="any number > 1; files are found for whole ones")
    parser.add_argument("--methods", nargs="+", default=["bicubic", "back-projection", "standard"], choices=METHODS)
    parser.add_argument("--images", nargs="+", help="names, without extension (default: all)")
    parser.add_argument("--steps", type=int, help="steps of the paper's strategies (default: their 5000 epochs)")
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, help="folder for the enlarged images and results.json")
    a = parser.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    threads = torch.get_num_threads()
    print(f"siren_sr {__version__}, torch {torch.__version__}, {platform.machine()}, {a.device}, {threads} threads")
    print(f"{'image':12} {'method':16}" + "".join(f"{c:>10}" for c in COLUMNS))
    rows: dict[str, list[dict[str, float]]] = {m: [] for m in a.methods}
    strips: list[Tensor] = []
    for name, lr, hr in pairs(a.data, a.scale):
        if a.images and name not in a.images:
            continue
        shown: dict[str, Tensor] = {}
        for method in a.methods:
            start = time.perf_counter()
            steps = a.steps if method in ("basic", "trick1", "trick2") else None
            image = enlarge(lr.to(a.device), method, hr.shape[1:], steps).cpu()
            seconds = time.perf_counter() - start
            row, shown[method] = {"name": name, **quality(image, hr, a.scale), "seconds": seconds}, image
            rows[method].append(row)
            print(f"{name:12} {method:16}" + "".join(f"{row[c]:10.4g}" for c in COLUMNS), flush=True)
            if a.out:
                a.out.mkdir(parents=True, exist_ok=True)
                io.write_image(a.out / f"{name}_{method}.png", to_array(image))
        strips.append(strip(shown, hr))
    if not any(rows.values()):
        raise SystemExit(f"no image pairs found in {a.data}: see the module's docstring for what it may hold")
    for method in a.methods:
        means = {c: float(np.mean([r[c] for r in rows[method]])) for c in COLUMNS}
        print(f"{'mean':12} {method:16}" + "".join(f"{means[c]:10.4g}" for c in COLUMNS))
    if a.out:
        (a.out / "results.json").write_text(json.dumps(rows, indent=1))
        io.write_image(a.out / "sheet.png", to_array(torch.cat(strips, dim=1)))
        print(f"sheet.png: {', '.join(a.methods)}, original")


def enlarge(lr: Tensor, method: str, size: torch.Size, steps: int | None) -> Tensor:
    """Enlarge one image (C, h, w) in [0, 1] by one method; the result is rounded to 8 bit, as it would be saved."""
    if method == "bicubic":
        image = resampling.resize(lr, size).clamp(0, 1)
    elif method == "back-projection":
        image = resampling.resize(lr, size)
        for _ in range(10):
            image = image + resampling.resize(lr - resampling.resize(image, lr.shape[1:]), size)
        image = image.clamp(0, 1)
    elif method in ALONE:
        image = super_resolve(lr, size=tuple(size), prior=None, quality=ALONE[method])
    elif method in OURS:
        image = super_resolve(lr, size=tuple(size), quality=method)
    else:
        image = super_resolve(lr, size=tuple(size), strategy=method, steps=steps)
    return (image * 255).round() / 255


def quality(image: Tensor, hr: Tensor, scale: float) -> dict[str, float]:
    """Measure an image in all conventions at once."""
    border = round(scale)
    return {
        "psnr_y": metrics.psnr_y(image, hr, border=border),
        "ssim_y": metrics.ssim_y(image, hr, border=border),
        "psnr_rgb": metrics.psnr(image, hr),
        "psnr_sum": metrics.psnr(image, hr, channel_sum=True),
    }


def strip(shown: dict[str, Tensor], hr: Tensor) -> Tensor:
    """Return the crop where the methods differ most, from every method and the original, three times enlarged."""
    images = torch.stack([*shown.values(), hr])
    side = min(CROP, *hr.shape[1:])
    spread = torch.nn.functional.avg_pool2d(images.std(0).mean(0)[None, None], side, stride=8)[0, 0]
    top, left = (8 * int(i) for i in divmod(int(spread.argmax()), spread.shape[1]))
    crops = images[..., top : top + side, left : left + side]
    crops = torch.nn.functional.interpolate(crops, size=(3 * CROP, 3 * CROP), mode="nearest")
    return torch.nn.functional.pad(torch.cat(list(crops), dim=2), (2, 2, 2, 2), value=1.0)


def pairs(folder: Path, scale: float) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Yield (name, LR, HR) with images (C, H, W) in [0, 1]; HR is cropped to a multiple of a whole scale."""
    high = folder / "HR" if (folder / "HR").is_dir() else folder
    low = folder / "LR_bicubic" / f"X{scale:g}" if (folder / "HR").is_dir() else folder
    for path in sorted(high.glob("*.png")):
        if path.stem.endswith(tuple(f"x{s}" for s in range(2, 9))):
            continue
        hr = read(path)
        partner = low / f"{path.stem}x{scale:g}.png"
        if float(scale).is_integer():
            hr = hr[:, : int(hr.shape[1] // scale * scale), : int(hr.shape[2] // scale * scale)]
        if partner.is_file():
            lr = read(partner)
            hr = hr[:, : round(lr.shape[1] * scale), : round(lr.shape[2] * scale)]
        else:
            size = (math.floor(hr.shape[1] / scale), math.floor(hr.shape[2] / scale))
            lr = (resampling.resize(hr, size).clamp(0, 1) * 255).round() / 255
        yield path.stem, lr, hr


def read(path: Path) -> Tensor:
    """Read an image file as RGB (3, H, W) in [0, 1]."""
    pixels = io.read_image(path).pixels
    pixels = pixels[..., None].repeat(3, axis=-1) if pixels.ndim == 2 else pixels[..., :3]
    return torch.from_numpy(pixels / np.float32(np.iinfo(pixels.dtype).max)).permute(2, 0, 1)


def to_array(image: Tensor) -> np.ndarray:
    """Turn an image (C, H, W) in [0, 1] into an 8-bit array (H, W, C)."""
    return (image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()


if __name__ == "__main__":
    main()
