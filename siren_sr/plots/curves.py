"""Curves: how a training went, and what frequencies a signal and its network hold."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from siren_sr import arguments
from siren_sr.fitting.fit import Fit
from siren_sr.plots.pictures import levels
from siren_sr.plots.style import axes_of, figure, grid, legend

LARGEST = 1024  # pixels of a side whose spectrum is taken; of larger pictures this is done with the middle
WINDOW = 2048  # samples of the windows of a sound's spectrum
FLOOR = 1e-12  # power below which a spectrum is rounding


def history(fits: Mapping[str, Fit] | Fit, *, against: Literal["seconds", "step"] = "seconds") -> Any:
    """Draw the PSNR along the training, with one curve per fit.

    Args:
        fits: A fit, or fits by name.
        against: Quantity of the horizontal axis, "seconds" or "step".

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        TypeError: No fits.
        ValueError: ``against`` is unknown.
        ImportError: Matplotlib is not installed.
    """
    if not isinstance(against, str) or against not in ("seconds", "step"):
        raise ValueError(f'against={against!r} is unknown: use "seconds" or "step"')
    fits = {"fit": fits} if isinstance(fits, Fit) else fits
    if not isinstance(fits, Mapping) or not fits or not all(isinstance(fit, Fit) for fit in fits.values()):
        raise TypeError(f"fits must be a Fit, or a dict of at least one by name, got {type(fits).__name__}")
    made, axes = grid(1, 1, width=6, height=4)
    draw_history(axes[0], fits, against)
    return made


def draw_history(axis: Any, fits: Mapping[str, Fit], against: str) -> None:
    """Draw what `history` returns into an axis."""
    for name, fit in fits.items():
        points = [(getattr(e, against), e.psnr) for e in fit.history if math.isfinite(e.psnr)]
        axis.plot(*zip(*points, strict=True) if points else ([], []), label=name)
    axis.set_xlabel({"seconds": "seconds", "step": "steps"}[against])
    axis.set_ylabel("PSNR in dB")
    axis.grid(alpha=0.3)
    legend(axis)


def spectra(signals: Mapping[str, Any], *, sample_rate: float | None = None) -> Any:
    """Draw the power spectra of pictures of one scene, or of sounds, with one curve for each.

    Of a picture it is the mean power of a Fourier coefficient at the distance of its frequency from 0, in cycles along
    the longer side, so that pictures of different sizes can be compared. Of a sound it is the mean over windows.

    Args:
        signals: By name, pictures as for `comparison`; or sounds, arrays (T[, C]), with ``sample_rate``.
        sample_rate: In Hz, of sounds.

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        TypeError: ``signals`` is no dict of at least one, or holds something else.
        ValueError: ``sample_rate`` is not positive, or a sound is no array (T[, C]) of numbers.
        ImportError: Matplotlib is not installed.
    """
    made = figure(6, 4)
    (axis,) = axes_of(made, 1, 1)
    if sample_rate is None:
        draw_spectra(axis, {name: picture_spectrum(one) for name, one in levels(signals).items()}, "cycles per side")
        return made
    rate = arguments.positive("sample_rate", sample_rate)
    if not isinstance(signals, Mapping) or not signals:
        raise TypeError(f"signals must be a dict of at least one sound by name, got {type(signals).__name__}")
    draw_spectra(axis, {name: sound_spectrum(_samples(name, one), rate) for name, one in signals.items()}, "Hz")
    return made


def _samples(name: str, sound: Any) -> np.ndarray:
    array = np.asarray(sound)
    if array.dtype.kind not in "iuf" or array.ndim not in (1, 2) or not array.size:
        raise ValueError(f"the sound {name!r} must be an array (T[, C]) of numbers, got {array.dtype} {array.shape}")
    return array.reshape(len(array), -1)


def draw_spectra(axis: Any, found: Mapping[str, tuple[np.ndarray, np.ndarray]], unit: str) -> None:
    """Draw spectra, pairs (frequencies, power) by name, into an axis."""
    most = max((float(power.max()) for _, power in found.values() if power.size), default=0.0) or 1.0
    for style, (name, (frequencies, power)) in zip(
        itertools.cycle(("-", "--", "-.", ":")), found.items(), strict=False
    ):
        axis.plot(frequencies, 10 * np.log10(np.maximum(power / most, FLOOR)), style, label=name, linewidth=1.2)
    axis.set_xscale("log")
    axis.set_xlabel(f"frequency in {unit}")
    axis.set_ylabel("power in dB")
    axis.grid(alpha=0.3)
    legend(axis)


def picture_spectrum(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies in cycles along a picture's longer side, and the mean power of a coefficient there."""
    height, width = picture.shape[:2]
    share = max(height, width) / min(LARGEST, max(height, width))
    top, left = max(0, (height - LARGEST) // 2), max(0, (width - LARGEST) // 2)
    part = picture[top : top + LARGEST, left : left + LARGEST].mean(2).astype(np.float64)
    rows, columns = part.shape
    window = np.outer(np.hanning(rows + 2)[1:-1], np.hanning(columns + 2)[1:-1])
    window /= math.sqrt(float(np.square(window).mean()))
    power = np.square(np.abs(np.fft.fft2((part - part.mean()) * window) / part.size))
    longer = max(rows, columns)
    radius = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.fftfreq(columns)) * longer
    ring = np.rint(radius).astype(int)
    inside = (ring >= 1) & (ring <= longer // 2)
    count = np.bincount(ring[inside], minlength=2)
    total = np.bincount(ring[inside], power[inside], minlength=2)
    found = np.flatnonzero(count)
    return found * share, total[found] / count[found]


def sound_spectrum(samples: np.ndarray, sample_rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies in Hz and the mean power there over windows and channels of a sound (T, C), 0 Hz left out."""
    length = min(WINDOW, len(samples))
    starts = range(0, len(samples) - length + 1, max(1, length // 2))
    window, power = np.hanning(length + 2)[1:-1, None], np.zeros(length // 2 + 1)
    for start in starts:
        frame = samples[start : start + length].astype(np.float64)
        power += np.square(np.abs(np.fft.rfft((frame - frame.mean(0)) * window, axis=0))).mean(1)
    return np.fft.rfftfreq(length, 1 / sample_rate)[1:], power[1:] / len(starts)
