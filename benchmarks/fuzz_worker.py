"""The process in which `benchmarks.fuzz` runs its cases, one after the other, and judges what each one did."""

from __future__ import annotations

import ast
import contextlib
import functools
import linecache
import os
import random
import re
import resource
import shutil
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import kornia  # noqa: F401 (loaded before the first case, which should not pay for it or be blamed for its warnings)
import matplotlib.figure  # noqa: F401
import numpy as np
import soundfile  # noqa: F401
import tifffile  # noqa: F401
import torch
from PIL import Image

import siren_sr
from benchmarks import fuzz_files
from benchmarks.fuzz_calls import ENTRIES
from benchmarks.fuzz_names import fresh, models, names

HOME = os.path.dirname(siren_sr.__file__)
ALLOWED = (ValueError, TypeError, OSError)


@dataclass(frozen=True)
class Case:
    """One call.

    Attributes:
        number: Which case it is of its seed.
        entry: Place of the function in `fuzz_calls.ENTRIES`, or None for a call on a damaged file.
        call: The call, an expression.
        file: Name of the good file that is damaged, and of another one whose parts come in.
        seed: Of the damage.
    """

    number: int
    entry: int | None
    call: str
    file: tuple[str, str] | None = None
    seed: str = ""


@dataclass(frozen=True)
class Verdict:
    """What a case did: ``trouble`` is None if it was clean, or else the kind of trouble, with its place and a text."""

    returned: bool
    trouble: str | None = None
    where: str = ""
    text: str = ""
    trace: str = ""


