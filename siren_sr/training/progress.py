"""What is done, of how much, in which stage; and whether to stop.

A `Monitor` goes along with every long piece of work. Whoever works tells it of each step; it tells the user's callback
and passes on what the callback answers.
"""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from siren_sr.training.best import DivergenceWarning


@dataclass(frozen=True)
class Entry:
    """One step of the history; ``loss`` and ``psnr`` are those of the network before the step's update.

    In a step of several updates they are of the mean over what each update found before it.

    Attributes:
        step: Counted over all stages, from 1.
        loss: In the network's range.
        psnr: In dB, of the stage's score (NaN without a score).
        seconds: Since the start of the training.
        lr: Learning rate of the first parameter group.
        stage: Index of the stage.
        went_back: How many times the network went back to the best weights of the stage in the course of this step,
            since the loss became NaN or infinite, or, in the last step, since the training ended much worse.
    """

    step: int
    loss: float
    psnr: float
    seconds: float
    lr: float
    stage: int = 0
    went_back: int = 0


@dataclass(frozen=True)
class Progress:
    """What a callback is given after every step; returning True from it stops the work.

    Attributes:
        entry: The step just made; ``entry.step`` and ``entry.seconds`` count from the start of the whole task.
        steps: Steps planned in total. A later part of the work may change it.
        remaining: Estimated seconds left.
        stage: Name of the stage.
    """

    entry: Entry
    steps: int
    remaining: float
    stage: str


Callback = Callable[[Progress], bool | None]


class Monitor:
    """Counts the steps of a piece of work for the user's callback, and remembers whether it asked to stop.

    Once the callback has returned True it is not called again, and every further `step` answers True.

    Attributes:
        done: Steps made.
        steps: Steps planned in total.
        stage: Name of the present stage.
        stopped: Whether the callback asked to stop, or the user pressed Ctrl-C.
        interruption: The ``KeyboardInterrupt`` that ended the work, or None.
    """

    def __init__(self, callback: Callback | None = None) -> None:
        """``callback`` is called after every step, if there is one."""
        self._callback, self.stopped = callback, False
        self.interruption: KeyboardInterrupt | None = None
        self.restart()

    def restart(self) -> None:
        """Count from 0 again, for the next image of a batch; a wish to stop is not forgotten."""
        self.done, self.steps, self.stage = 0, 0, ""
        self._start: float | None = None
        self._warned = False

    @property
    def seconds(self) -> float:
        """Seconds since the first stage began."""
        return 0.0 if self._start is None else time.perf_counter() - self._start

    def plan(self, stage: str, steps: int) -> None:
        """Say that a stage begins, and that from now on so many steps remain in all."""
        self._begin(stage)
        self.steps = self.done + steps

    def enter(self, stage: str, steps: int) -> None:
        """Say that a stage of so many steps begins, which what was planned before may include."""
        self._begin(stage)
        self.steps = max(self.steps, self.done + steps)

    def _begin(self, stage: str) -> None:
        self.stage = stage
        if self._start is None:
            self._start = time.perf_counter()

    def step(self, entry: Entry | None = None, *, since: float = 0.0) -> bool:
        """Count one step.

        Args:
            entry: What there is to tell of it. The callback sees it with the step's number in the whole task.
            since: `seconds` when the clock of the entry began.

        Returns:
            Whether to stop.
        """
        self.done += 1
        if self._callback is not None and not self.stopped:
            if entry is None:
                entry = Entry(0, math.nan, math.nan, self.seconds, 0.0)
            entry = replace(entry, step=self.done, seconds=since + entry.seconds)
            remaining = entry.seconds / self.done * max(0, self.steps - self.done)
            with self.interruptible():
                self.stopped = bool(self._callback(Progress(entry, self.steps, remaining, self.stage)))
        return self.stopped

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """A context that Ctrl-C ends as if the callback had asked to stop; a second Ctrl-C is raised at once."""
        try:
            yield
        except KeyboardInterrupt as error:
            if self.stopped:
                raise
            self.stopped, self.interruption = True, error

    def end(self, result: Any) -> None:
        """Say that the work has ended: a ``KeyboardInterrupt`` that ended it is raised, with the attribute ``result``.

        Args:
            result: What was reached, as the task returns it.
        """
        if self.interruption is not None:
            self.interruption.result = result  # pyright: ignore[reportAttributeAccessIssue]
            raise self.interruption

    def warn(self, text: str) -> None:
        """Warn of a training that failed on the way, once for every image: tiles may have many such trainings."""
        if not self._warned:
            warnings.warn(text, DivergenceWarning, stacklevel=2)
        self._warned = True
