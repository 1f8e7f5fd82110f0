"""How good a learned upscaler is: PSNR on pairs of images, and the curve of a training run."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.prior_data import compress, rounded, shrink
from benchmarks.super_resolution import pairs
from siren_sr import metrics
from siren_sr.grids import resampling
from siren_sr.superres.convolution import mean_of_turned
from siren_sr.superres.downsample import Downsample
from siren_sr.superres.learned import Conditions, LearnedUpscaler

CROP = 384  # side of the validation crops, divisible by 2, 3 and 4
DEFECTS = {
    "JPEG 90": Conditions(jpeg=0.10),
    "JPEG 75": Conditions(jpeg=0.25),
    "noise 5": Conditions(noise=5 / 255),
    "blur 0.4": Conditions(blur=0.4),
}

Pair = tuple[Tensor, Tensor]
"""A small image (3, h, w), and its original (3, H, W)."""


def crops(pictures: Sequence[Tensor], scale: int) -> list[Pair]:
    """The middles of held-out pictures (3, H, W) of 8 bits, and what MATLAB's bicubic makes of them."""
    result = []
    for picture in pictures:
        top, left = ((n - CROP) // 2 for n in picture.shape[1:])
        large = picture[:, top : top + CROP, left : left + CROP] / 255
        result.append((shrink(large, (CROP // scale,) * 2), large))
    return result


def folder_pairs(folder: Path | None, scale: int) -> list[Pair]:
    """All pairs of a folder, as `benchmarks.super_resolution` finds them; none of no folder."""
    return [] if folder is None else [(small, large) for _, small, large in pairs(folder, scale)]


def damaged(data: Sequence[Pair], conditions: Conditions) -> list[Pair]:
    """The pairs with small images that came about otherwise; the same noise every time."""
    generator = torch.Generator().manual_seed(0)
    result = []
    for small, large in data:
        if conditions.blur:
            kernel = conditions.blur * large.shape[1] / small.shape[1]
            small = rounded(Downsample.between(large.shape[1:], small.shape[1:], kernel=kernel, like=large)(large))
        if conditions.noise:
            small = rounded(small + conditions.noise * torch.randn(small.shape, generator=generator))
        if conditions.jpeg:
            small = compress(small, round(100 * (1 - conditions.jpeg)), subsampled=True)
        result.append((small, large))
    return result


def middles(data: Sequence[Pair], scale: int) -> list[Pair]:
    """The same pairs, none larger than `CROP`, so that they are soon measured."""
    result = []
    for small, large in data:
        sides = [min(n, CROP // scale) for n in small.shape[1:]]
        top, left = ((n - m) // 2 for n, m in zip(small.shape[1:], sides, strict=True))
        rows, columns = slice(top, top + sides[0]), slice(left, left + sides[1])
        wide = [slice(s.start * scale, s.stop * scale) for s in (rows, columns)]
        result.append((small[:, rows, columns], large[:, wide[0], wide[1]]))
    return result


@torch.no_grad()
def psnr(
    model: LearnedUpscaler | None,
    data: Sequence[Pair],
    scale: int,
    *,
    conditions: Conditions | None = None,
    precision: torch.dtype | None = None,
) -> float:
    """Mean luma PSNR in dB of the network alone, or of bicubic interpolation, without borders as in the literature.

    ``conditions`` are what the network is told.
    """
    found = []
    for small, large in data:
        if model is None:
            result = resampling.resize(small, large.shape[1:])
        else:
            image = small[None].to(model.device)
            result = model(image, large.shape[1:], conditions=conditions, precision=precision)[0].to(large.device)
        found.append(metrics.psnr_y(rounded(result), large, border=scale))
    return sum(found) / len(found)


@torch.no_grad()
def report(model: LearnedUpscaler, data: Sequence[Pair], scale: int) -> dict[str, float]:
    """Mean luma PSNR of the network alone, of the mean of eight orientations, and of both made consistent; RGB PSNR of
    the network alone; seconds per image.
    """
    sums: dict[str, float] = {}
    for small, large in ((x.to(model.device), y.to(model.device)) for x, y in data):
        start = time.perf_counter()
        alone = model(small[None], large.shape[1:])[0]
        seconds = time.perf_counter() - start
        eight = mean_of_turned(model, small[None], large.shape[1:])[0]
        down = Downsample.between(large.shape[1:], small.shape[1:], like=small)
        images = {"alone": alone, "eight": eight}
        images |= {f"{k} projected": down.project(v.clamp(0, 1), small, noise=1e-4) for k, v in images.items()}
        row = {k: metrics.psnr_y(rounded(v), large, border=scale) for k, v in images.items()}
        row |= {"rgb alone": metrics.psnr(rounded(alone), large), "seconds": seconds}
        row |= {"rgb eight": metrics.psnr(rounded(eight), large)}
        sums = {k: sums.get(k, 0.0) + v for k, v in row.items()}
    return {k: v / len(data) for k, v in sums.items()}


def robustness(model: LearnedUpscaler, data: Sequence[Pair], scale: int) -> dict[str, dict[str, float]]:
    """By the name of a defect: luma PSNR of bicubic, of the network, and of the network that is told of the defect."""
    result = {}
    for name, conditions in DEFECTS.items():
        images = damaged(data, conditions)
        result[name] = {
            "bicubic": psnr(None, images, scale),
            "untold": psnr(model, images, scale),
            "told": psnr(model, images, scale, conditions=conditions),
        }
    return result


def write_curve(rows: Sequence[dict[str, float]], path: Path) -> None:
    """Write a run's log as JSON, and as a picture beside it if matplotlib is installed."""
    path.write_text(json.dumps(list(rows), indent=1))
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    hours = [row["seconds"] / 3600 for row in rows]
    left.plot(hours, [row["loss"] for row in rows])
    left.set(xlabel="hours", ylabel="loss: mean absolute error", yscale="log")
    watched = [key for key in rows[-1] if key.endswith(" dB")]
    for key in watched:
        right.plot(hours, [row.get(key, float("nan")) for row in rows], label=key.removesuffix(" dB"))
    right.set(xlabel="hours", ylabel="luma PSNR, dB")
    if watched:
        right.legend()
    figure.savefig(path.with_suffix(".png"), dpi=120)
