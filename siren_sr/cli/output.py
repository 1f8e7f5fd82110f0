"""The file that a command writes: its arguments, what speaks against it before the work, and the writing itself."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from typing import Any

from siren_sr.cli.arguments import file_name
from siren_sr.cli.interruption import INTERRUPTION


def add_output(parser: argparse.ArgumentParser, text: str) -> None:
    """Add OUT and what can be asked of its writing.

    Args:
        parser: Where to add it.
        text: The help of OUT.
    """
    parser.add_argument("output", metavar="OUT", type=file_name, help=text)
    add_no_clobber(parser)
    parser.add_argument(
        "--strip",
        action="store_true",
        help="leave out an image's EXIF, GPS position, XMP and texts, keep colour and orientation",
    )


def add_no_clobber(parser: argparse.ArgumentParser) -> None:
    """Add ``--no-clobber``."""
    parser.add_argument("--no-clobber", action="store_true", help="refuse to replace a file that exists")


def check_output(a: argparse.Namespace, *inputs: str) -> None:
    """Raise, before the work, what speaks against writing OUT whatever it is to hold.

    Args:
        a: The command's arguments.
        *inputs: The files that are read.

    Raises:
        FileExistsError: It exists, and ``--no-clobber`` was given.
        ValueError: It is an input.
    """
    check_free(a, a.output)
    for name in inputs:
        with contextlib.suppress(OSError):  # one of the two is not there
            if os.path.samefile(name, a.output):
                raise ValueError(f"{a.output} is the input, which would be lost: give the result another name")


def check_free(a: argparse.Namespace, *paths: str | os.PathLike[str]) -> None:
    """Raise FileExistsError if one of these files exists and ``--no-clobber`` was given."""
    for path in paths if a.no_clobber else ():
        if os.path.lexists(path):
            raise FileExistsError(f"{os.fspath(path)} exists, and --no-clobber was given: give another name")


@contextlib.contextmanager
def writing(a: argparse.Namespace, *paths: str | os.PathLike[str]) -> Iterator[None]:
    """Write the result inside this context: the first signal waits until it is written.

    Args:
        a: The command's arguments.
        *paths: The files that are written (default: OUT).

    Raises:
        FileExistsError: One of them has come into being since the work began, and ``--no-clobber`` was given.
    """
    paths = paths or (a.output,)
    INTERRUPTION.keep()
    check_free(a, *paths)
    a.writing = " and ".join(str(path) for path in paths)
    yield


def metadata(a: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `io.write_image` and `Fit.save` that ``--strip`` asks for."""
    return {"metadata": "strip"} if a.strip else {}
