"""What commands share: arguments whose defaults and help are those of a task's options, and the reading of values."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np
import torch

from siren_sr.cli.interruption import Interrupted
from siren_sr.cli.screen import PROGRAM, say, text_of
from siren_sr.superres.options import PHOTOGRAPHS

NO_PRIOR = "none"  # the value of --prior that asks for none


class Parser(argparse.ArgumentParser):
    """A parser that tells what is wrong in one line, and whose help fits a screen.

    Attributes:
        usual: The options that ``--help`` shows; all others are left to ``--help-all``. Empty: it shows all.
    """

    usual: tuple[str, ...] = ()

    def brief(self) -> str:
        """The help with the usual options alone."""
        hidden = [
            action
            for action in self._actions
            if action.option_strings and not {*action.option_strings} & {*self.usual, "--help", "--help-all"}
        ]
        texts, usage = [action.help for action in hidden], self.usage
        self.usage = f"{self.prog} [options] {' '.join(map(_called, self._get_positional_actions()))}"
        for action in hidden:
            action.help = argparse.SUPPRESS
        try:
            return self.format_help()
        finally:
            self.usage = usage
            for action, text in zip(hidden, texts, strict=True):
                action.help = text

    def error(self, message: str) -> NoReturn:
        """Tell it, and end."""
        raise SystemExit(say(f"error: {message}; see {self.prog} --help", 2))


def _called(action: argparse.Action) -> str:
    return f"{action.metavar} ..." if action.nargs == "+" else str(action.metavar)


class _Brief(argparse.Action):
    """Shows the help that fits a screen, and ends."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        print(parser.brief() if isinstance(parser, Parser) else parser.format_help(), end="")
        parser.exit()


def command(
    commands: Any, name: str, run: Callable[..., int], text: str, example: str, usual: tuple[str, ...] = ()
) -> argparse.ArgumentParser:
    """Add a command; ``run(arguments)`` does it and returns the exit code, and ``usual`` see `Parser`."""
    parser = commands.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=f"example:\n  {PROGRAM} {name} {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=not usual,
    )
    parser.usual = usual
    if usual:
        brief = "show this help message and exit"
        parser.add_argument("-h", "--help", action=_Brief, nargs=0, default=argparse.SUPPRESS, help=brief)
        parser.add_argument("--help-all", action="help", help="show all options and exit")
    parser.add_argument("--traceback", action="store_true", help="if it fails, also show where in the program")
    parser.set_defaults(run=run)
    return parser


def file_name(text: str) -> str:
    """The name of a file, as an argument's type.

    Raises:
        argparse.ArgumentTypeError: No file can have this name.
    """
    if not text:
        raise argparse.ArgumentTypeError("the file name is empty")
    if "\0" in text:
        raise argparse.ArgumentTypeError(f"the file name {text!r} holds a NUL character")
    return text


def add_option(
    parser: Any, options: Any, name: str, *, flag: str | None = None, default: str = "", **more: Any
) -> None:
    """Add an argument for an option of a task.

    Args:
        parser: Where to add it, a parser or a group.
        options: The dataclass of the task's options, whose default and help the argument has.
        name: The option.
        flag: The argument, if it is not the option's name with dashes.
        default: What the help says of the default where that is None.
        **more: As for ``argparse``; ``help`` replaces the option's own.
    """
    field = next(field for field in dataclasses.fields(options) if field.name == name)
    said = default if field.default is None else str(field.default)
    text = more.pop("help", field.metadata["help"])
    more.setdefault("default", field.default)
    parser.add_argument(
        flag or "--" + name.replace("_", "-"), help=f"{text} (default: {said})" if said else text, **more
    )


