"""What the command ``siren-sr`` shows while it works: a progress bar, how Ctrl-C ends it, and one line at the end."""

from __future__ import annotations

import logging
import math
import signal
import sys
from typing import Any

from siren_sr.cli.arguments import PROGRAM


class Training:
    """What goes along with a training, as a context and as the training's callback.

    It draws a progress bar, shows what the library logs of its choices, and handles Ctrl-C.

    The first Ctrl-C ends the training after the present step, and a second one ends it at once. Before the first step
    there is nothing to keep, and one is enough.

    Attributes:
        stopped: Whether Ctrl-C was pressed.
    """

    def __init__(self, *, quiet: bool) -> None:
        """Prepare a progress bar, which is not drawn if ``quiet`` is True; nor is anything else told then."""
        self._quiet, self.stopped, self._bar, self._last = quiet, False, None, None
        self._log, self._told = logging.getLogger("siren_sr"), _Told(logging.INFO)

    @property
    def reached(self) -> str:
        """Where the training was when it ended."""
        if self._last is None:
            return "before the first step"
        entry = self._last.entry
        psnr = f", PSNR {entry.psnr:.2f} dB" if math.isfinite(entry.psnr) else ""
        return f"at step {entry.step} of {self._last.steps}{psnr}"

    def __enter__(self) -> Training:
        self._previous = signal.signal(signal.SIGINT, self._interrupt)
        self._level = self._log.level
        if not self._quiet:
            self._log.addHandler(self._told)
            self._log.setLevel(logging.INFO)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._previous)
        self._log.removeHandler(self._told)
        self._log.setLevel(self._level)
        if self._bar is not None:
            self._bar.close()
        self._told.tell()

    def _interrupt(self, *_: object) -> None:
        # This is the second Ctrl-C, or there is nothing to report yet.
        if self.stopped or self._last is None:
            raise KeyboardInterrupt
        self.stopped = True

    def __call__(self, progress: Any) -> bool:
        """Show a `Progress`, and return whether the training is to stop."""
        from tqdm import tqdm

        self._last = progress
        if self._bar is None:
            self._bar = tqdm(
                total=progress.steps, disable=self._quiet, unit="step", dynamic_ncols=True, leave=False, mininterval=0.5
            )
        # The total can change, since how much a later stage has to do may be known only when it begins.
        self._bar.total = progress.steps
        self._bar.set_description(progress.stage, refresh=False)
        if math.isfinite(progress.entry.psnr):
            self._bar.set_postfix_str(f"{progress.entry.psnr:.2f} dB", refresh=False)
        self._bar.update(1)
        return self.stopped


class _Told(logging.Handler):
    """Keeps what was logged until the progress bar is gone."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() not in self._lines:
            self._lines.append(record.getMessage())

    def tell(self) -> None:
        for line in self._lines:
            say(line, 0)


def say(text: str, code: int) -> int:
    """Write one line to stderr, and return the exit code that was given."""
    print(f"{PROGRAM}: {text}", file=sys.stderr)
    return code
