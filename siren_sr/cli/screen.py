"""What the command ``siren-sr`` tells: progress and messages, which never fail or hold up the work, and results.

A message is for a person. It may be lost where nobody can read it: on a full disk, in a pipe that was closed, or in one
that nobody empties. A result, such as the numbers of ``siren-sr omega``, is what the command was called for; where it
cannot be written, the command has failed.
"""

from __future__ import annotations

import contextlib
import io
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

PROGRAM = "siren-sr"
PATIENCE = 1.0  # seconds for which the end of the command waits for messages that are not read
_WAITING = 16  # messages that may wait before the frames of a progress bar are left out


def say(text: str, code: int) -> int:
    """Tell one line on stderr, and return the exit code that was given."""
    tell(f"{PROGRAM}: {one_line(text)}\n")
    return code


def one_line(text: str) -> str:
    r"""Return a text as one line that any terminal can show: what is not printable in a file's name becomes \xe9."""
    return "".join(c if c.isprintable() else _escaped(c) for c in " ".join(text.split()))


def text_of(error: BaseException) -> str:
    """Return what an exception says, or its kind if it says nothing or cannot say it."""
    try:
        return str(error).strip() or type(error).__name__
    except Exception:
        return type(error).__name__


def _escaped(character: str) -> str:
    code = ord(character)
    # Python keeps a byte of a file name that is no text as one of these characters.
    byte = code - 0xDC00 if 0xDC80 <= code <= 0xDCFF else code
    return f"\\x{byte:02x}" if byte < 256 else f"\\u{byte:04x}"


def tell(text: str, stream: Any = None, *, passing: bool = False) -> None:
    """Write a message without ever failing or waiting.

    Args:
        text: What to write.
        stream: Where to write it (default: ``sys.stderr``).
        passing: Whether the text is left out if others are still waiting to be written, as a progress bar may be.
    """
    stream = sys.stderr if stream is None else stream
    buffer = getattr(stream, "buffer", None)
    raw = buffer if isinstance(buffer, io.RawIOBase) else getattr(buffer, "raw", None)  # by ``python -u`` or not
    with contextlib.suppress(OSError, ValueError, AttributeError, RuntimeError):
        if raw is None:
            stream.write(text)
            stream.flush()
            return
        data = text.encode(stream.encoding or "utf-8", "replace")
        if id(raw) not in _writers:
            _writers[id(raw)] = _Writer(raw)
        _writers[id(raw)].put(data, passing=passing)


def drain(patience: float = PATIENCE) -> None:
    """Wait until all messages are written, but no longer than so many seconds."""
    end = time.monotonic() + patience
    for writer in _writers.values():
        writer.drain(max(0.0, end - time.monotonic()))


def show(text: str) -> None:
    """Write a result to stdout.

    Raises:
        OSError: It cannot be written.
    """
    try:
        if out() is None:
            raise OSError("it is closed")
        print(text, file=out(), flush=True)
    except OSError as error:
        raise OSError(f"cannot write to the standard output: {error.strerror or error}") from None


def out() -> Any:
    """The standard output, or None where it is closed."""
    return _RESULTS[0] if _RESULTS else sys.stdout


@contextlib.contextmanager
def results_alone() -> Iterator[None]:
    """Keep the standard output for results: what others print in this context goes to stderr."""
    _RESULTS.append(sys.stdout)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _RESULTS.pop()


def prepare() -> None:
    """Make the standard streams safe to use.

    A closed descriptor is given to the null device: otherwise the next file that is opened, which may be the result,
    would take its number, and whatever a library writes to stderr would go into that file. What a terminal has no
    letter for, such as ω, becomes a question mark.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (it stays open)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def flush() -> bool:
    """Write what is left for stdout, and return whether that was possible."""
    stream = sys.stdout
    if stream is None:
        return True
    try:
        stream.flush()
    except (OSError, ValueError):
        # Python would try again as it ends, and complain.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
    return True


class _Writer:
    """Writes to one descriptor from a thread of its own, so that only this thread waits for a reader."""

    def __init__(self, raw: Any) -> None:
        # This kind of queue is safe to use where a signal can interrupt.
        self._raw, self._queue = raw, queue.SimpleQueue()
        threading.Thread(target=self._run, name="messages", daemon=True).start()

    def put(self, data: bytes, *, passing: bool) -> None:
        if not passing or self._queue.qsize() < _WAITING:
            self._queue.put(data)

    def drain(self, patience: float) -> None:
        done = threading.Event()
        self._queue.put(done)
        done.wait(patience)

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            if isinstance(item, threading.Event):
                item.set()
                continue
            with contextlib.suppress(OSError, ValueError):
                while item:
                    written = self._raw.write(item)
                    if written is None:  # another process has made the descriptor one that does not wait
                        time.sleep(0.05)
                    else:
                        item = item[written:]


_RESULTS: list[Any] = []
_writers: dict[int, _Writer] = {}