def serve(connection: Any, folder: str, memory: int) -> None:
    """Judge the cases that come through a connection, in a process with a limit of memory, until None comes."""
    torch.set_num_threads(1)
    torch.set_warn_always(True)
    room = Room(Path(folder))
    if memory:
        resource.setrlimit(resource.RLIMIT_DATA, (_data_held() + memory, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    connection.send(None)
    for case in iter(connection.recv, None):
        connection.send(room.judge(case))


def _data_held() -> int:
    """Bytes of private memory that this process may write to (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmData")).split()[1])


class Room:
    """A folder with good files, an empty one to work in, and the names that expressions may use."""

    def __init__(self, folder: Path) -> None:
        self.stored, self.work, self.temporary = folder / "stored", folder / "work", folder / "temporary"
        self.heard = folder / "heard"
        self.stored.mkdir(parents=True)
        fuzz_files.make(self.stored)
        self._empty()
        tempfile.tempdir = str(self.temporary)
        self.names, self.models = names(self.stored), models(self.stored)

    def _empty(self) -> None:
        for place in (self.work, self.temporary):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
        os.chdir(self.work)

    def judge(self, case: Case) -> Verdict:
        """Run a case and say whether it was clean."""
        self._empty()
        self.names |= fresh(self.models)
        for file in self.names["opened"].files:
            file.close()
        self.names["opened"].files.clear()
        before = ambient()
        if case.file is not None:
            (self.work / case.file[0]).write_bytes(self.damaged(case))
        known = self._left()
        with listening(self.heard), warnings.catch_warnings():
            escaped: list[str] = []
            warnings.simplefilter("always")
            warnings.showwarning = functools.partial(_note, escaped)
            verdict = self._run(case)
        if verdict.trouble is not None:
            return verdict
        said = self.heard.read_bytes()
        new = {p for p in self._left() - known if not (verdict.returned and os.path.basename(p).startswith("out"))}
        problems = {
            "output": said.decode(errors="replace").strip() if said else "",
            "warning": "; ".join(sorted(set(escaped))),
            "files left": ", ".join(sorted(new)),
            "ambient state": "" if ambient() == before else "the global state of torch, NumPy or random changed",
        }
        for trouble, text in problems.items():
            if text:
                where = _kind_of(text) if trouble in ("warning", "output") else ""
                return Verdict(verdict.returned, trouble, where, " ".join(text.split())[:300])
        return verdict

    def damaged(self, case: Case) -> bytes:
        """The damaged file of a case."""
        assert case.file is not None
        name, other = case.file
        data, more = (self.stored / name).read_bytes(), (self.stored / other).read_bytes()
        return fuzz_files.damaged(name, data, more, random.Random(case.seed))

    def _run(self, case: Case) -> Verdict:
        given: dict[str, Any] = {}
        self.names["_note"] = functools.partial(_remember, given)
        check = None if case.entry is None else ENTRIES[case.entry].check
        try:
            result = eval(_noted(case.call), self.names)
            problem = check(result, given) if check else None
        except ALLOWED as error:
            return _refused(error)
        except MemoryError as error:  # allowed where the library refuses beforehand, and not where memory ran out
            root = error
            while isinstance(root.__cause__, MemoryError):
                root = root.__cause__
            if _own(root):
                return Verdict(False)
            return Verdict(False, "MemoryError", place(error), _line(error), traceback.format_exc())
        except BaseException as error:
            return Verdict(False, type(error).__name__, place(error), _line(error), traceback.format_exc())
        return Verdict(True) if problem is None else Verdict(True, "wrong result", "", problem)

    def _left(self) -> set[str]:
        return {str(p) for place in (self.work, self.temporary, self.stored) for p in place.rglob("*")}


def _noted(call: str) -> str:
    """A call whose arguments are noted down on the way: f(x, a=y) becomes f(*_note('0', x), a=…)."""
    tree = ast.parse(call, mode="eval")
    body = tree.body
    while isinstance(body, ast.Call) and isinstance(body.func, ast.Call) and call.startswith("SuperResolve"):
        body = body.func
    if isinstance(body, ast.Call):
        body.args = [_wrapped(str(i), argument) for i, argument in enumerate(body.args)]
        for keyword in body.keywords:
            keyword.value = _wrapped(keyword.arg or "", keyword.value)
    return ast.unparse(ast.fix_missing_locations(tree))


def _wrapped(name: str, argument: Any) -> Any:
    return ast.Call(ast.Name("_note", ast.Load()), [ast.Constant(name), argument], [])


def _remember(given: dict[str, Any], name: str, value: Any) -> Any:
    given[name] = value
    return value


def _kind_of(text: str) -> str:
    """The beginning of a text without what differs from case to case, such as numbers and addresses."""
    return " ".join(re.sub(r"0x[0-9a-f]+|[0-9]+|/\S*", "#", text).split())[:60]


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]


def _refused(error: Exception) -> Verdict:
    """An error of a kind that is allowed; its text must be the library's own, or name a file."""
    own = _own(error)
    outside = not any(frame.filename.startswith(HOME) for frame in traceback.extract_tb(error.__traceback__))
    if not str(error).strip():
        return Verdict(False, "no text", place(error), type(error).__name__)
    signature = isinstance(error, TypeError) and outside and "argument" in str(error)
    signature |= isinstance(error, TypeError) and "os.PathLike object, not" in str(error)  # which says what was got
    if own or signature or isinstance(error, OSError) or _of_user(error):
        return Verdict(False)
    trouble = "no case" if outside else f"accidental {type(error).__name__}"
    return Verdict(False, trouble, place(error), _line(error), traceback.format_exc())


def _own(error: BaseException) -> bool:
    """Whether a line of the library raised an error on purpose."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return last.filename.startswith(HOME) and (last.line or "").lstrip().startswith("raise")


def _of_user(error: BaseException) -> bool:
    """Whether an error was raised by a function that the case itself gave to the library."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = next((i for i, frame in enumerate(frames) if frame.filename.startswith(HOME)), None)
    later = frames[inside:] if inside is not None else []
    here = (os.path.dirname(__file__), "<string>")
    return any(frame.filename.startswith(here) for frame in later)


def place(error: BaseException) -> str:
    """The innermost line of the library that an error came through."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(HOME)]
    return f"{os.path.relpath(frames[-1].filename, HOME)}:{frames[-1].lineno}" if frames else "outside"


def _note(escaped: list[str], message: Any, category: Any, filename: str, lineno: int, *_: Any) -> None:
    """Note a warning, unless the library itself gave it on purpose."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.endswith("warnings.py"):
        frame = frame.f_back
    inner, own = frame, False
    while frame is not None and not own:
        own, frame = frame.f_code.co_filename.startswith(HOME), frame.f_back
    if inner is None or not own:  # the case's own expression warns
        return
    if inner.f_code.co_filename.startswith(HOME):
        if "warn" in linecache.getline(inner.f_code.co_filename, inner.f_lineno):
            return
        filename, lineno = inner.f_code.co_filename, inner.f_lineno
    where = os.path.relpath(filename, HOME) if filename.startswith(HOME) else os.path.basename(filename)
    escaped.append(f"{category.__name__} at {where}:{lineno}: {' '.join(str(message).split())[:150]}")


def ambient() -> tuple[Any, ...]:
    """The global state that no call may change."""
    return (
        torch.get_rng_state().numpy().tobytes(),
        str(np.random.get_state()),
        random.getstate(),
        (torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled(), torch.get_num_threads()),
        (torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu"), np.geterr(), os.getcwd()),
        (Image.MAX_IMAGE_PIXELS, sys.getrecursionlimit(), dict(os.environ)),
    )


@contextlib.contextmanager
def listening(path: Path) -> Iterator[None]:
    """Send what this process writes to stdout and stderr to a file, also what C libraries write."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    kept = [os.dup(1), os.dup(2)]
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        os.dup2(file, 1)
        os.dup2(file, 2)
        yield
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    finally:
        for number, original in zip((1, 2), kept, strict=True):
            os.dup2(original, number)
            os.close(original)
        os.close(file)
