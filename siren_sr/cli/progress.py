"""What the command ``siren-sr`` shows while it works: a progress bar, and at the end what was decided, line by line."""

from __future__ import annotations

import math
import sys
from typing import Any

from siren_sr.cli.interruption import INTERRUPTION
from siren_sr.cli.screen import say, tell
from siren_sr.training.bar import Bar
from siren_sr.training.notes import Notes


class Training:
    """What goes along with a training, as a context and as the training's callback.

    It draws a progress bar, shows what the library logs of its choices, and ends the training when a signal asks it to.

    The first signal ends the training after the present step, and a second one ends it at once. Before the first step
    there is nothing to keep, and one is enough. A signal that comes after the last step ends nothing.

    Attributes:
        stopped: Whether the training was ended before its last step.
    """

    def __init__(self, *, quiet: bool) -> None:
        """Prepare a progress bar, which is not drawn if ``quiet`` is True; nor is anything else told then."""
        self.stopped, self._last = False, None
        self._bar = None if quiet else Bar(Screen(), leave=False)
        self._notes = None if quiet else Notes()

    @property
    def reached(self) -> str:
        """Where the training was when it ended."""
        if self._last is None:
            return "before the first step"
        entry = self._last.entry
        psnr = f", PSNR {entry.psnr:.2f} dB" if math.isfinite(entry.psnr) else ""
        return f"at step {entry.step} of {self._last.steps}{psnr}"

    def __enter__(self) -> Training:
        if self._notes is not None:
            self._notes.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._notes is not None:
            self._notes.__exit__()
        if self._bar is not None:
            self._bar.close()
        if kind is None and self._notes is not None:
            for line in self._notes.lines:
                say(line, 0)

    def __call__(self, progress: Any) -> bool:
        """Show a `Progress`, and return whether the training is to stop."""
        INTERRUPTION.keep()
        self._last = progress
        if self._bar is not None:
            self._bar(progress)
        # After the last step there is nothing to stop, and the result must not be taken for an unfinished one. If a
        # later part of the work adds steps, this is asked again.
        self.stopped = INTERRUPTION.received is not None and progress.entry.step < progress.steps
        return self.stopped


class Screen:
    """Stderr as a progress bar sees it: its frames are left out where they cannot be written soon."""

    @property
    def encoding(self) -> str | None:
        """Which letters can be shown."""
        return getattr(sys.stderr, "encoding", None)

    def fileno(self) -> int:
        """Return the descriptor, from which the bar learns the terminal's width."""
        return sys.stderr.fileno()

    def write(self, text: str) -> None:
        """Show a frame, or not."""
        tell(text, passing=True)

    def flush(self) -> None:
        """Do nothing: frames are written at once."""
