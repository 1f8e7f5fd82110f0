"""``siren-sr fit``: represent an image or a sound by a network."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from siren_sr import fit_signal, io, plots
from siren_sr.cli.arguments import (
    add_option,
    add_training,
    checkpoint,
    command,
    drop_checkpoint,
    file_name,
    number_or_name,
    one_or_more,
    seeded,
)
from siren_sr.cli.found import of_the_signal, trained
from siren_sr.cli.interruption import INTERRUPTION
from siren_sr.cli.output import (
    STREAM,
    add_json,
    add_output,
    check_output,
    given,
    metadata,
    show_json,
    target,
    writing,
)
from siren_sr.cli.plot import add_plot, check_plot, write_plot
from siren_sr.cli.progress import Training
from siren_sr.cli.screen import one_line, out, say, tell
from siren_sr.fitting.fit import check_save_path
from siren_sr.fitting.options import FitOptions
from siren_sr.signals import as_signal


def add(commands: Any) -> None:
    """Add the command."""
    usual = ("--omega", "--hidden-features", "--hidden-layers", "--steps", "--json", "--quiet")
    text = "represent an image or a sound by a network"
    p = command(commands, "fit", run, text, "photo.png photo.safetensors", usual)
    p.add_argument("input", metavar="IN", type=file_name, help="image or audio file, or - for the standard input")
    add_output(p, "the network, .safetensors or - for stdout, which also holds the image's EXIF (GPS position) and XMP")
    add_json(p)
    add_option(p, FitOptions, "omega_0", flag="--omega", dest="omega", default="what this training learns best")
    add_option(p, FitOptions, "hidden_features", type=int, metavar="N")
    add_option(p, FitOptions, "hidden_layers", type=int, metavar="N", default="2, audio by length")
    add_option(p, FitOptions, "activation", choices=["sine", "relu"])
    add_option(p, FitOptions, "objective")
    add_option(p, FitOptions, "recipe", default="by the objective")
    add_option(p, FitOptions, "precision")
    add_option(p, FitOptions, "tiles", action=argparse.BooleanOptionalAction, default="by size")
    add_option(p, FitOptions, "boundary", type=one_or_more, metavar="mirror|wrap")
    add_training(p, FitOptions)
    add_plot(p, "signal, network, error, spectra, training and units")


def run(a: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    check_save_path(target(a))
    check_output(a, a.input)
    check_plot(a, a.input, a.output)
    data = io.read_stream(given(a.input))
    if a.strip and isinstance(data, io.AudioFile):
        raise ValueError("--strip is for images: nothing but the network is written for a sound")
    with Training(quiet=a.quiet) as training:
        fit = fit_signal(
            data,
            omega_0=None if a.omega is None else number_or_name(a.omega),
            hidden_features=a.hidden_features,
            hidden_layers=a.hidden_layers,
            activation=a.activation,
            objective=a.objective,
            precision=a.precision,
            tiles=a.tiles,
            boundary=a.boundary,
            recipe=a.recipe,
            steps=a.steps,
            generator=seeded(a.seed),
            device=a.device,
            callback=training,
            **checkpoint(a),
        )
    with writing(a):
        fit.save(target(a), **metadata(a))
    write_plot(a, lambda: plots.summary(fit, data))
    if a.json:
        told = {"input": a.input, "output": a.output, **of_the_signal(as_signal(data)), **trained(fit)}
        show_json({**told, "notes": training.notes})
    if training.stopped:
        text = f"{INTERRUPTION.text} {training.reached}; the network reached so far is in {a.output}"
        return say(text, INTERRUPTION.code)
    drop_checkpoint(a)
    # The line is for a person: it does not go where the network or the object goes.
    stream = sys.stderr if a.json or a.output == STREAM else out()
    if not (a.quiet and stream is sys.stderr):
        tell(one_line(f"{a.output}: {fit.psnr:.2f} dB, {fit.model.summary()}") + "\n", stream)
    return 0
