"""The files that a command reads and writes: their arguments, what speaks against OUT before the work, and the writing.

The name ``-`` stands for the standard input or the standard output.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from siren_sr.cli import screen
from siren_sr.cli.arguments import file_name
from siren_sr.cli.interruption import INTERRUPTION

STREAM = "-"
LOSSY = ("JPEG", "WEBP", "AVIF", "JPEG XL")  # the formats that have a quality


def add_output(parser: argparse.ArgumentParser, text: str, *, images: bool = False) -> None:
    """Add OUT and what can be asked of its writing.

    Args:
        parser: Where to add it.
        text: The help of OUT.
        images: Whether OUT is an image file.
    """
    parser.add_argument("output", metavar="OUT", type=file_name, help=text)
    add_no_clobber(parser)
    parser.add_argument(
        "--strip",
        action="store_true",
        help="leave out an image's EXIF, GPS position, XMP and texts, keep colour and orientation",
    )
    if images:
        parser.add_argument(
            "--jpeg-quality", type=int, metavar="Q", help="of lossy formats, 1 to 100 (95 if not given)"
        )


def add_format(parser: argparse.ArgumentParser, default: str) -> None:
    """Add ``--format``, for an OUT that has no name."""
    parser.add_argument("--format", metavar="EXT", help=f"of OUT where that is -, such as png (default: {default})")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print what was found and measured as one JSON object")


def add_no_clobber(parser: argparse.ArgumentParser) -> None:
    """Add ``--no-clobber``."""
    parser.add_argument("--no-clobber", action="store_true", help="refuse to replace a file that exists")


def given(name: str) -> Any:
    """What a file is read from: its name, or the standard input.

    Raises:
        OSError: The standard input is closed, or a terminal.
    """
    if name != STREAM:
        return name
    if sys.stdin is None or sys.stdin.closed:
        raise OSError("cannot read the standard input: it is closed")
    if sys.stdin.isatty():
        raise OSError("the standard input is a terminal: pipe a file into it, or give a file's name instead of -")
    return sys.stdin.buffer


def target(a: argparse.Namespace) -> Any:
    """What OUT is written to: its name, or the standard output.

    Raises:
        OSError: The standard output is closed.
    """
    if a.output != STREAM:
        return a.output
    stream = screen.out()
    if stream is None:
        raise OSError("cannot write to the standard output: it is closed")
    return stream.buffer


def check_output(a: argparse.Namespace, *inputs: str) -> None:
    """Raise, before the work, what speaks against writing OUT whatever it is to hold.

    Args:
        a: The command's arguments.
        *inputs: The files that are read.

    Raises:
        FileExistsError: It exists, and ``--no-clobber`` was given.
        ValueError: It is an input, or is to share the standard output.
        OSError: It is a terminal.
    """
    if a.output == STREAM:
        if getattr(a, "json", False):
            raise ValueError("OUT and --json both want the standard output: give OUT a name")
        if target(a).isatty():
            raise OSError("the standard output is a terminal: give OUT a name, or pipe it into a file or a program")
        return
    if getattr(a, "format", None) is not None:
        raise ValueError(f"--format {a.format}: the extension of {a.output} says the format; it is for OUT -")
    check_free(a, a.output)
    for name in inputs:
        with contextlib.suppress(OSError):  # one of the two is not there
            if name != STREAM and os.path.samefile(name, a.output):
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
        OSError: The standard output, if it is OUT, takes no more.
    """
    if not paths and a.output == STREAM:
        INTERRUPTION.keep()
        a.writing = "what was written to the standard output"
        try:
            yield
        except OSError as error:
            raise OSError(f"cannot write to the standard output: {error.strerror or error}") from None
        return
    paths = paths or (a.output,)
    INTERRUPTION.keep()
    check_free(a, *paths)
    a.writing = " and ".join(str(path) for path in paths)
    yield


def metadata(a: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `io.save` and `Fit.save` that ``--strip`` asks for."""
    return {"metadata": "strip"} if a.strip else {}


def image_options(a: argparse.Namespace, like: Any) -> dict[str, Any]:
    """The arguments of `io.check_writable` and `io.save` that the command asks for.

    Args:
        a: The command's arguments.
        like: The image that was read, or None; its format is that of an OUT that has no name.

    Raises:
        ValueError: There is no such format, or it has no quality, or not that one.
    """
    from siren_sr import io

    options = metadata(a)
    if a.output == STREAM:
        known = getattr(like, "format", None)
        default = known if known in io.IMAGE_FORMATS else "PNG"
        name = default if a.format is None else io.format_name(f"-.{a.format.removeprefix('.')}")
        options["format"] = name
    if a.jpeg_quality is not None:
        if not 1 <= a.jpeg_quality <= 100:
            raise ValueError(f"--jpeg-quality {a.jpeg_quality}: give a whole number from 1 to 100")
        name = options.get("format") or io.format_name(a.output)
        if name not in LOSSY:
            raise ValueError(f"--jpeg-quality is for {', '.join(LOSSY)}: {name} loses nothing")
    return options


def quality(a: argparse.Namespace) -> dict[str, Any]:
    """The argument of `io.save` that ``--jpeg-quality`` asks for."""
    return {} if a.jpeg_quality is None else {"quality": a.jpeg_quality}


def show_json(found: Mapping[str, Any]) -> None:
    """Print an object in one line; what JSON has no number for, such as an infinite PSNR, becomes null."""
    screen.show(json.dumps(_plain(found)))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
