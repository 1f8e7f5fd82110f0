"""The command ``siren-sr``: every task on files, one file per command, its arguments beside what it does.

Exit codes: 0 done; 1 failed, and one line on stderr says why; 2 wrong usage; 130, 143 and 129 ended by Ctrl-C, SIGTERM
and SIGHUP.

Nothing heavy is imported here: signals are handled before the seconds that PyTorch takes to be imported.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from siren_sr.cli import screen
from siren_sr.cli.interruption import INTERRUPTION
from siren_sr.cli.screen import PROGRAM, say, text_of

COMMANDS = ("super_resolve", "fit", "render", "export", "poisson", "omega", "inspect", "demo", "reproduce")
"""The modules of the commands, in the order of the help."""

EXPECTED = (ValueError, TypeError, OSError, EOFError, MemoryError, RuntimeError, ImportError)
"""The kinds of errors whose text says what is wrong; of others the kind is told too."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments (default: those of the process, which then ends with this call).

    Returns:
        The exit code.

    Raises:
        SystemExit: The arguments were wrong or asked for help; it has the exit code.
    """
    screen.prepare()
    options, ended = argparse.Namespace(traceback=False), None
    with INTERRUPTION(final=argv is None):
        try:
            ended = _parse(argv, options)
            code = _work(options) if ended is None else ended
        except BaseException as error:
            code = _failed(error, options)
        if not screen.flush() and code == 0:
            code = say("error: not everything could be written to the standard output", 1)
        screen.drain()
    if ended is not None:
        raise SystemExit(code)
    return code


def _parse(argv: Sequence[str] | None, options: argparse.Namespace) -> int | None:
    """Read the arguments into ``options``; returns an exit code if the parser has said all there is to say."""
    with _no_chatter(options):
        parser = build_parser()
    INTERRUPTION.started()
    try:
        parser.parse_args(argv, options)
    except SystemExit as ended:
        return int(ended.code or 0)
    return None


def _work(options: argparse.Namespace) -> int:
    with _no_chatter(options):
        code = options.run(options)
    if INTERRUPTION.received is not None and code == 0:
        # A chain of commands, a && b, must still end here.
        return say(f"{INTERRUPTION.text} when the work was done: nothing is missing", INTERRUPTION.code)
    return code


def _failed(error: BaseException, options: argparse.Namespace) -> int:
    """Tell in one line why the command failed, and return its exit code."""
    if isinstance(error, KeyboardInterrupt):
        written = getattr(options, "writing", None)
        what = "nothing was written" if written is None else f"{written} is complete or as it was before"
        return say(f"{INTERRUPTION.text}; {what}", INTERRUPTION.code)
    if options.traceback:
        import traceback

        screen.tell("".join(traceback.format_exception(error)))
    text, kind = text_of(error), type(error).__name__
    if _is_lack_of_memory(error, text):
        text = f"not enough memory ({text[:200]}): use a smaller image, scale or network"
    elif not isinstance(error, EXPECTED):
        text = f"unexpected {kind}: {text}; run with --traceback to see where"
    return say(f"error: {text}", 1)


def _is_lack_of_memory(error: BaseException, text: str) -> bool:
    if isinstance(error, ImportError):  # it may be about what is imported next
        return False
    from siren_sr import io

    return io.is_lack_of_memory(error, text)


@contextlib.contextmanager
def _no_chatter(options: argparse.Namespace) -> Iterator[None]:
    """Tell Python's warnings at the end, as one line each, and nothing of what other libraries log.

    A command that fails tells the error alone.
    """
    silent, texts, library = logging.NullHandler(), {}, logging.getLogger("siren_sr")

    def collect(message: Warning | str, category: type[Warning], *_: Any) -> None:
        # Warnings of these kinds are for those who write programs.
        if not issubclass(category, (DeprecationWarning, FutureWarning, ImportWarning, ResourceWarning)):
            if library.handlers:  # a training is on, which tells it when the progress bar is gone
                library.warning("warning: %s", message)
            else:
                texts[str(message)] = None

    logging.getLogger().addHandler(silent)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = collect
            yield
    finally:
        logging.getLogger().removeHandler(silent)
    if not getattr(options, "quiet", False):
        for text in texts:
            say(f"warning: {text}", 0)


def build_parser() -> argparse.ArgumentParser:
    """The parser of ``siren-sr``."""
    from siren_sr.cli.about import Version
    from siren_sr.cli.arguments import Parser

    parser = Parser(PROGRAM, description="Sinusoidal representation networks for images and audio.")
    parser.add_argument("--version", action=Version, help="show the versions and the devices, and exit")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        importlib.import_module(f"{__name__}.{name}").add(commands)
    return parser
