"""Images with noise or blur that nobody told of: what is found, and what it is worth.

``python -m benchmarks.degradation --data DIR`` reduces the pictures in a folder, spoils them, and prints two tables:
the gain over bicubic interpolation with the true value, with the one that was found, and without any.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from siren_sr import io, metrics, super_resolve
from siren_sr.grids.resampling import resize
from siren_sr.signals import as_signal, to_unit
from siren_sr.superres.downsample import Downsample
from siren_sr.superres.picture.quality import QUALITIES, Quality

LEVELS = (0, 2, 5, 10, 15, 25)


def pictures(folder: str, side: int, count: int) -> dict[str, Tensor]:
    """The middle of the pictures in a folder, (3, side, side) in [0, 1]."""
    found = {}
    for path in sorted(path for path in Path(folder).iterdir() if path.suffix in (".png", ".jpg"))[:count]:
        image = to_unit(as_signal(io.read_image(path), dims=2).values)[:3]
        rows, columns = ((n - min(n, side)) // 2 for n in image.shape[1:])
        cut = image[:, rows : rows + side, columns : columns + side]
        found[path.stem] = cut[:, : cut.shape[1] // 12 * 12, : cut.shape[2] // 12 * 12]
    return found


def kernels(scale: int) -> dict[str, Any]:
    """Kernels by name: Gaussians, one that is wider along a diagonal, and a motion along it."""
    offsets = torch.arange(24, dtype=torch.float64) - 11.5
    along, across = (offsets[:, None] + offsets) / math.sqrt(2), (offsets[:, None] - offsets) / math.sqrt(2)
    slanted = torch.exp(-0.5 * ((along / (1.2 * scale)) ** 2 + (across / (0.5 * scale)) ** 2))
    motion = torch.exp(-0.5 * (across / 0.6) ** 2) * (along.abs() <= 2 * scale)
    gaussians = {f"Gaussian {sigma:g}": sigma for sigma in (0.8, 1.2, 1.6, 2.0, 3.0)}
    return {"bicubic": "bicubic", **gaussians, "wider along a diagonal": slanted, "motion": motion}


def rounded(image: Tensor) -> Tensor:
    """Clip an image and round it to 8 bits."""
    return (image.clamp(0, 1) * 255).round() / 255


def gains(small: Tensor, picture: Tensor, scale: int, quality: Quality, ways: list[dict[str, Any]]) -> list[float]:
    """How many dB of PSNR some options gain over bicubic interpolation."""
    plain = metrics.psnr(resize(small, picture.shape[1:]).clamp(0, 1), picture)
    return [metrics.psnr(super_resolve(small, scale, quality=quality, **way), picture) - plain for way in ways]


def noise_table(found: dict[str, Tensor], scale: int, quality: Quality) -> None:
    """Print the gains for noise."""
    print(f"\nx{scale}, noise in levels of 255 | found | told | noise=auto | noise=0 | auto - told, worst")
    for level in LEVELS:
        rows, estimates = [], []
        for picture in found.values():
            size = [n // scale for n in picture.shape[1:]]
            noise = torch.randn((3, *size), generator=torch.Generator().manual_seed(0))
            small = rounded(rounded(resize(picture, size)) + level / 255 * noise)
            ways = [{"noise": level / 255}, {"noise": "auto"}, {"noise": 0}]
            rows.append(gains(small, picture, scale, quality, ways))
            fit = super_resolve(small, scale, quality="fast", noise="auto", steps=1, return_fit=True)
            estimates.append(255 * fit.degradation.noise if fit.degradation else 0.0)
        table = torch.tensor(rows)
        told, auto, none = table.mean(0).tolist()
        worst = float((table[:, 1] - table[:, 0]).min())
        span = f"{min(estimates):.1f} to {max(estimates):.1f}"
        print(f"{level} | {span} | {told:+.2f} | {auto:+.2f} | {none:+.2f} | {worst:+.2f}", flush=True)


def kernel_table(found: dict[str, Tensor], scale: int, quality: Quality) -> None:
    """Print the gains for blur."""
    print(f'\nx{scale}, kernel | told | kernel="estimate" | kernel="bicubic" | estimate - bicubic, worst')
    for name, kernel in kernels(scale).items():
        rows = []
        for picture in found.values():
            down = Downsample.between(picture.shape[1:], [n // scale for n in picture.shape[1:]], kernel=kernel)
            small = rounded(down(picture.double())).float()
            ways = [{"kernel": kernel}, {"kernel": "estimate"}, {"kernel": "bicubic"}]
            rows.append(gains(small, picture, scale, quality, ways))
        table = torch.tensor(rows)
        told, estimate, none = table.mean(0).tolist()
        worst = float((table[:, 1] - table[:, 2]).min())
        print(f"{name} | {told:+.2f} | {estimate:+.2f} | {none:+.2f} | {worst:+.2f}", flush=True)


def main() -> None:
    """Read the arguments and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of pictures without noise")
    parser.add_argument("--scale", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--quality", default="fast", choices=list(QUALITIES))
    parser.add_argument("--side", type=int, default=256, help="pixels per side of the part that is used")
    parser.add_argument("--count", type=int, default=8, help="the most pictures")
    parser.add_argument("--only", choices=["noise", "kernel"])
    a = parser.parse_args()
    found = pictures(a.data, a.side, a.count)
    for scale in a.scale:
        if a.only != "kernel":
            noise_table(found, scale, a.quality)
        if a.only != "noise":
            kernel_table(found, scale, a.quality)


if __name__ == "__main__":
    main()
