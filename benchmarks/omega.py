"""Choosing ω0: what rules lose against the best ω0 of a sweep, in dB at a fixed budget.

    python -m benchmarks.omega --data DIR [--design] [--sounds DIR] [--steps 40] [--out DIR]

A network of 256 units (`fit_signal`, ``tiles=False``) is trained on every signal with ten values of ω0, for the
same number of passes. The best of them, the oracle, is what a rule could have chosen at most; a rule's regret is the
PSNR of the oracle less that at the rule's ω0. Between the values of the sweep a monotone cubic in log ω0 (PCHIP)
interpolates, for the oracle too.

``--design`` takes the signals on which rules are designed: crops of the paper's low-resolution images (``--data``),
whole and with contrast, sampling and noise changed. Without it, signals that no rule has seen: scikit-image's
photographs and the sounds of ``--sounds``. Prints regrets by rule and kind of signal; saves the sweeps as JSON, which
``--from`` reads.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import header
from siren_sr import fit_signal, io, omega, resampling, signals

SIDE, SAMPLES = 64, 4096
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "camera", "coins", "moon", "brick", "grass", "gravel")
SWEEP = tuple(6.0 * 1.7**i for i in range(10))  # 6 to 712
Signal = tuple[str, str, Tensor, float | None]
"""Name, kind, values (C, *grid) in [0, 1] or, with a sampling rate, in [-1, 1], and that rate."""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Regret of rules for ω0.")
    parser.add_argument("--data", type=Path, help="folder with the paper's images, for --design")
    parser.add_argument("--sounds", type=Path, help="folder with sounds")
    parser.add_argument("--design", action="store_true", help="the signals that rules are designed on")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--from", dest="stored", type=Path, help="judge rules on the sweeps of an earlier run")
    a = parser.parse_args()
    print(header("cpu", a.threads))
    found = list(design(a.data)) if a.design else list(unseen(a.sounds))
    stored = {} if a.stored is None else json.loads(a.stored.read_text())
    rows = []
    for name, kind, values, rate in found:
        curve = stored.get(name) or sweep(values, rate, a.steps)
        stored[name] = curve
        best = max(((value, at(curve, value)) for value in np.geomspace(SWEEP[0], SWEEP[-1], 200)), key=lambda p: p[1])
        row = {rule: best[1] - at(curve, choice) for rule, choice in rules(values, rate).items()}
        rows.append((kind, row))
        print(f"{name:22} best {best[1]:6.2f} dB at {best[0]:6.1f}  chosen {omega_of(values, rate):6.1f}", flush=True)
        if a.out:
            a.out.mkdir(parents=True, exist_ok=True)
            (a.out / f"omega-{'design' if a.design else 'unseen'}.json").write_text(json.dumps(stored))
    print(table(rows))


def sweep(values: Tensor, rate: float | None, steps: int) -> list[tuple[float, float]]:
    """PSNR by ω0."""
    options: dict[str, Any] = {"dims": values.ndim - 1} if rate is None else {"sample_rate": rate, "hidden_layers": 2}
    return [(value, fit_signal(values, omega_0=value, tiles=False, steps=steps, **options).psnr) for value in SWEEP]


def at(curve: list[tuple[float, float]], value: float) -> float:
    """The PSNR at an ω0; beyond the ends of the sweep, that of the end."""
    from scipy.interpolate import PchipInterpolator

    x, y = zip(*curve, strict=True)
    return float(PchipInterpolator(np.log(x), y)(math.log(min(max(value, x[0]), x[-1]))))


def omega_of(values: Tensor, rate: float | None, measure: str | None = None) -> float:
    """What the library chooses."""
    dims = values.ndim - 1
    if measure is None:
        return omega.choose(values, sample_rate=rate, dims=dims)
    return omega.choose(values, measure, sample_rate=rate, dims=dims)


def rules(values: Tensor, rate: float | None) -> dict[str, float]:
    """ω0 by every rule."""
    sides = values.shape[1:]
    nyquist = len(sides) * math.pi * max(sides) / 2
    found = {"default": omega_of(values, rate), "30": 30.0, "Nyquist / 4": nyquist / 4, "Nyquist / 8": nyquist / 8}
    found |= {name: omega_of(values, rate, name) for name in omega.MEASURES}
    return found | ({} if rate is None else {"ω_r": rate})


def table(rows: list[tuple[str, dict[str, float]]]) -> str:
    """Mean and largest regret by rule, and the mean by kind of signal."""
    kinds = sorted({kind for kind, _ in rows})
    lines = [f"{'rule':20} {'mean':>6} {'worst':>6}  " + " ".join(f"{kind:>12}" for kind in kinds)]
    names = sorted(
        {name for _, row in rows for name in row}, key=lambda name: np.mean([r.get(name, 99) for _, r in rows])
    )
    for name in names:
        values = [row[name] for _, row in rows if name in row]
        by_kind = [[row[name] for k, row in rows if k == kind and name in row] for kind in kinds]
        cells = " ".join(f"{np.mean(v):12.2f}" if v else f"{'':12}" for v in by_kind)
        lines.append(f"{name:20} {np.mean(values):6.2f} {max(values):6.2f}  {cells}")
    return "\n".join(lines)


def design(folder: Path | None) -> Iterator[Signal]:
    """Crops of the paper's low-resolution images, and what is done to them."""
    if folder is None:
        raise SystemExit("--design needs the folder with the paper's images as --data")
    generator = torch.Generator().manual_seed(0)
    for i, path in enumerate(sorted(folder.glob("*x4.png"))):
        image = (signals.as_signal(path).values + 1) / 2
        crop = middle(image, SIDE)
        yield path.stem, "photo", crop, None
        if i % 3 == 0:
            yield f"{path.stem} contrast/3", "contrast", crop / 3 + 1 / 3, None
            noisy = (crop + 0.06 * torch.randn(crop.shape, generator=generator)).clamp(0, 1)
            yield f"{path.stem} noise", "noise", noisy, None
            smooth = resampling.resize(middle(image, SIDE // 2), (SIDE, SIDE)).clamp(0, 1)
            yield f"{path.stem} enlarged", "enlarged", smooth, None
        if i % 3 == 1:
            yield f"{path.stem} small", "size", middle(image, SIDE // 2), None
            yield f"{path.stem} large", "size", middle(image, SIDE * 2), None
            yield f"{path.stem} row", "1-D", crop[:, SIDE // 2], None


def unseen(sounds: Path | None) -> Iterator[Signal]:
    """Parts of scikit-image's photographs, reduced by two, and of sounds."""
    from skimage import data

    generator = torch.Generator().manual_seed(1)
    for i, name in enumerate(PHOTOGRAPHS):
        image = (signals.as_signal(getattr(data, name)()).values + 1) / 2
        half = resampling.resize(image, [n // 2 for n in image.shape[1:]]).clamp(0, 1)
        crop = middle(half, SIDE)
        yield name, "photo", crop, None
        if i % 5 == 0:
            yield f"{name} contrast/3", "contrast", crop / 3 + 1 / 3, None
            yield (
                f"{name} noise",
                "noise",
                (crop + 0.06 * torch.randn(crop.shape, generator=generator)).clamp(0, 1),
                None,
            )
            yield (
                f"{name} enlarged",
                "enlarged",
                resampling.resize(middle(half, SIDE // 2), (SIDE, SIDE)).clamp(0, 1),
                None,
            )
            yield f"{name} wide", "size", half[:, 60:92, 20:148], None
    for path in sorted(sounds.glob("*.wav")) if sounds else ():
        file = io.read_audio(path)
        samples = torch.as_tensor(file.samples, dtype=torch.float32).reshape(len(file.samples), -1).T
        start = samples.shape[1] // 3
        piece = samples[:, start : start + SAMPLES]
        yield path.stem, "sound", piece / piece.abs().max(), float(file.sample_rate)


def middle(image: Tensor, side: int) -> Tensor:
    """The middle of an image."""
    top, left = ((n - side) // 2 for n in image.shape[1:])
    return image[:, top : top + side, left : left + side]


if __name__ == "__main__":
    main()
