"""Everything on one page: of a fit, and of an image that was enlarged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from siren_sr.fitting.fit import Fit
from siren_sr.grids import resampling
from siren_sr.plots import pictures
from siren_sr.plots.curves import draw_history, draw_spectra, picture_spectrum, sound_spectrum
from siren_sr.plots.style import ERRORS, OKABE_ITO, SMALL, USUAL, axes_of, figure
from siren_sr.plots.units import draw_histograms, of_fit
from siren_sr.signals import Origin, as_signal, to_unit
from siren_sr.signals.orientation import turn_upright
from siren_sr.training.spectrogram import decibels

CURVES, UNITS = 2.8, 2.6  # inches of the parts below the pictures
SAMPLES = 1 << 20  # the most samples of a sound that are drawn
COLUMNS = 1200  # of a waveform
WINDOW = 1024  # samples of the windows of a spectrogram


def summary(fit: Fit, signal: Any = None) -> Any:
    """Draw a fit: what the network shows beside the signal, their spectra, the training, and what the units do.

    Args:
        fit: The fit of an image or a sound.
        signal: What it was fitted to, as it was given to the task, or an original to compare with. Without it the
            network is shown alone.

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        TypeError: ``fit`` is no `Fit`, or the signal is of a kind that is not supported.
        ValueError: The fit is that of a volume, or the signal has another shape.
        OSError: The signal is a file that cannot be read.
        ImportError: Matplotlib is not installed.
    """
    if not isinstance(fit, Fit):
        raise TypeError(f"fit must be a Fit, got {type(fit).__name__}")
    if len(fit.shape) > 2:
        raise ValueError("summary draws images and sounds: draw slices of a volume with plots.images")
    shown = {"network": _shown(fit)}
    if signal is not None:
        given = as_signal(signal, sample_rate=fit.origin.sample_rate, dims=len(fit.shape))
        if given.shape != fit.shape or len(given.values) != fit.model.out_features:
            raise ValueError(
                f"the signal must be that of the fit, of shape {fit.shape} with {fit.model.out_features} channel(s), "
                f"got {given.shape} with {len(given.values)}"
            )
        low, high = _range(given.origin)
        shown = {"given": low + to_unit(given.values).detach().cpu().float() * (high - low), **shown}
    layers = of_fit(fit)
    return _image(fit, shown, layers) if len(fit.shape) == 2 else _sound(fit, shown, layers)


def enlargement(image: Any, result: Any, *, reference: Any = None, crops: int = 3) -> Any:
    """Draw an image, its bicubic enlargement and a better one, with crops, and their spectra.

    Args:
        image: The image that was enlarged, as `siren_sr.super_resolve` takes it.
        result: What became of it, of the same kind.
        reference: The true image of the size of the result, if it is known: errors and PSNR are then drawn, too.
        crops: Number of crops, 0 to 8.

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        TypeError: One of the images is of a kind that is not supported.
        ValueError: The result is smaller than the image, the reference is of another size than the result, or
            there are too many crops.
        OSError: One of the images is a file that cannot be read.
        ImportError: Matplotlib is not installed.
    """
    given, found = (_picture(one) for one in (image, result))
    size = (found.shape[1], found.shape[2])
    if size[0] < given.shape[1] or size[1] < given.shape[2]:
        raise ValueError(f"the result must not be smaller than the image, got {size} for {tuple(given.shape[1:])}")
    bicubic = resampling.resize(given, size).clamp(0, 1)
    named = {"given": given, "bicubic": bicubic, "siren_sr": found}
    if reference is not None:
        true = _picture(reference)
        if true.shape != found.shape:
            raise ValueError(f"the reference must be like the result, {tuple(found.shape)}, got {tuple(true.shape)}")
        named["true"] = true
    seen, known = pictures.levels(named), "true" if reference is not None else None
    width, height = pictures.size_of(seen, crops, known)
    made = figure(max(width, 6.0), height + CURVES)
    above, below = made.subfigures(2, 1, height_ratios=(height, CURVES))
    pictures.draw(above, seen, reference=known, crops=crops)
    (axis,) = axes_of(below, 1, 1)
    draw_spectra(axis, {name: picture_spectrum(one) for name, one in seen.items()}, "cycles per side")
    return made


def _picture(image: Any) -> Tensor:
    """An image as it is seen, (C, H, W) in [0, 1] where its type's usual range is that; alpha is shown on white."""
    data = as_signal(image, dims=2)
    values = data.unit.detach().cpu().float()
    turned = getattr(data.origin.info, "orientation", 1)
    values = turn_upright(values, turned) if turned != 1 else values
    if data.has_alpha:
        return values[:-1] * values[-1:] + (1 - values[-1:])
    return _visible(values)


def _visible(values: Tensor) -> Tensor:
    """Of many channels as many as can be seen."""
    return values if len(values) in (1, 3) else values[: 3 if len(values) > 3 else 1]


