"""Compare losses for sounds: MSE, MSE_tot (equation 6) and a multi-resolution STFT loss, at the same number of steps.

    python -m benchmarks.audio --data DIR [--sounds Bach Counting a.wav] [--samples N --steps N] [--out DIR]
    python -m benchmarks.audio --data DIR --tune

A piece from the middle of every sound is fitted with each loss and each recipe: ``whole`` is SOAP and ``paper`` is Adam
1e-4, both with all samples in every update. It is also fitted with what `fit_signal` does by itself, in ``batches`` and
as ``tiles``. The network is the same in all runs except for the tiles, and ω0 is ω_r in proportion to the piece.
MSE_tot *as published* transforms over the channels; for mono it is MSE times 1 + 1/α and is left out. The benchmark
measures the MSE of amplitudes divided by their largest, the signal-to-noise ratio, `log_spectral_distance`, seconds,
and the milliseconds of the fastest step (of the mean step for tiles).

With ``--tune`` it tries weights of the STFT loss on other material: a synthetic sound, and pieces that lie a quarter
into the sounds.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import header
from siren_sr import fit_signal, io, omega
from siren_sr.training import objectives

SOUNDS = {"Bach": "gt_bach.wav", "Counting": "gt_counting.wav", "Movie": "gt_movie.wav"}
RECIPES = ("whole", "paper", "batches", "tiles")
ALPHAS = (1.0, 10.0, 50.0)
WEIGHTS = (1e-5, objectives.STFT_WEIGHT, 1e-3)
WINDOW = 1536  # the measure's window in samples, which is none of those that the loss uses


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description="Losses for sounds.")
    parser.add_argument("--data", type=Path, default=Path(), help="folder of the sounds")
    parser.add_argument("--sounds", nargs="+", default=list(SOUNDS), help="names, or files")
    parser.add_argument("--samples", type=int, default=1 << 13)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--tune", action="store_true", help="weights of the STFT loss, on other material")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, help="default: all, or whole with --tune")
    parser.add_argument("--omega-times", type=float, default=1.0, help="factor of ω0")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, help="folder for audio.json and a spectrogram of every sound")
    a = parser.parse_args()
    print(header("cpu", a.threads))
    pieces = {}
    if a.tune:
        pieces["synthetic"] = (synthetic(a.samples), 16000, a.samples / 8.0)  # its ω0 is as if it came from 8 s
    for sound in a.sounds:
        path = a.data / SOUNDS[sound] if sound in SOUNDS else Path(sound)
        pieces[path.stem.removeprefix("gt_")] = piece(path, a.samples, at=0.25 if a.tune else 0.5)
    recipes = a.recipes or (["whole"] if a.tune else list(RECIPES))
    results = []
    for name, (values, rate, omega_r) in pieces.items():
        omega_0 = a.omega_times * omega_r
        print(f"{name}: {tuple(values.shape)} at {rate} Hz, ω0 {omega_0:.0f}, {a.steps} steps")
        print(f"{'recipe':9}{'loss':24}{'MSE':>10}{'SNR':>9}{'LSD':>9}{'seconds':>9}{'ms a step':>10}")
        found = {}
        for recipe, loss, options in candidates(len(values), omega_0, tune=a.tune, recipes=recipes):
            fit = fit_signal(values, sample_rate=rate, steps=a.steps, **options)
            found[recipe, loss] = fit.reconstruction
            row = {"recipe": recipe, "loss": loss, **measure(values, fit.reconstruction)}
            times = [entry.seconds for entry in fit.history]
            # The fastest step of a run depends least on how busy the machine was. Tiles have no common steps, so that
            # the mean is taken.
            best = min(b - a for a, b in itertools.pairwise(times)) if recipe != "tiles" else times[-1] / a.steps
            row.update(seconds=times[-1], ms=1e3 * best)
            results.append({"sound": name, **row})
            print(
                f"{recipe:9}{loss:24}{row['mse']:10.2e}{row['snr']:6.1f} dB{row['lsd']:6.1f} dB{row['seconds']:9.1f}"
                f"{row['ms']:10.1f}",
                flush=True,
            )
        if a.out:
            a.out.mkdir(parents=True, exist_ok=True)
            (a.out / f"audio-{name}.json").write_text(json.dumps(results, indent=1))
            shown = {"original": values, **{loss: found[r, loss] for r, loss in SHOWN if (r, loss) in found}}
            plot(shown, rate, a.out / f"audio-{name}.png")


SHOWN = (("whole", "MSE"), ("whole", f"MSE + {objectives.STFT_WEIGHT:g} STFT"))


def candidates(
    channels: int, omega_0: float, *, tune: bool, recipes: Sequence[str]
) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (recipe, loss, options of `fit_signal`) for every run."""
    losses: dict[str, Any] = {"MSE": "mse"}
    if not tune:
        for alpha in ALPHAS:
            losses[f"MSE_tot, α = {alpha:g}"] = functools.partial(objectives.spectrum, alpha=alpha)
        if channels > 1:
            losses["MSE_tot as published"] = functools.partial(objectives.spectrum, as_published=True)
    for weight in (*WEIGHTS, 1e-2) if tune else WEIGHTS:
        losses[f"MSE + {weight:g} STFT"] = functools.partial(objectives.stft, weight=weight)
    runs = [
        (recipe, loss, {"recipe": recipe, "objective": objective, "omega_0": omega_0})
        for recipe in ("whole", "paper")
        if recipe in recipes
        for loss, objective in losses.items()
    ]
    alone: dict[str, dict[str, Any]] = {"batches": {"omega_0": omega_0}, "tiles": {"tiles": True}}
    return runs + [(recipe, "MSE", options) for recipe, options in alone.items() if recipe in recipes]


