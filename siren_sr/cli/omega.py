"""``siren-sr omega``: print ω0 for an image or a sound."""

from __future__ import annotations

import argparse
from typing import Any

from siren_sr import omega as rules
from siren_sr import plots
from siren_sr.cli.arguments import command, file_name
from siren_sr.cli.found import of_the_signal
from siren_sr.cli.output import add_json, given, show_json
from siren_sr.cli.plot import add_plot, check_plot, write_plot
from siren_sr.cli.screen import show
from siren_sr.signals import Signal, as_signal


def add(commands: Any) -> None:
    """Add the command."""
    p = command(commands, "omega", run, "print ω0 for an image or a sound", "photo.png --measure all")
    p.add_argument("input", metavar="IN", type=file_name, help="image or audio file, or - for the standard input")
    p.add_argument("--measure", help="a measure's name, or all")
    add_json(p)
    p.add_argument("--scale", type=float, default=4.0, help="scale of ω_HR (default: 4)")
    add_plot(p, "what is expected of every ω0, the spectrum, and what all rules and measures say")


def run(a: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    check_plot(a, a.input)
    data = as_signal(given(a.input))
    if a.json:
        show_json({"input": a.input, **of_the_signal(data), **_found(data, a)})
    elif a.measure is None:
        if data.origin.sample_rate is None:
            star, high = rules.omega_star(data), rules.omega_hr(data, a.scale)
            paper = f"omega_star  {star:.2f}\nomega_hr    {high:.2f}  (x{a.scale:g})"
        else:
            paper = f"omega_r     {rules.omega_r(data.origin.sample_rate):.2f}"
        show(f"choose      {rules.choose(data):.2f}\n{paper}")
    else:
        names = _measures(a)
        width = max(map(len, names))
        for name in names:
            show(f"{name:{width}}  {rules.choose(data, name):.2f}")
    write_plot(a, lambda: plots.sweep(data, scale=a.scale))
    return 0


def _measures(a: argparse.Namespace) -> list[str]:
    return [rules.TANGENT_KERNEL, *rules.MEASURES] if a.measure == "all" else [a.measure]


def _found(data: Signal, a: argparse.Namespace) -> dict[str, Any]:
    """The same numbers by their names."""
    if a.measure is not None:
        return {"measures": {name: float(rules.choose(data, name)) for name in _measures(a)}}
    rate = data.origin.sample_rate
    if rate is not None:
        return {"choose": float(rules.choose(data)), "omega_r": float(rules.omega_r(rate))}
    star, high = float(rules.omega_star(data)), float(rules.omega_hr(data, a.scale))
    return {"choose": float(rules.choose(data)), "omega_star": star, "omega_hr": high, "scale": a.scale}