def _shown(fit: Fit) -> Tensor:
    """What the network shows on its own grid, (C, *grid) floats, in [0, 1] where that is the data's usual range."""
    low, high = _range(fit.origin)
    unit = Origin("tensor", "float32", True, len(fit.shape), low=low, high=high)
    return replace(fit, origin=unit).reconstruction.cpu()


def _range(origin: Origin) -> tuple[float, float]:
    """What the network's -1 and 1 are where the usual range of an image is [0, 1], and of a sound [-1, 1]."""
    floating = origin.dtype.startswith(("float", "bfloat"))
    full = origin.full
    if origin.sample_rate is not None and not floating:
        full = float(torch.iinfo(getattr(torch, origin.dtype)).max)
    return origin.low / full, origin.high / full


def _image(fit: Fit, shown: dict[str, Tensor], layers: Any) -> Any:
    known = "given" if "given" in shown else None
    seen = pictures.levels({name: _visible(values) for name, values in shown.items()})
    crops = 2
    width, height = pictures.size_of(seen, crops, known)
    made = figure(max(7.0, width), height + CURVES + UNITS * bool(layers))
    parts = made.subfigures(2 + bool(layers), 1, height_ratios=(height, CURVES, *[UNITS] * bool(layers)))
    pictures.draw(parts[0], seen, reference=known, crops=crops)
    spectra = {name: picture_spectrum(one) for name, one in seen.items()}
    _below(parts[1:], fit, spectra, "cycles per side", layers)
    return made


def _sound(fit: Fit, shown: dict[str, Tensor], layers: Any) -> Any:
    rate = fit.origin.sample_rate or 1.0
    unit = "s" if fit.origin.sample_rate else "samples"
    sounds = {name: values[:, :SAMPLES].mean(0) for name, values in shown.items()}
    if "given" in sounds:
        sounds["error"] = sounds["network"] - sounds["given"]
    height = 3.6
    made = figure(max(7.0, 3.2 * len(sounds)), height + CURVES + UNITS * bool(layers))
    parts = made.subfigures(2 + bool(layers), 1, height_ratios=(height, CURVES, *[UNITS] * bool(layers)))
    axes = axes_of(parts[0], 2, len(sounds))
    loudest = max(float(values.abs().max()) for values in sounds.values()) or 1.0
    images = {
        name: decibels(values, window=WINDOW, hop=len(values) // COLUMNS).numpy() for name, values in sounds.items()
    }
    top = max(float(image.max()) for image in images.values())
    for i, (name, values) in enumerate(sounds.items()):
        seconds = len(values) / rate
        _waveform(axes[i], values, seconds)
        axes[i].set_ylim(-1.05 * loudest, 1.05 * loudest)
        axes[i].set_title(name, fontsize=USUAL)
        below = axes[len(sounds) + i]
        extent = (0.0, seconds, 0.0, rate / 2)
        below.imshow(images[name], cmap=ERRORS, vmin=top - 90, vmax=top, origin="lower", aspect="auto", extent=extent)
        below.set_xlabel(f"time in {unit}")
    axes[len(sounds)].set_ylabel("Hz" if fit.origin.sample_rate else "cycles per sample")
    spectra = {n: sound_spectrum(values.numpy().T, rate) for n, values in shown.items()}
    _below(parts[1:], fit, spectra, "Hz" if fit.origin.sample_rate else "cycles per sample", layers)
    return made


def _below(parts: Any, fit: Fit, spectra: Any, unit: str, layers: Any) -> None:
    """Spectra and training side by side, and below them what the units do."""
    left, right = axes_of(parts[0], 1, 2)
    draw_spectra(left, spectra, unit)
    left.set_title("spectrum", fontsize=USUAL)
    draw_history(right, {f"end: {fit.psnr:.2f} dB": fit}, "step")
    right.set_title("training", fontsize=USUAL)
    if fit.made.get("task") == "solve_poisson":
        right.set_ylabel("PSNR of the derivatives in dB")
    if layers:
        parts[1].suptitle("units before and after their activation", fontsize=SMALL)
        draw_histograms(parts[1], layers)


def _waveform(axis: Any, values: Tensor, seconds: float) -> None:
    """A sound as the band between the least and the largest sample of every column."""
    step = max(1, -(-len(values) // COLUMNS))
    whole = len(values) // step * step
    columns = values[:whole].reshape(-1, step).numpy()
    times = (np.arange(len(columns)) + 0.5) * (seconds * whole / len(values) / len(columns))
    if step == 1:
        axis.plot(times, columns[:, 0], color=OKABE_ITO[0], linewidth=0.8)
    else:
        axis.fill_between(times, columns.min(1), columns.max(1), color=OKABE_ITO[0], linewidth=0)
