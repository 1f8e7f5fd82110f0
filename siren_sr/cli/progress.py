"""What the command ``siren-sr`` says while it works: the progress bar, Ctrl-C, and one line at the end."""

from __future__ import annotations

import math
import signal
import sys
from typing import Any

import torch

from siren_sr.cli.arguments import PROGRAM


class Training:
    """Progress bar and Ctrl-C around a training: the first ends it after the step, a second at once."""

    def __init__(self, *, quiet: bool) -> None:
        """Draw no bar if ``quiet``."""
        self._quiet, self.stopped, self._bar, self._last = quiet, False, None, None

    @staticmethod
    def generator(seed: int) -> torch.Generator:
        """The source of the initial weights."""
        return torch.Generator().manual_seed(seed)

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
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._previous)
        if self._bar is not None:
            self._bar.close()

    def _interrupt(self, *_: object) -> None:
        if self.stopped or self._last is None:  # a second time, or before there is anything to report
            raise KeyboardInterrupt
        self.stopped = True

    def __call__(self, progress: Any) -> bool:
        from tqdm import tqdm

        self._last = progress
        if self._bar is None:
            self._bar = tqdm(
                total=progress.steps, disable=self._quiet, unit="step", dynamic_ncols=True, leave=False, mininterval=0.5
            )
        self._bar.total = progress.steps  # how much a later stage has to do may show only when it begins
        self._bar.set_description(progress.stage, refresh=False)
        if math.isfinite(progress.entry.psnr):
            self._bar.set_postfix_str(f"{progress.entry.psnr:.2f} dB", refresh=False)
        self._bar.update(1)
        return self.stopped


def say(text: str, code: int) -> int:
    """One line on stderr; returns the exit code."""
    print(f"{PROGRAM}: {text}", file=sys.stderr)
    return code