def piece(path: Path, samples: int, *, at: float) -> tuple[torch.Tensor, int, float]:
    """Return ``samples`` samples (C, T) around the share ``at`` of a sound, the sampling rate in Hz, and ω0.

    The samples are divided by their largest magnitude.
    """
    file = io.read_audio(path)
    whole = torch.from_numpy(np.asarray(file.samples, dtype=np.float64).reshape(len(file.samples), -1).T)
    start = max(0, int(at * whole.shape[1]) - samples // 2)
    values = whole[:, start : start + samples].float()
    values = values / values.abs().max().clamp_min(1e-12)
    # ω0 counts per unit of coordinate: a part of the sound reaches as many hertz with that part of ω0.
    return values, file.sample_rate, omega.omega_r(file.sample_rate) * values.shape[1] / whole.shape[1]


def synthetic(samples: int, rate: int = 16000) -> torch.Tensor:
    """Make a sound (1, T) of two chirps, soft noise and clicks."""
    generator = torch.Generator().manual_seed(0)
    t = torch.arange(samples) / rate
    length = samples / rate
    up = torch.sin(2 * math.pi * (200 * t + 1400 * t.square() / (2 * length)))
    down = torch.sin(2 * math.pi * (5000 * t - 3000 * t.square() / (2 * length)))
    values = 0.5 * up + 0.1 * down + 0.01 * torch.randn(samples, generator=generator)
    values[:: samples // 7] += 0.6
    return (values / values.abs().max())[None]


def measure(target: torch.Tensor, found: torch.Tensor) -> dict[str, float]:
    """Return the MSE, the SNR in dB and the log-spectral distance in dB."""
    mse = (target - found).square().mean().item()
    snr = 10 * math.log10(target.square().mean().item() / mse)
    return {"mse": mse, "snr": snr, "lsd": log_spectral_distance(target, found)}


def log_spectral_distance(target: torch.Tensor, found: torch.Tensor) -> float:
    """Return the mean over channels and frames of √(mean over frequencies of (difference of the levels in dB)²).

    The levels are those of `levels`, cut off 80 dB below the target's loudest bin.
    """
    floor = levels(target).max() - 80
    difference = levels(target).clamp_min(floor) - levels(found).clamp_min(floor)
    return difference.square().mean(1).sqrt().mean().item()


def levels(values: torch.Tensor) -> torch.Tensor:
    """Return 20·log10 |STFT| of (C, T), of shape (C, frequencies, frames).

    The window is Hann's of `WINDOW` samples, or of the whole sound if that is shorter; the hop is a quarter of it.
    """
    window = min(WINDOW, values.shape[1])
    shape = torch.hann_window(window, dtype=torch.float64)
    found = torch.stft(values.double(), window, hop_length=max(1, window // 4), window=shape, return_complex=True)
    return 20 * found.abs().clamp_min(1e-12).log10()


def plot(sounds: dict[str, torch.Tensor], rate: int, path: Path) -> None:
    """Plot spectrograms of the first channel side by side, on one scale of 80 dB."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(sounds), figsize=(3.4 * len(sounds), 3.0), sharey=True, layout="constrained")
    top = max(float(levels(values[:1]).max()) for values in sounds.values())
    for axis, (name, values) in zip(np.atleast_1d(axes), sounds.items(), strict=True):
        extent = (0, 1e3 * values.shape[1] / rate, 0, rate / 2e3)
        picture = levels(values[:1])[0].numpy()
        drawn = axis.imshow(picture, origin="lower", aspect="auto", extent=extent, vmin=top - 80, vmax=top)
        axis.set(title=name, xlabel="ms")
    np.atleast_1d(axes)[0].set_ylabel("kHz")
    figure.colorbar(drawn, ax=axes, label="dB")
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main()
