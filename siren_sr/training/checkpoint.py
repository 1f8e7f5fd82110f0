"""What a long piece of work has reached, in a file, so that it goes on after the process has died.

The work is a tree of parts, which come in the same order in every run. A finished part is remembered by its result; a
part under way by its state, which it tells when the file is written. When the call is repeated, everything between the
parts is computed again, finished parts give their results, and the part that was under way goes on from its state.
"""

from __future__ import annotations

import collections
import hashlib
import json
import os
import time
import warnings
from collections.abc import Callable
from typing import Any

from torch import Tensor

from siren_sr import io
from siren_sr.training.fingerprint import fingerprint
from siren_sr.training.packing import pack, snapshot, unpack
from siren_sr.version import __version__

FORMAT = "siren_sr.checkpoint.1"  # the name and version of the file format
WHAT = "a checkpoint"


class CheckpointWarning(UserWarning):
    """A checkpoint could not be written; what it held before is untouched, and the work goes on."""


class Checkpoint:
    """A file that is written every so many seconds, and read when the work begins.

    Attributes:
        path: The file.
    """

    def __init__(self, path: str | os.PathLike[str], *, every: float, call: str) -> None:
        """Read what the file holds, or begin anew if there is none.

        Args:
            path: A path that ends in .safetensors.
            every: Seconds between two writings, >= 0; with 0 it is written after every step.
            call: The `fingerprint` of the call to which the file belongs.

        Raises:
            ValueError: The path does not end in .safetensors, or the file is damaged, no checkpoint, or that of another
                call that did not come to its end.
            OSError: The folder is missing or cannot be written, or the file cannot be read.
        """
        io.check_tensors_path(path, what=WHAT)
        self.path, self._every, self._call = path, every, call
        self._known: dict[str, Any] = {}  # the results of finished parts, and states that were read, by name
        self._open: list[tuple[str, Callable[[], Any] | None]] = []
        self._counts: list[collections.Counter[str]] = [collections.Counter()]
        self._written = time.monotonic()
        if os.path.exists(path):
            self._read()

    def _read(self) -> None:
        header, tensors = io.read_tensors(self.path, format=FORMAT, what=WHAT)
        name = os.fspath(self.path)
        if header.get("call") != self._call:
            if header.get("complete") is True:
                return  # that call has returned its result, so that nothing is lost when the file is replaced
            raise ValueError(
                f"the checkpoint {name!r} belongs to another call (other data, other options, or another version of "
                "the library) that has not come to its end: delete it, or give another path"
            )
        try:
            if _checksum(header["known"], tensors) != header["checksum"]:
                raise ValueError("its checksum is another")
            self._known = unpack(header["known"], tensors)
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise ValueError(f"the checkpoint {name!r} is damaged: delete it, or give another path") from error

    def enter(self, name: str, save: Callable[[], Any] | None) -> Any:
        """Begin a part.

        Args:
            name: Its name; several parts of one name are told apart by their order.
            save: Function that returns its state, of tensors and plain values. None: there is none but its parts'.

        Returns:
            What was remembered of it, or None.
        """
        self._counts[-1][name] += 1
        parent = f"{self._open[-1][0]}/" if self._open else ""
        key = f"{parent}{name} {self._counts[-1][name]}"
        self._open.append((key, save))
        self._counts.append(collections.Counter())
        return self._known.pop(key, None) if save is not None else None

    def leave(self, *, keep: bool, remember: bool) -> None:
        """End a part.

        Args:
            keep: Whether it came to its end. If not, nothing changes, as the call itself will end now.
            remember: Whether its last state is kept as its result. If not, what is above it in the tree holds it.
        """
        key, save = self._open.pop()
        self._counts.pop()
        if not keep or (save is None and remember):
            return
        self._known = {k: v for k, v in self._known.items() if not k.startswith(f"{key}/")}
        if save is not None and remember:
            self._known[key] = snapshot(save())

    def step(self) -> None:
        """Write the file if it is time to."""
        if time.monotonic() - self._written >= self._every:
            self.write()

    def write(self, *, complete: bool = False) -> None:
        """Write the file; where that is impossible a warning says so, and the work goes on.

        Args:
            complete: Whether the call has come to its end.
        """
        tensors, known = self._packed()
        copies = {name: tensor.cpu().contiguous().clone() for name, tensor in tensors.items()}
        header = {"format": FORMAT, "call": self._call, "complete": complete, "known": known}
        try:
            io.write_tensors(self.path, copies, {**header, "checksum": _checksum(known, copies)}, what=WHAT)
        except OSError as error:
            warnings.warn(f"the checkpoint is not up to date: {error}", CheckpointWarning, stacklevel=2)
        self._written = time.monotonic()

    def check(self) -> None:
        """Raise a TypeError if what is to be written cannot be; called early, before there is much to lose."""
        self._packed()

    def _packed(self) -> tuple[dict[str, Any], Any]:
        tensors: dict[str, Any] = {}
        now = {key: save() for key, save in self._open if save is not None}
        known = {key: state for key, state in {**self._known, **now}.items() if state is not None}
        return tensors, pack(known, tensors, what="the state of the training")


def open_checkpoint(options: Any, *data: Any) -> Checkpoint | None:
    """Return the checkpoint that a task was asked for, or None.

    Args:
        options: The options of the task, a dataclass with ``checkpoint`` and ``every``.
        data: What else decides about the result.

    Raises:
        ValueError: As `Checkpoint`.
        OSError: As `Checkpoint`.
    """
    if options.checkpoint is None:
        return None
    names = [name for name in vars(options) if name not in ("callback", "progress", "checkpoint", "every")]
    told = {name: getattr(options, name) for name in names}
    call = fingerprint(__version__, type(options).__name__, told, data)
    return Checkpoint(options.checkpoint, every=options.every, call=call)


def _checksum(known: Any, tensors: dict[str, Tensor]) -> str:
    """A hash of all that a file tells of the work: a flipped bit must not become a result."""
    return hashlib.sha256(f"{json.dumps(known)}\n{io.checksum(tensors)}".encode()).hexdigest()
