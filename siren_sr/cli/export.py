"""``siren-sr export``: a fit for programs that have neither this library nor PyTorch."""

from __future__ import annotations

import argparse
from typing import Any

from siren_sr import Fit, export
from siren_sr.cli.arguments import command, file_name
from siren_sr.cli.output import add_no_clobber, check_output, writing


def add(commands: Any) -> None:
    """Add the command."""
    p = command(commands, "export", run, "write a fitted network for other programs", "photo.safetensors photo.onnx")
    p.add_argument("input", metavar="FIT", type=file_name, help=".safetensors file of fit")
    p.add_argument(
        "output",
        metavar="OUT",
        type=file_name,
        help=".onnx: a model that maps coordinates in [-1, 1] to values; .html: a page to zoom into",
    )
    add_no_clobber(p)


def run(a: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    check_output(a, a.input)
    export.check_export_path(a.output)
    fit = Fit.load(a.input)
    with writing(a):
        export.export(fit, a.output)
    return 0
