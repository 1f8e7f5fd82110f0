"""Measure time, memory, quality and size of large signals, fitted as tiles, against the number of samples.

    python -m benchmarks.scale --image PHOTO [--megapixels 0.05 0.2 0.8 3.2 16] [--steps N] [--out DIR]

Sizes up to the photograph's own are centre crops. Larger ones are mosaics of it and its mirror images, so that the
detail per pixel stays the same. The benchmark prints seconds, the memory that the process gained at its peak, the PSNR
and the size of the saved fit, and saves them as JSON and as a plot.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import header, peak_memory, reset_peak_memory
from siren_sr import fit_signal, io


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Tiles against the size of an image.")
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--megapixels", nargs="+", type=float, default=[0.05, 0.2, 0.8, 3.2, 16.0])
    parser.add_argument("--steps", type=int)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path)
    a = parser.parse_args()
    print(header(a.device, a.threads))
    names = ("pixels", "s", "s/MP", "peak MiB", "dB", "saved MB", "bytes/value", "render s")
    print("".join(f"{name:>12}" for name in names))
    photo, rows = io.read_image(a.image).pixels[..., :3], []
    for megapixels in a.megapixels:
        picture = sized(photo, round(1e6 * megapixels))
        pixels = picture.shape[0] * picture.shape[1]
        reset_peak_memory()
        before, start = peak_memory(), time.perf_counter()
        fit = fit_signal(picture, tiles=True, steps=a.steps, device=a.device)
        seconds = time.perf_counter() - start
        start = time.perf_counter()
        fit.render()
        render, memory = time.perf_counter() - start, peak_memory() - before
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "fit.safetensors"
            fit.save(path)
            size = path.stat().st_size
        rows.append(
            {"pixels": pixels, "seconds": seconds, "memory": memory, "psnr": fit.psnr, "bytes": size, "render": render}
        )
        shown = (pixels / 1e6, memory / 2**20, size / 1e6, size / picture.size)
        values = (pixels, seconds, seconds / shown[0], shown[1], fit.psnr, shown[2], shown[3], render)
        print("".join(f"{value:12.5g}" for value in values), flush=True)
    if a.out:
        a.out.mkdir(parents=True, exist_ok=True)
        (a.out / "scale.json").write_text(json.dumps(rows, indent=1))
        plot(rows, a.out / "scale.png")


def plot(rows: list[dict[str, float]], path: Path) -> None:
    """Plot time, memory and PSNR against the number of pixels."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, 3, figsize=(12, 3.5), layout="constrained")
    megapixels = [row["pixels"] / 1e6 for row in rows]
    shown = {
        "seconds": [row["seconds"] for row in rows],
        "memory (MiB)": [row["memory"] / 2**20 for row in rows],
        "PSNR (dB)": [row["psnr"] for row in rows],
    }
    for panel, (label, values) in zip(panels, shown.items(), strict=True):
        panel.plot(megapixels, values, "o-")
        panel.set(xlabel="megapixels", ylabel=label, xscale="log", yscale="linear" if "dB" in label else "log")
        panel.grid(alpha=0.3)
    panels[2].set_ylim(30, 60)
    figure.savefig(path, dpi=120)


def sized(photo: np.ndarray, pixels: int) -> np.ndarray:
    """Return a centre crop of about so many pixels, or a mosaic of the photograph and its mirror images."""
    height, width = photo.shape[:2]
    scale = math.sqrt(pixels / (height * width))
    rows, columns = round(height * scale), round(width * scale)
    if scale <= 1:
        top, left = (height - rows) // 2, (width - columns) // 2
        return photo[top : top + rows, left : left + columns]
    extra = ((0, max(0, rows - height)), (0, max(0, columns - width)), (0, 0))
    return np.pad(photo, extra, mode="symmetric")


if __name__ == "__main__":
    main()
