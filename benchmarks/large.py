"""Enlarge a large image: measure time and memory, and check whether the windows in which it is solved are visible.

    python -m benchmarks.large --image PHOTO [--megapixels 12] [--scale 2] [--quality fast] [--threads N]

The image is a mosaic of the photograph and its mirror images. The benchmark prints seconds, the memory that the process
gained at its peak and how many times the result's bytes that is, and *jumps*. The bicubic enlargement is subtracted
from the result; a jump is then the mean absolute difference of neighbouring columns (or rows). Jumps at the borders of
windows are compared with all others. A seam is a jump at a border that is larger than the largest elsewhere. Without a
seam, the jump at a border is also like those next to it, at the same place within a pixel of the image.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from torch import Tensor

from benchmarks import header, peak_memory, reset_peak_memory
from benchmarks.scale import sized
from siren_sr import io, super_resolve
from siren_sr.grids import resampling
from siren_sr.superres.downsample import Downsample
from siren_sr.superres.picture import search


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Super resolution of a large image.")
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--megapixels", type=float, default=12.0)
    parser.add_argument("--scale", type=float, default=2.0)
    parser.add_argument("--quality", default="fast")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="cpu")
    a = parser.parse_args()
    print(header(a.device, a.threads))
    picture = sized(io.read_image(a.image).pixels[..., :3], round(1e6 * a.megapixels))
    reset_peak_memory()
    before, start = peak_memory(), time.perf_counter()
    result = super_resolve(picture, a.scale, quality=a.quality, device=a.device)
    seconds, memory = time.perf_counter() - start, peak_memory() - before
    height, width = result.shape[:2]
    print(f"{picture.shape[1]}x{picture.shape[0]} -> {width}x{height}, {a.quality}: {seconds:.1f} s")
    values = 4 * result.size / 2**20
    print(f"peak memory {memory / 2**20:.0f} MiB, {memory / 2**20 / values:.1f} times the result in float32")
    small, large = (torch.from_numpy(x).permute(2, 0, 1).float() / 255 for x in (picture, result))
    added = large - resampling.resize(small, large.shape[1:])
    reach = Downsample.between(large.shape[1:], small.shape[1:]).reach
    for axis, name in ((1, "rows"), (2, "columns")):
        found = search.windows(large.shape[axis], reach[axis - 1])
        edges = [edge - 1 for start in found.starts for edge in (start, start + found.length)]
        print(f"{len(found.starts):3} windows of {name}: {jumps(added, axis, edges, round(a.scale))}")


def jumps(x: Tensor, axis: int, edges: list[int], period: int) -> str:
    """Describe the mean absolute differences of neighbours along an axis, in levels of 255.

    They are taken at the edges, next to them (a few whole periods away), and elsewhere. An edge is given by the number
    of the sample before it.
    """
    other = [i for i in range(x.ndim) if i != axis]
    found = x.diff(dim=axis).abs().mean(other) * 255
    edges = [edge for edge in edges if 0 <= edge < len(found)]
    if not edges:
        return "one window"
    near = [edge + k * period for edge in edges for k in (-4, -3, -2, -1, 1, 2, 3, 4)]
    elsewhere = torch.ones_like(found, dtype=torch.bool)
    elsewhere[edges] = False
    return (
        f"largest jump {found[edges].max():.3f} levels at borders, {found[elsewhere].max():.3f} elsewhere; "
        f"mean {found[edges].mean():.3f} at borders, {found[near].mean():.3f} next to them"
    )


if __name__ == "__main__":
    main()
