"""The command ``siren-sr``: every task on files, one file per command, its arguments beside what it does.

Exit codes: 0 done, 1 failed (one line on stderr says why), 2 wrong usage, 130 interrupted with Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from siren_sr.cli import fit, omega, poisson, render, reproduce, super_resolve
from siren_sr.cli.arguments import PROGRAM
from siren_sr.cli.progress import say

COMMANDS = (super_resolve, fit, render, poisson, omega, reproduce)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # ω on a terminal that has none must not be an error
            stream.reconfigure(errors="replace")
    arguments = build_parser().parse_args(argv)
    try:
        return arguments.run(arguments)
    except KeyboardInterrupt:
        return say("interrupted; nothing was written", 130)
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except (
        ValueError,
        TypeError,
        OSError,
        EOFError,
        ArithmeticError,
        MemoryError,
        RuntimeError,
        ImportError,
    ) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, MemoryError) or any(t in text.lower() for t in ("out of memory", "allocate memory")):
            text = f"not enough memory ({text[:200]}): use a smaller image, scale or network"
        return say(f"error: {text}", 1)


def build_parser() -> argparse.ArgumentParser:
    """The parser of ``siren-sr``."""
    from siren_sr import __version__

    parser = argparse.ArgumentParser(PROGRAM, description="Sinusoidal representation networks for images and audio.")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add(commands)
    return parser
