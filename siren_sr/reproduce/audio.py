"""Reproduce the audio fitting of Table 3."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from siren_sr import fit_signal, io, omega
from siren_sr.fitting import task
from siren_sr.reproduce.report import Report, Setup, Table, mean_and_std, versions
from siren_sr.training import objectives

SOUNDS = {"Bach": "gt_bach.wav", "Counting": "gt_counting.wav", "Movie": "gt_movie.wav"}
OMEGA = 3000.0  # the ω0 of Sitzmann et al. for sounds
PUBLISHED = {
    "ReLU": (2.42e-2, 7.40e-3, 6.84e-2),
    "SIREN ω0 = 3000": (5.40e-4, 1.06e-3, 1.41e-2),
    "SIREN ω_r": (3.80e-4, 7.00e-4, 8.36e-3),
    "SIREN ω_r, MSE_tot": (2.40e-4, 6.40e-4, 8.62e-3),
}


def table3(setup: Setup) -> Report:
    """Compare ReLU with SIREN at ω0 = 3000, at ω_r, and at ω_r with the loss of equation (6), by the mean of 5 runs."""
    steps, runs = setup.steps(500, 60), setup.choose(5, 1)
    longest = setup.choose(None, 1 << 13)
    spectrum = functools.partial(objectives.spectrum, as_published=setup.as_published)
    methods: dict[str, dict[str, Any]] = {
        "ReLU": {"activation": "relu", "omega_0": 30.0},
        "SIREN ω0 = 3000": {"omega_0": OMEGA},
        "SIREN ω_r": {"omega_0": None},
        "SIREN ω_r, MSE_tot": {"omega_0": None, "objective": spectrum},
    }
    found: dict[str, list[float]] = {m: [] for m in methods}
    curves: dict[str, list[list[float]]] = {m: [] for m in methods}
    for sound in SOUNDS:
        samples, rate = _read(setup, sound)
        layers = task.audio_hidden_layers(len(samples), samples.shape[1])
        share = len(samples[:longest]) / len(samples)
        samples = samples[:longest]
        for method, options in methods.items():
            if options.get("activation") != "relu":
                # ω0 counts per unit of coordinate: a part of the sound reaches as many hertz with that part of ω0.
                options = {**options, "omega_0": share * (options["omega_0"] or omega.omega_r(rate))}
            errors = []
            for run in range(runs):
                fit = fit_signal(
                    samples,
                    sample_rate=rate,
                    hidden_layers=layers,
                    recipe="published" if setup.as_published else "paper",
                    steps=steps,
                    tiles=False,
                    align_corners=setup.as_published,
                    generator=setup.generator(run),
                    device=setup.device,
                    callback=setup.watch,
                    **options,
                )
                errors.append(4 * 10 ** (-fit.psnr / 10))
                setup.tell(f"{sound}, {method}, run {run + 1}: {errors[-1]:.2e}, {fit.history[-1].seconds:.0f} s")
                if run == 0:
                    curves[method].append([e.psnr for e in fit.history])
            found[method].append(mean_and_std(errors)[0])
    rows = tuple(
        (method, tuple(cell for pair in zip(found[method], PUBLISHED[method], strict=True) for cell in pair))
        for method in methods
    )
    columns = ("network", *(c for sound in SOUNDS for c in (sound, "paper")))
    notes = ["Mean squared error of amplitudes divided by their largest; the same in both conventions for mono sounds."]
    if setup.quick:
        notes.insert(
            0,
            f"The first {longest} samples of each sound, {steps} epochs, one run, ω0 in proportion: the order tells.",
        )
    settings = {"epochs": steps, "runs": runs, "samples": longest or "all", **versions(setup)}
    table = Table("Mean squared error", columns, rows)
    return Report("Table 3: audio fitting", (table,), tuple(notes), settings, lambda: _curves(curves))


def _read(setup: Setup, sound: str) -> tuple[np.ndarray, int]:
    """Return the samples (T, C) of a sound, and its sampling rate in Hz."""
    if setup.data is None:
        raise ValueError(f"this experiment needs sounds: give the folder with {', '.join(SOUNDS.values())} as --data")
    path = setup.data / SOUNDS[sound]
    if not path.is_file():
        raise FileNotFoundError(
            f"{path.name} is missing in {setup.data}: Bach and Counting are those of the original SIREN repository "
            "(vsitzmann/siren, folder data), Movie is soundbible.com's 1676"
        )
    file = io.read_audio(path)
    return file.samples.reshape(len(file.samples), -1), file.sample_rate


def _curves(curves: dict[str, list[list[float]]]) -> Any:
    from siren_sr.plots import grid

    figure, axes = grid(1, len(SOUNDS), width=4.0 * len(SOUNDS), height=3.5)
    for i, (axis, sound) in enumerate(zip(axes, SOUNDS, strict=True)):
        for method, by_sound in curves.items():
            axis.plot(by_sound[i], label=method)
        axis.set_title(sound)
        axis.set_xlabel("epochs")
    axes[0].set_ylabel("PSNR in dB")
    axes[0].legend(fontsize=8)
    return figure
