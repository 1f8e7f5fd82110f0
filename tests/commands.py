"""The command line as processes, in fractions of a second each: they are forked where PyTorch is imported already.

Everything else is as in a process of its own: the standard streams, the handlers of signals, the way Python ends.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import siren_sr

CLOSED, UNREAD, BROKEN = "<closed>", "<unread>", "<broken>"
"""Names of streams: none, a pipe that is full and never read, and a pipe whose reader has gone."""


class Commands:
    """Starts commands, as a context; `wait` or `end` each of them."""

    def __enter__(self) -> Commands:
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(siren_sr.__file__).parents[1]),
            "OMP_NUM_THREADS": "1",
        }
        self._server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate()  # the end of its input ends it

    def _ask(self, **request: Any) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())

    def start(self, *arguments: Any, out: Any = os.devnull, err: Any = os.devnull, unbuffered: bool = False) -> int:
        """Start a command, whose streams go to files or are one of the names above; returns the process's number."""
        words = [os.fsdecode(a) if isinstance(a, (bytes, os.PathLike)) else str(a) for a in arguments]
        return self._ask(arguments=words, streams=[os.devnull, str(out), str(err)], unbuffered=unbuffered)

    def wait(self, process: int) -> int:
        """Return the exit code of a process, or the number of the signal that killed it, negated."""
        return self._ask(wait=process)

    def end(self, process: int, number: int) -> int:
        """Send a signal, wait, and return the exit code."""
        os.kill(process, number)
        return self.wait(process)


def _serve() -> None:
    from siren_sr.cli import build_parser, main

    build_parser()
    # What the commands import later is imported too, and nothing is computed: no thread is lost by a fork.
    for name in ("imagecodecs", "PIL.Image", "safetensors.torch", "torch._dynamo", "tqdm"):
        importlib.import_module(name)
    gc.freeze()  # what the children share need not be looked through by each of them
    while line := sys.stdin.readline():
        request = json.loads(line)
        if "wait" in request:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        else:
            # Signals wait until the child is as a new process is.
            signals = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
            signal.pthread_sigmask(signal.SIG_BLOCK, signals)
            answer = os.fork()
            if answer == 0:
                signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the command says what it does with it
                _redirect(request["streams"], unbuffered=request["unbuffered"])
                sys.argv = ["siren-sr", *request["arguments"]]
                signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
                sys.exit(main())
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        print(answer, flush=True)


def _redirect(streams: list[str], *, unbuffered: bool) -> None:
    """Make the standard streams as Python would have found them."""
    for descriptor, name in enumerate(streams):
        if name == CLOSED:
            os.close(descriptor)
        elif name in (UNREAD, BROKEN):
            read, write = os.pipe()
            os.dup2(write, descriptor)
            os.close(write)
            if name == BROKEN:
                os.close(read)
            else:
                os.set_blocking(descriptor, False)
                try:
                    while True:
                        os.write(descriptor, b"x" * 4096)
                except BlockingIOError:
                    os.set_blocking(descriptor, True)
        else:
            opened = os.open(name, os.O_RDWR if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(opened, descriptor)
            os.close(opened)
    sys.stdout, sys.stderr = (
        None if name == CLOSED else _stream(descriptor, unbuffered=unbuffered)
        for descriptor, name in list(enumerate(streams))[1:]
    )


def _stream(descriptor: int, *, unbuffered: bool) -> Any:
    import io

    binary = open(descriptor, "wb", buffering=0 if unbuffered else -1, closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(binary, "utf-8", line_buffering=descriptor == 2, write_through=unbuffered)


if __name__ == "__main__":
    _serve()