def add_resolution(parser: argparse.ArgumentParser, text: str) -> None:
    """Add ``--scale`` or ``--size``."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--scale", type=float, help=text)
    group.add_argument("--size", type=int, nargs="+", metavar="N", help="or the size wanted: H W")


def add_training(parser: argparse.ArgumentParser, options: Any) -> None:
    """Add what all trainings share."""
    add_option(parser, options, "steps", type=int)
    add_device(parser)
    parser.add_argument("--seed", type=int, default=0, help="seed of the initial weights (default: 0)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    add_option(parser, options, "checkpoint", metavar="FILE")
    add_option(parser, options, "every", type=float, metavar="SECONDS")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint, if there is one")


def checkpoint(a: argparse.Namespace) -> dict[str, Any]:
    """The options ``checkpoint`` and ``every`` of a task.

    Raises:
        ValueError: There is such a file and nobody asked for ``--resume``, or only for that.
    """
    if a.resume and a.checkpoint is None:
        raise ValueError("--resume needs --checkpoint FILE, from which to go on")
    if a.checkpoint is not None and os.path.exists(a.checkpoint) and not a.resume:
        raise ValueError(f"there is a checkpoint {a.checkpoint}: go on from it with --resume, or delete it")
    return {"checkpoint": a.checkpoint, "every": a.every}


def drop_checkpoint(a: argparse.Namespace) -> None:
    """Remove the checkpoint, if there is one, now that the output is written."""
    if a.checkpoint is not None:
        with contextlib.suppress(OSError):
            os.remove(a.checkpoint)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``."""
    parser.add_argument("--device", help="cpu (default), cuda, mps")


def seeded(seed: int) -> torch.Generator:
    """The source of the initial weights.

    Raises:
        ValueError: There is no such seed.
    """
    if not -(2**63) <= seed < 2**64:
        raise ValueError(f"--seed {seed}: give a whole number from 0 to 2**64 - 1")
    return torch.Generator().manual_seed(seed)


def array_of(path: str) -> np.ndarray:
    """The numbers that a .npy file holds.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is damaged, or holds something else.
    """
    try:
        with open(path, "rb") as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}") from None
    except (OSError, MemoryError):
        raise
    except Exception as error:  # NumPy reads the header as a piece of Python, which can fail in many ways
        raise ValueError(f"{path} is not a readable .npy file of numbers: {error}") from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{path} is not a readable .npy file of numbers: its elements are {array.dtype}")
    return array


def number_or_name(text: str) -> float | str:
    """A number where the text is one."""
    try:
        return float(text)
    except ValueError:
        return text


def one_or_more(text: str) -> str | tuple[str, ...]:
    """A name, or several with commas between them."""
    return tuple(name.strip() for name in text.split(",")) if "," in text else text


@contextlib.contextmanager
def users_upscaler(text: str | None) -> Iterator[Any]:
    """The prior "photographs", none, or what MODULE:FUNCTION names.

    Modules of the working directory count, also those that the function imports as it runs.
    """
    if text in (None, NO_PRIOR, PHOTOGRAPHS):
        yield None if text == NO_PRIOR else text
        return
    module, _, name = text.partition(":")
    if not module or not name:
        raise ValueError(f"--prior {text}: give {PHOTOGRAPHS}, {NO_PRIOR} or MODULE:FUNCTION, such as mymodel:upscale")
    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        found = _of_the_users(f"--prior {text}: {module} cannot be imported", importlib.import_module, module)
        for part in name.split("."):
            if not _of_the_users(f"--prior {text} failed", hasattr, found, part):
                raise ValueError(f"--prior {text}: the module {module} has no {name}")
            found = getattr(found, part)
        if not callable(found):
            raise ValueError(f"--prior {text} is no function but {type(found).__name__}")
        yield functools.partial(_of_the_users, f"--prior {text} failed", found)
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


def _of_the_users(text: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call what the user wrote: whatever it raises, even to end the program, becomes one line that says where from."""
    try:
        return function(*arguments)
    except (Interrupted, MemoryError):
        raise
    except BaseException as error:
        raise ValueError(f"{text}: {type(error).__name__}: {text_of(error)}") from error
