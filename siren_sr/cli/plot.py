"""``--plot FILE``: a figure of what a command did; what speaks against it is found before the work."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Callable
from typing import Any

from siren_sr import io
from siren_sr.cli.arguments import file_name
from siren_sr.cli.output import check_free, writing

DPI = 110


def add_plot(parser: Any, text: str) -> None:
    """Add ``--plot``; ``text`` says what is drawn."""
    parser.add_argument("--plot", metavar="FILE", type=file_name, help=f"draw {text} (.png, .pdf, .svg, ...)")


def check_plot(a: argparse.Namespace, *others: str) -> None:
    """Raise, before the work, what speaks against writing the figure.

    Args:
        a: The command's arguments.
        *others: The files that are read and written.

    Raises:
        ImportError: Matplotlib is not installed.
        ValueError: It draws no such files, or the figure would replace one of the others.
        FileExistsError: It exists, and ``--no-clobber`` was given.
        OSError: The folder is missing or cannot be written.
    """
    if a.plot is None:
        return
    from siren_sr import plots

    made, _ = plots.grid(1, 1)
    known = made.canvas.get_supported_filetypes()
    if _kind(a.plot) not in known:
        names = ", ".join(f".{name}" for name in sorted(known))
        raise ValueError(f"--plot {a.plot}: no figure can have this extension, use one of {names}")
    for name in others:
        same = os.path.abspath(name) == os.path.abspath(a.plot)
        with contextlib.suppress(OSError):  # one of the two is not there
            same = same or os.path.samefile(name, a.plot)
        if same:
            raise ValueError(f"--plot {a.plot}: this file is read or written already, give the figure another name")
    if getattr(a, "no_clobber", False):
        check_free(a, a.plot)
    io.check_folder(a.plot)


def write_plot(a: argparse.Namespace, draw: Callable[[], Any]) -> None:
    """Write the figure that a function draws, whole or not at all, if it was asked for."""
    if a.plot is None:
        return
    figure = draw()
    a.no_clobber = getattr(a, "no_clobber", False)
    with writing(a, a.plot):
        io.atomic_write(a.plot, lambda file: figure.savefig(file, format=_kind(a.plot), dpi=DPI))


def _kind(path: str) -> str:
    return os.path.splitext(path)[1].lower().removeprefix(".")
