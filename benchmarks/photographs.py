"""Measure super resolution of photographs as people have them: compressed.

    python -m benchmarks.photographs --data DIR [--scales 2 4] [--qualities 95 85 75 50 30] [--methods ...] [--out FILE]

DIR holds pictures, or a folder HR with them. Each is reduced by MATLAB's bicubic, compressed by Pillow (libjpeg-turbo;
colour at half resolution, or as --subsampling says; --gray takes the luma alone) and enlarged again. At scale 1 the
picture itself is compressed, and the traces are to be removed. The methods are

- bicubic: the decoded file, enlarged;
- ours: the default, by the file; fast and best likewise with these values of ``quality``;
- alone: ``prior=None``, by the file (``quality="fast"``); alone-standard and alone-best likewise;
- noise: ``compression=None`` with that of several values of ``noise=`` which is the best for the row (--noises);
- tv, jpeg2png: decoders that know no photographs (`benchmarks.tv_jpeg`, `benchmarks.jpeg2png_like`), whose pictures are
  enlarged by bicubic interpolation;
- jpegqs: likewise by the program of this name (github.com/ilyakurdyukov/jpeg-quantsmooth), where it is installed.

One line for each scale and quality: the mean PSNR of luma in dB of bicubic interpolation, without a border of as many
pixels as the scale, the mean gain of each method over it, and the smallest gain on any picture in brackets.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks import header
from benchmarks.jpeg2png_like import smoothest
from benchmarks.prior_data import read, rounded, shrink
from benchmarks.tv_jpeg import decompress
from siren_sr import metrics, super_resolve
from siren_sr.grids import resampling
from siren_sr.signals import as_signal
from siren_sr.superres.compression.finding import find

OPTIONS: dict[str, dict[str, Any]] = {
    "ours": {},
    "fast": {"quality": "fast"},
    "best": {"quality": "best"},
    "alone": {"prior": None, "quality": "fast"},
    "alone-standard": {"prior": None, "quality": "standard"},
    "alone-best": {"prior": None, "quality": "best"},
}
"""What `super_resolve` is told in each method."""
DECODERS = ("bicubic", "tv", "jpeg2png", "jpegqs")
METHODS = (*DECODERS, *OPTIONS, "noise")
NOISES = (0.0, 2.0, 4.0, 8.0, 12.0, 16.0)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Super resolution of compressed photographs.")
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--images", nargs="+", help="names, without extension (default: all)")
    parser.add_argument("--crop", type=int, help="take the middle of larger pictures only, of so many pixels per side")
    parser.add_argument("--scales", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--qualities", type=int, nargs="+", default=[95, 85, 75, 50, 30])
    parser.add_argument("--subsampling", choices=("4:4:4", "4:2:2", "4:2:0"), default="4:2:0")
    parser.add_argument("--gray", action="store_true", help="compress the luma alone, as MATLAB computes it")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["bicubic", "ours", "noise", "tv"])
    parser.add_argument("--noises", type=float, nargs="+", default=NOISES, help="in levels of 255")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, help="write the PSNR of every picture as JSON")
    a = parser.parse_args()
    print(header(threads=a.threads), f"JPEG {'gray' if a.gray else a.subsampling}", flush=True)
    pictures = [
        (name, rounded(metrics.rgb_to_y(x)) if a.gray else x)
        for folder in a.data
        for name, x in originals(folder, a.crop)
        if name in (a.images or [name])
    ]
    if not pictures:
        raise SystemExit(f"no pictures in {a.data}")
    found: list[dict[str, object]] = []
    for scale in a.scales:
        for quality in a.qualities:
            row: dict[str, list[float]] = {}
            for name, picture in pictures:
                large = picture[:, : picture.shape[1] // scale * scale, : picture.shape[2] // scale * scale]
                content = compressed(large, scale, quality, a.subsampling)
                for method in a.methods:
                    for key, image in results(content, large.shape[1:], method, a.noises):
                        psnr = metrics.psnr_y(rounded(image), large, border=scale if scale > 1 else 0)
                        row.setdefault(key, []).append(psnr)
                        found.append({"scale": scale, "quality": quality, "name": name, "method": key, "psnr": psnr})
                if a.out:
                    a.out.write_text(json.dumps(found))
            print(line(scale, quality, row), flush=True)


def originals(folder: Path, crop: int | None) -> Iterator[tuple[str, Tensor]]:
    """The pictures of a folder by their names, (3, H, W) in [0, 1]; reduced ones, named NAMEx4, are left out."""
    folder = folder / "HR" if (folder / "HR").is_dir() else folder
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp") and not path.stem.endswith(("x2", "x3", "x4")):
            picture = read(path) / 255
            sides = [min(n, crop or n) for n in picture.shape[1:]]
            top, left = ((n - m) // 2 for n, m in zip(picture.shape[1:], sides, strict=True))
            yield path.stem, picture[:, top : top + sides[0], left : left + sides[1]]


def compressed(large: Tensor, scale: int, quality: int, subsampling: str) -> bytes:
    """The content of the JPEG file of a picture (C, H, W) that was reduced; one channel makes a gray file."""
    small = shrink(large, [n // scale for n in large.shape[1:]]) if scale > 1 else large
    stream = io.BytesIO()
    pixels = small.mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()
    options = {"subsampling": subsampling} if len(large) == 3 else {}
    Image.fromarray(pixels if len(large) == 3 else pixels[..., 0]).save(stream, "JPEG", quality=quality, **options)
    return stream.getvalue()


def results(content: bytes, size: torch.Size, method: str, noises: tuple[float, ...]) -> Iterator[tuple[str, Tensor]]:
    """The names and the pictures (C, H, W) in [0, 1] of a method."""
    if method in DECODERS:
        image = decoded(content, method)
        yield method, resampling.resize(image, size) if image.shape[1:] != size else image
    elif method == "noise":
        for noise in noises:
            options = {"compression": None, "noise": noise / 255}
            yield f"noise {noise:g}", tensor(super_resolve(content, size=size, **options))
    else:
        yield method, tensor(super_resolve(content, size=size, **OPTIONS[method]))


def decoded(content: bytes, method: str) -> Tensor:
    """The picture of a file (C, h, w) in [0, 1], by one of `DECODERS`; "bicubic" decodes as everybody does."""
    if method == "jpegqs":
        with tempfile.TemporaryDirectory() as folder:
            given, made = Path(folder, "given.jpg"), Path(folder, "made.jpg")
            given.write_bytes(content)
            subprocess.run(["jpegqs", "--threads", "1", "--info", "0", given, made], check=True)
            with Image.open(made) as file:
                return tensor(file)
    data = as_signal(content, dims=2)
    known = None if method == "bicubic" else find(content, data, "auto")
    if known is None:
        return data.unit
    return decompress(data.unit, known) if method == "tv" else smoothest(data.unit, known.members)


def tensor(image: Any) -> Tensor:
    """A PIL image of 8 bits as (C, H, W) in [0, 1]."""
    pixels = torch.from_numpy(np.array(image))
    return pixels.reshape(*pixels.shape[:2], -1).permute(2, 0, 1) / 255


def line(scale: int, quality: int, row: dict[str, list[float]]) -> str:
    """A line of the table."""
    first = next(iter(row))
    gains = {key: np.array(values) - np.array(row[first]) for key, values in row.items() if key != first}
    # Of the noises only the best one is shown, and which it is.
    by_hand = sorted((key for key in gains if key.startswith("noise")), key=lambda key: -gains[key].mean())
    told = [f"{key} {gains[key].mean():+.2f} ({gains[key].min():+.2f})" for key in gains if key not in by_hand[1:]]
    return "  ".join([f"x{scale} quality {quality}: {first} {np.mean(row[first]):.2f}", *told])


if __name__ == "__main__":
    main()
