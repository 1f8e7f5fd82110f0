"""Measure what rules for ω0 lose against the best ω0 of a sweep, in dB at a fixed budget.

    python -m benchmarks.omega --data DIR [--design | --whole NAMES] [--sounds DIR] [--steps 40 8] [--out DIR]

A network of 256 units (`fit_signal`, ``tiles=False``) is trained on every signal with eight values of ω0, for the
same number of passes. The best of them, the oracle, is the best that a rule could have chosen; a rule's regret is the
PSNR of the oracle minus the PSNR at the rule's ω0. Between the values of the sweep a monotone cubic in log ω0 (PCHIP)
interpolates, for the oracle too.

``--design`` takes the signals on which rules are designed: crops of the paper's low-resolution images (``--data``),
as they are, grey, or with contrast, noise or sampling changed; made-up sounds; and crops that move. ``--whole`` takes
low-resolution images as they are. Without either, the signals are ones that no rule has seen: scikit-image's
photographs and the sounds of ``--sounds``. The benchmark prints regrets by rule and kind of signal, and saves the
sweeps as JSON, which ``--from`` reads.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import header
from siren_sr import fit_signal, io, omega, signals
from siren_sr.grids import resampling
from siren_sr.training import loop, recipes

SIDE, SAMPLES = 128, 16384
PHOTOGRAPHS = {
    **dict.fromkeys(("astronaut", "chelsea", "coffee", "rocket", "camera", "brick"), "photo"),
    "coins": "contrast",
    "gravel": "noise",
    "moon": "enlarged",
    "grass": "grey",
}
Curve = list[tuple[float, float]]
"""Pairs of ω0 and the PSNR in dB that it reached."""
Signal = tuple[str, str, Tensor, float | None]
"""A signal's name, kind, values (C, *grid) and sampling rate. A sound's values lie in [-1, 1]; all others lie in [0, 1]
and have no sampling rate."""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Regret of rules for ω0.")
    parser.add_argument("--data", type=Path, help="folder with the paper's images, for --design")
    parser.add_argument("--sounds", type=Path, help="folder with sounds")
    parser.add_argument("--design", action="store_true", help="the signals that rules are designed on")
    parser.add_argument("--whole", nargs="+", default=[], metavar="NAME", help="whole images of --data")
    parser.add_argument("--side", type=int, help="their middle only, so many pixels square")
    parser.add_argument("--hidden-features", type=int, default=256)
    parser.add_argument("--hidden-layers", type=int, default=2)
    parser.add_argument("--values", nargs="+", type=float, help="ω0 to sweep (default: eight, by the signal's size)")
    parser.add_argument("--steps", type=int, nargs="+", default=[40, 8], help="lengths of the training, in passes")
    parser.add_argument("--cap", type=float, default=math.inf, help="PSNR in dB above which more counts as no better")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--from", dest="stored", type=Path, help="judge rules on the sweeps of an earlier run")
    a = parser.parse_args()
    print(header("cpu", a.threads))
    network = {"hidden_features": a.hidden_features, "hidden_layers": a.hidden_layers}
    if a.whole:
        images = {name: signals.to_unit(signals.as_signal(a.data / f"{name}x4.png").values) for name in a.whole}
        found = [
            (name, "whole", image if a.side is None else middle(image, a.side), None) for name, image in images.items()
        ]
    else:
        found = list(design(a.data)) if a.design else list(unseen(a.sounds))
    stored: dict[str, Any] = {} if a.stored is None else json.loads(a.stored.read_text())
    rows: dict[int, list[tuple[str, dict[str, float]]]] = {steps: [] for steps in a.steps}
    for name, kind, values, rate in found:
        curves = stored.setdefault(name, {})
        for steps in a.steps:
            curve = curves.get(str(steps)) or sweep(values, rate, a.values, steps=steps, **network)
            curves[str(steps)] = curve
            curve = [(value, min(psnr, a.cap)) for value, psnr in curve]
            between = np.geomspace(curve[0][0], curve[-1][0], 200)
            best = max(((value, at(curve, value)) for value in between), key=lambda p: p[1])
            chosen = rules(values, rate, steps, a.hidden_layers)
            rows[steps].append((kind, {rule: best[1] - at(curve, choice) for rule, choice in chosen.items()}))
            print(
                f"{name:16} {kind:9} {steps:3} passes: best {best[1]:6.2f} dB at {best[0]:6.1f}, "
                f"chosen {chosen[omega.TANGENT_KERNEL]:6.1f}",
                flush=True,
            )
        if a.out:
            a.out.mkdir(parents=True, exist_ok=True)
            signals_of = "whole" if a.whole else "design" if a.design else "unseen"
            (a.out / f"omega-{signals_of}.json").write_text(json.dumps(stored))
    for steps in a.steps:
        print(f"\nRegret in dB, {steps} passes, {len(found)} signals")
        print(table(rows[steps]))


def sweep(values: Tensor, rate: float | None, tried: Sequence[float] | None = None, **options: Any) -> Curve:
    """Fit a signal with every ω0 and return the PSNR that each reaches."""
    kind: dict[str, Any] = {"dims": values.ndim - 1} if rate is None else {"sample_rate": rate}
    return [
        (value, fit_signal(values, omega_0=value, tiles=False, **kind, **options).psnr)
        for value in tried or swept(values.shape[1:])
    ]


def swept(sides: Sequence[int]) -> list[float]:
    """Return the values of ω0 for a grid, up to 1.2 times what reaches the Nyquist frequency (0.3 in one dimension)."""
    top = len(sides) * math.pi * max(sides) / 2 * (1.2 if len(sides) > 1 else 0.3)
    return [top / 1.8**i for i in reversed(range(8))]


def at(curve: Curve, value: float) -> float:
    """Return the PSNR at an ω0; beyond the ends of the sweep, it is that of the end."""
    from scipy.interpolate import PchipInterpolator

    x, y = zip(*curve, strict=True)
    return float(PchipInterpolator(np.log(x), y)(math.log(min(max(value, x[0]), x[-1]))))


def rules(values: Tensor, rate: float | None, steps: int, layers: int) -> dict[str, float]:
    """Return the ω0 that every rule chooses."""
    sides, dims = values.shape[1:], values.ndim - 1
    nyquist = dims * math.pi * max(sides) / 2
    recipe = recipes.fast(dims=dims, hidden_layers=layers, activation="sine")
    updates = steps * loop.batches_per_step(math.prod(sides), recipe.batch)
    found = {"30": 30.0, "Nyquist / 4": nyquist / 4, "Nyquist / 8": nyquist / 8}
    found[omega.TANGENT_KERNEL] = omega.choose(
        values, sample_rate=rate, dims=dims, updates=updates, hidden_layers=layers
    )
    found |= {name: omega.choose(values, name, sample_rate=rate, dims=dims) for name in omega.MEASURES}
    paper = rate or (omega.omega_star(values) if dims == 2 else found["laplacian_variance"])
    return found | {"paper (ω0*, ω_r)": paper}


def table(rows: list[tuple[str, dict[str, float]]]) -> str:
    """Return a table of mean and largest regret by rule, and of the mean by kind of signal."""
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
    """Yield the signals on which rules are designed: crops of images, made-up sounds, and crops that move.

    The images are the paper's low-resolution ones, as they are, grey, or with contrast, noise or sampling changed.
    """
    if folder is None:
        raise SystemExit("--design needs the folder with the paper's images as --data")
    changes = ("photo", "grey", "noise", "photo", "contrast", "photo", "grey", "enlarged", "photo")
    paths = sorted(folder.glob("*x4.png"))
    for path, change in zip(paths, changes, strict=False):
        yield path.stem, *changed(signals.to_unit(signals.as_signal(path).values), change), None
    for name, sound in synthetic_sounds().items():
        yield name, "sound", sound[None] / sound.abs().max(), 16000.0
    for path in paths[9:]:
        yield f"{path.stem} moving", "video", moving(signals.to_unit(signals.as_signal(path).values)), None


def synthetic_sounds() -> dict[str, Tensor]:
    """Make a chirp, noise that comes and goes, a chord, and beats of a drum."""
    time = torch.arange(SAMPLES) / 16000.0
    noise = torch.randn(1, SAMPLES, generator=torch.Generator().manual_seed(0))
    dull = torch.nn.functional.avg_pool1d(noise, 5, 1, 2)[0]
    chord = sum(torch.sin(2 * math.pi * n * f * time + n) / n**1.5 for f in (220, 277.2, 329.6) for n in range(1, 12))
    beat = torch.exp(-30 * (time % 0.25))
    return {
        "chirp": torch.sin(2 * math.pi * (200 * time + 900 * time**2)) * torch.exp(-2 * time),
        "noise": dull * (0.1 + torch.sin(7 * time).square()),
        "chord": (torch.as_tensor(chord) * torch.exp(-time))[: SAMPLES // 4],
        "drum": (beat * (torch.sin(2 * math.pi * 90 * time) + 0.3 * dull))[: SAMPLES // 2],
    }


def moving(image: Tensor) -> Tensor:
    """Make a film of 24 pictures: a window that moves over an image, each time a pixel across and half a pixel down."""
    top, left = (n // 3 for n in image.shape[1:])
    frames = [image[:, top + i // 2 : top + i // 2 + 24, left + i : left + i + 24] for i in range(24)]
    return torch.stack(frames, 1)


def unseen(sounds: Path | None) -> Iterator[Signal]:
    """Yield parts of scikit-image's photographs, reduced by two and changed as in `design`, and parts of sounds."""
    from skimage import data

    for name, change in PHOTOGRAPHS.items():
        image = signals.to_unit(signals.as_signal(getattr(data, name)()).values)
        half = resampling.resize(image, [n // 2 for n in image.shape[1:]]).clamp(0, 1)
        yield name, *changed(half, change), None
    for path in sorted(sounds.glob("*.wav")) if sounds else ():
        file = io.read_audio(path)
        samples = torch.as_tensor(file.samples, dtype=torch.float32).reshape(len(file.samples), -1).T
        start = samples.shape[1] // 3
        piece = samples[:, start : start + SAMPLES]
        yield path.stem, "sound", piece / piece.abs().max(), float(file.sample_rate)


def changed(image: Tensor, change: str) -> tuple[str, Tensor]:
    """Change one thing in the middle of an image; return what kind of signal it then is, and the signal."""
    crop = middle(image, SIDE)
    if change == "contrast":
        return change, crop / 3 + 1 / 3
    if change == "noise":
        generator = torch.Generator().manual_seed(0)
        return change, (crop + 0.06 * torch.randn(crop.shape, generator=generator)).clamp(0, 1)
    if change == "enlarged":
        return change, resampling.resize(middle(image, SIDE // 2), (SIDE, SIDE)).clamp(0, 1)
    if change == "grey" or len(crop) == 1:
        return "grey", crop.mean(0, keepdim=True)
    return change, crop


def middle(image: Tensor, side: int) -> Tensor:
    """Return the middle of an image, a square of ``side`` pixels."""
    top, left = ((n - side) // 2 for n in image.shape[1:])
    return image[:, top : top + side, left : left + side]


if __name__ == "__main__":
    main()
