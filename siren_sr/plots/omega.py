"""ω0 of a signal: what every rule and measure says, and what it means."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from siren_sr import arguments
from siren_sr import omega as rules
from siren_sr.omega.tangent_kernel import remainders
from siren_sr.plots.curves import draw_spectra, picture_spectrum, sound_spectrum
from siren_sr.plots.style import OKABE_ITO, SMALL, USUAL, axes_of, figure
from siren_sr.signals import Signal, as_signal


def sweep(
    signal: Any, *, scale: float = 4.0, sample_rate: float | None = None, marks: Mapping[str, float] | None = None
) -> Any:
    """Draw how much of a signal a training is expected to leave with every ω0, and where the rules and measures lie.

    Below ω0 some frequencies of the signal are out of the first layer's reach; above, everything is learned slowly. The
    middle shows the reach itself on the signal's spectrum: the frequencies of a new first layer lie below ω0/D radians
    per unit of coordinate, which are ω0/(D·π) cycles over the signal.

    Args:
        signal: An image or a sound, as for `siren_sr.omega.choose`.
        scale: Enlargement for ω_HR of an image, >= 1.
        sample_rate: In Hz, which says that the signal is audio.
        marks: ω0 by name (default: what `siren_sr.omega` chooses, the paper's rules, and all measures).

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        TypeError: The signal is of a kind that is not supported.
        ValueError: The signal, the scale or a mark cannot be used; or it has three axes.
        ImportError: Matplotlib is not installed.
    """
    data = as_signal(signal, sample_rate=sample_rate)
    if len(data.shape) > 2:
        raise ValueError(f"sweep draws images and sounds, got a signal with {len(data.shape)} axes")
    chosen = {
        name: arguments.positive(name, value)
        for name, value in (_marks(data, scale) if marks is None else marks).items()
    }
    made = figure(11, max(3.2, 0.24 * len(chosen) + 1.0))
    left, middle, right = axes_of(made, 1, 3, gridspec_kw={"width_ratios": (1, 1, 0.9)})
    _draw_remainders(left, data, chosen)
    _draw_reach(middle, data, chosen)
    _draw_marks(right, chosen)
    return made


def _marks(data: Signal, scale: float) -> dict[str, float]:
    """What the rules and measures say, the choice and the paper's first."""
    found = {"tangent_kernel": rules.choose(data)}
    if data.origin.sample_rate is not None:
        found["ω_r (paper)"] = rules.omega_r(data.origin.sample_rate)
    elif len(data.shape) == 2:
        found["ω* (paper)"] = rules.omega_star(data)
        found[f"ω_HR ×{scale:g} (paper)"] = rules.omega_hr(data, scale)
    found |= {name: rules.choose(data, name) for name in rules.MEASURES}
    return {name: max(value, rules.MINIMUM) for name, value in found.items()}


def _first(chosen: Mapping[str, float]) -> list[tuple[str, float, str]]:
    """The marks that are drawn as lines, with their colours: the choice, and the paper's."""
    lines = [(name, value) for i, (name, value) in enumerate(chosen.items()) if i == 0 or "paper" in name]
    return [(name, value, colour) for (name, value), colour in zip(lines, OKABE_ITO[1:], strict=False)]


def _draw_remainders(axis: Any, data: Signal, chosen: Mapping[str, float]) -> None:
    highest = len(data.shape) * math.pi * max(data.shape) / 2
    updates = rules.usual_updates(math.prod(data.shape))
    tried, left = remainders(data.values / 2, updates=updates, hidden_layers=2, highest=highest)
    most = sum(left) and max(left)
    if most:
        axis.plot(tried, [10 * math.log10(max(value / most, 1e-12)) for value in left], color=OKABE_ITO[0])
    _lines(axis, chosen)
    axis.set_xscale("log")
    axis.set_xlabel("ω0")
    axis.set_ylabel("expected error in dB")
    axis.set_title(f"after {updates} updates, relative to the worst", fontsize=USUAL)
    axis.grid(alpha=0.3)


def _draw_reach(axis: Any, data: Signal, chosen: Mapping[str, float]) -> None:
    values = data.unit.detach().cpu().to(torch.float64)
    if len(data.shape) == 2:
        spectrum, per_unit = picture_spectrum(np.moveaxis(values.numpy(), 0, -1)), 1.0
        unit = "cycles per side"
    else:
        rate = data.origin.sample_rate or float(data.shape[0])
        spectrum, per_unit = sound_spectrum(values.numpy().T, rate), rate / data.shape[0]
        unit = "Hz" if data.origin.sample_rate else "cycles"
    draw_spectra(axis, {"": spectrum}, unit)
    reach = {name: value * per_unit / (math.pi * len(data.shape)) for name, value in chosen.items()}
    _lines(axis, reach)
    axis.set_title("spectrum, and the first layer's reach", fontsize=USUAL)


def _lines(axis: Any, chosen: Mapping[str, float]) -> None:
    for name, value, colour in _first(chosen):
        axis.axvline(value, color=colour, linestyle="--", label=name)
    axis.legend(fontsize=SMALL, frameon=False)


def _draw_marks(axis: Any, chosen: Mapping[str, float]) -> None:
    """Every rule and measure with its number."""
    colours = {name: colour for name, _, colour in _first(chosen)}
    for row, (name, value) in enumerate(chosen.items()):
        axis.plot([value], [row], "o", color=colours.get(name, OKABE_ITO[0]))
        axis.annotate(
            f"{value:.4g}" if value < 1000 else f"{value:.0f}",
            (value, row),
            (6, -3),
            textcoords="offset points",
            fontsize=SMALL,
        )
    axis.set_yticks(range(len(chosen)), list(chosen), fontsize=SMALL)
    axis.set_ylim(len(chosen) - 0.5, -0.5)
    axis.set_xscale("log")
    low, high = axis.get_xlim()
    axis.set_xlim(low / 1.2, high * 2)
    digits = (1, 3) if high > 20 * low else (1, 2, 5)
    ticks = [m * 10.0**k for k in range(-1, 9) for m in digits if low / 1.2 <= m * 10.0**k <= high * 2]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.set_xlabel("ω0")
    axis.grid(alpha=0.3, axis="x")
