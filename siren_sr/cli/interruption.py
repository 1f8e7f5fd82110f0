"""How Ctrl-C, SIGTERM and SIGHUP end the command ``siren-sr``: no result is lost, and nothing half-written stays."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

from siren_sr.cli.screen import drain, say

NAMES = {"SIGINT": "interrupted", "SIGTERM": "ended by SIGTERM", "SIGHUP": "ended by SIGHUP", "SIGBREAK": "interrupted"}
TWICE = 0.2  # seconds; a signal that comes again so soon is the same one, sent to the process and to its group
CLEANING = 1.0  # seconds for which a command that is ending is left alone, so that it can remove temporary files


class Interrupted(KeyboardInterrupt):
    """A signal ends the command at once."""


class Interruption:
    """What the signals that ask the command to end do.

    As long as there is nothing to keep, a signal ends the command at once, by `Interrupted`. From `keep` on, the first
    one is only noted: whoever works asks `received`, ends early, and writes what there is to write. The second one ends
    the command at once, and so does `keep` if somebody on the way held the exception back.

    It is used as a context. Signals that are ignored, as under ``nohup``, stay so.

    Attributes:
        received: The first signal that came, or None.
    """

    def __init__(self) -> None:
        """Do nothing yet."""
        self._reset(final=False, starting=False)

    def _reset(self, *, final: bool, starting: bool) -> None:
        self.received: int | None = None
        self._final, self._starting, self._keeping = final, starting, False
        self._last = self._raised = -float("inf")  # when a signal came last, and when `Interrupted` was raised

    def __call__(self, *, final: bool) -> Interruption:
        """Prepare to be used as a context; ``final`` says that the process ends with it."""
        self._reset(final=final, starting=True)
        return self

    def __enter__(self) -> Interruption:
        self._previous: dict[int, Any] = {}
        self._hook = sys.unraisablehook
        if threading.current_thread() is threading.main_thread():
            sys.unraisablehook = self._held_back
            for name in NAMES:
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        sys.unraisablehook = self._hook
        if getattr(signal, "SIGALRM", None) in self._previous:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, previous in self._previous.items():
            # While Python shuts down nobody is left who could tell of a signal in one line.
            signal.signal(number, signal.SIG_DFL if self._final else previous)

    @property
    def code(self) -> int:
        """The exit code, 128 and the number of the signal."""
        return 128 + (signal.SIGINT if self.received is None else self.received)

    @property
    def text(self) -> str:
        """What happened, such as "interrupted"."""
        return NAMES["SIGINT" if self.received is None else signal.Signals(self.received).name]

    def started(self) -> None:
        """Say that everything is imported: from now on a signal is an exception, which cleans up on its way."""
        self._starting = False

    def keep(self) -> None:
        """Say that from now on there is something to keep, which the first signal must not lose."""
        if self._raised > 0:
            raise Interrupted
        self._keeping = True

    def _handle(self, number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        again, self._last = now - self._last < TWICE, now
        if self.received is None:
            self.received = number
            if self._starting:
                self._end()
            if self._keeping:
                return
        elif again or now - self._raised < CLEANING:
            return
        self._raise()

    def _raise(self, *_: object) -> None:
        self._raised = time.monotonic()
        raise Interrupted

    def _held_back(self, unraisable: Any) -> None:
        """Raise `Interrupted` once more where it could not reach the command, as in a destructor.

        Other complaints of destructors have no cause that a user could do something about, and are not shown.
        """
        if issubclass(unraisable.exc_type, Interrupted) and hasattr(
            signal, "setitimer"
        ):  # on Windows the next one does
            self._previous.setdefault(signal.SIGALRM, signal.signal(signal.SIGALRM, self._raise))
            signal.setitimer(signal.ITIMER_REAL, 0.05)

    def _end(self) -> None:
        say(f"{self.text}; nothing was written", self.code)
        drain()
        os._exit(self.code)


INTERRUPTION = Interruption()
"""The one of the present command: signals belong to the process."""
