"""Sounds for the page: a network learns one, and both are heard and seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from siren_sr import fit_signal, io
from siren_sr import omega as rules
from siren_sr.demo import pictures, words
from siren_sr.demo.desk import Job


@dataclass(frozen=True)
class Learned:
    """What the page shows: files of the sound before and after and of their spectrograms, the network, and texts."""

    sounds: tuple[str, str]
    spectrograms: tuple[str, str]
    network: str
    found: dict[str, str]
    text: str


def work(path: str, job: Job, *, seconds: float, steps: int | None) -> Learned:
    """Let a network learn the beginning of a sound.

    Args:
        path: A sound file.
        job: The job that this is.
        seconds: How much of it.
        steps: Number of steps (default: the recipe's).
    """
    sound = io.read_audio(path)
    rate = sound.sample_rate
    samples = sound.samples[: max(1, round(seconds * rate))]
    before = _floats(samples)
    fit = fit_signal(samples, sample_rate=rate, steps=steps, callback=job.callback)
    after = _floats(np.asarray(fit.reconstruction))
    network = str(job.folder / f"{Path(path).stem[:80]}.safetensors")
    fit.save(network)
    names = ("before", "after")
    found = {
        "Sound": f"{len(samples) / rate:.2f} s of {rate} Hz, {before.shape[0]} channel{'s' * (before.shape[0] > 1)}",
        "ω_r of the paper": f"{rules.omega_r(rate):.0f}",
        **words.of_network(fit),
    }
    first, second = (_played(job.folder / f"{n}.wav", x, rate) for n, x in zip(names, (before, after), strict=True))
    drawn = [
        pictures.show(job.folder / f"{n}.png", pictures.spectrogram(x))
        for n, x in zip(names, (before, after), strict=True)
    ]
    text = f"The network gives the sound back with {fit.psnr:.1f} dB."
    return Learned((first, second), (drawn[0], drawn[1]), network, found, f"{words.LATE} {text}" if job.late else text)


def _floats(samples: np.ndarray) -> Tensor:
    """Samples (T,) or (T, C) as (C, T) with a full scale of 1."""
    full = float(np.iinfo(samples.dtype).max) + 1 if samples.dtype.kind == "i" else 1.0
    values = torch.from_numpy(samples.astype(np.float32)) / full
    return values[None] if values.ndim == 1 else values.T


def _played(path: Path, values: Tensor, rate: int) -> str:
    """Write a sound (C, T) as every browser plays it."""
    levels = (values * 32768).round().clamp(-32768, 32767).to(torch.int16)
    io.write_audio(path, np.ascontiguousarray(levels.T.numpy()), rate)
    return str(path)
