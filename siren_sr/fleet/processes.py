"""Workers as processes of this machine. They are spawned, never forked: a fork hangs once OpenMP was used."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

import torch

from siren_sr.fleet.work import described

_STARTING = threading.Lock()  # the standard library keeps a list of processes that is not made for threads
START_FAILED = (
    "a worker process could not start ({}). If this is a script, what calls siren_sr.fleet must stand below "
    '`if __name__ == "__main__":`, since workers import the script'
)


class Died(Exception):  # noqa: N818 (what happened, not what was done wrong)
    """A worker ended before it answered."""


class Failed(Exception):  # noqa: N818
    """What a worker was asked to do raised an exception, whose text this is."""


class Process:
    """A worker that is a process of its own, with which it shares no memory.

    It loads torch and the library once, and then does one errand after another.
    """

    def __init__(self, *, threads: int, memory: int | None) -> None:
        """Start it; it is not ready at once.

        Args:
            threads: How many threads it computes with.
            memory: How many bytes it may use, or None. Linux only.
        """
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, threads, memory), daemon=True)
        with _STARTING, _without_interrupts():
            self._process.start()
        theirs.close()  # what the process holds is then the only end, and its death ends the pipe

    def wait(self) -> None:
        """Wait until it is ready.

        Raises:
            RuntimeError: It ended with an error.
            Died: It was killed.
        """
        try:
            self._pipe.recv()
        except (EOFError, OSError):
            end = self._end()
            if (self._process.exitcode or 0) < 0:
                raise Died(end) from None
            raise RuntimeError(START_FAILED.format(end)) from None

    def do(self, errand: Callable[[], Any]) -> Any:
        """Return what the errand returns when the worker calls it.

        Raises:
            Failed: The errand raised an exception.
            Died: The worker ended before.
        """
        message = pickle.dumps(errand, pickle.HIGHEST_PROTOCOL)
        try:
            self._pipe.send_bytes(message)
            good, answer = self._pipe.recv()
        except (EOFError, OSError):
            raise Died(self._end()) from None
        if not good:
            raise Failed(answer)
        return answer

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.join()

    def _end(self) -> str:
        """Say how the process ended."""
        self._process.join(5)
        code = self._process.exitcode
        if code is None or code >= 0:
            return f"exit code {code}"
        name = signal.Signals(-code).name if -code in signal.Signals._value2member_map_ else f"signal {-code}"
        return f"{name}, which is often the system's answer to a lack of memory" if name == "SIGKILL" else name


def prepare() -> None:
    """Start what all processes share, before the first one."""
    if hasattr(signal, "pthread_sigmask"):
        # It would be started together with the first worker, and then undo `_without_interrupts`.
        resource_tracker.ensure_running()


def _work(pipe: Connection, threads: int, memory: int | None) -> None:
    """What a worker's process does: errands, until its pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the first one decides
    torch.set_num_threads(threads)
    if memory is not None and sys.platform == "linux":
        import resource

        with contextlib.suppress(OSError, ValueError):  # less is allowed already
            resource.setrlimit(resource.RLIMIT_DATA, (memory, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        pipe.send(True)
        while True:
            pipe.send(attempt(pipe.recv_bytes()))


def attempt(message: bytes) -> tuple[bool, Any]:
    """Do a pickled errand; returns whether it went well, and its result or the text of what went wrong."""
    try:
        return True, pickle.loads(message)()
    except BaseException as error:  # a user's function may raise anything, SystemExit too
        return False, described(error)


@contextlib.contextmanager
def _without_interrupts() -> Any:
    """A context in which a new process inherits that Ctrl-C is not for it, already while it loads."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
