"""What is done, of how much, in which stage; and whether to stop.

A `Monitor` goes along with every long piece of work. Whoever works tells it of each step; it tells the user's callback
and passes on what the callback answers.
"""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from siren_sr.training.bar import Bar
from siren_sr.training.best import DivergenceWarning
from siren_sr.training.checkpoint import Checkpoint

T = TypeVar("T")


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

    @staticmethod
    def of(row: Sequence[float]) -> Entry:
        """The entry whose fields are these numbers, in their order; what is missing at the end has its default."""
        step, loss, psnr, seconds, lr, *counts = row
        return Entry(int(step), loss, psnr, seconds, lr, *map(int, counts))


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

    Once the callback has returned True it is not called again, and every further `step` answers True. It is used as a
    context, with which its progress bar ends.

    Attributes:
        done: Steps made.
        steps: Steps planned in total.
        stage: Name of the present stage.
        stopped: Whether the callback asked to stop, or the user pressed Ctrl-C.
        interruption: The ``KeyboardInterrupt`` that ended the work, or None.
    """

    def __init__(
        self, callback: Callback | None = None, checkpoint: Checkpoint | None = None, *, bar: bool = False
    ) -> None:
        """``callback`` is called after every step and ``checkpoint`` is written in time, if there are such.

        Args:
            callback: The user's.
            checkpoint: The file that holds what was reached.
            bar: Whether to show a progress bar.
        """
        self._checkpoint, self._bar = checkpoint, Bar() if bar else None
        self._callback, self.stopped = callback, False
        self.interruption: KeyboardInterrupt | None = None
        self.restart()

    def __enter__(self) -> Monitor:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._bar is not None:
            self._bar.close(complete=kind is None and not self.stopped)

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
        if self._checkpoint is not None and not self.stopped:
            self._checkpoint.step()
        if (self._callback is not None or self._bar is not None) and not self.stopped:
            if entry is None:
                entry = Entry(0, math.nan, math.nan, self.seconds, 0.0)
            entry = replace(entry, step=self.done, seconds=since + entry.seconds)
            remaining = entry.seconds / self.done * max(0, self.steps - self.done)
            progress = Progress(entry, self.steps, remaining, self.stage)
            with self.interruptible():
                if self._bar is not None:
                    self._bar(progress)
                if self._callback is not None:
                    self.stopped = bool(self._callback(progress))
            if self.stopped and self._checkpoint is not None:
                self._checkpoint.write()
        return self.stopped

    @contextlib.contextmanager
    def part(self, name: str, save: Callable[[], Any] | None = None, *, remember: bool = True) -> Iterator[Any]:
        """A part of the work that a checkpoint tells apart; without a checkpoint this does nothing.

        Args:
            name: Its name.
            save: Function that returns its state, of tensors and plain values, whenever a step is told, and its result
                at the end. None: only parts of it have states.
            remember: Whether its last state is kept as its result.

        Yields:
            The state that a checkpoint holds of it, from which it is to go on, or None.
        """
        if self._checkpoint is None:
            yield None
            return

        def told() -> Any:
            state = None if save is None else save()
            return None if state is None else {"at": (self.done, self.steps, self.stage, self.seconds), "state": state}

        known, finished = self._checkpoint.enter(name, None if save is None else told), False
        if known is not None:
            self.done, self.steps, self.stage, seconds = known["at"]
            self._start = time.perf_counter() - seconds
        try:
            yield None if known is None else known["state"]
            finished = True
        finally:
            self._checkpoint.leave(keep=finished and not self.stopped, remember=remember)

    def once(self, name: str, compute: Callable[[], T], *, generator: torch.Generator | None = None) -> T:
        """What a function returns, of tensors and plain values; where a checkpoint holds it, it is not computed again.

        Args:
            name: Name of this part of the work.
            compute: The function.
            generator: The generator that it draws from, which then has drawn as much as it did.
        """
        result: list[T] = []

        def save() -> Any:
            return {"result": result[0], "generator": drawn(generator)} if result else None

        with self.part(name, save) as known:
            if known is not None:
                result.append(known["result"])
                redraw(generator, known["generator"])
            else:
                result.append(compute())
        return result[0]

    def check(self) -> None:
        """Raise a TypeError if a checkpoint is wanted that cannot hold what it would have to."""
        if self._checkpoint is not None:
            self._checkpoint.check()

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
        """Say that the whole work has ended.

        A checkpoint is marked as complete. A ``KeyboardInterrupt`` that ended the work is raised, with the attribute
        ``result``.

        Args:
            result: What was reached, as the task returns it.
        """
        if self.interruption is not None:
            self.interruption.result = result  # pyright: ignore[reportAttributeAccessIssue]
            raise self.interruption
        if self._checkpoint is not None and not self.stopped:
            self._checkpoint.write(complete=True)

    def warn(self, text: str) -> None:
        """Warn of a training that failed on the way, once for every image: tiles may have many such trainings."""
        if not self._warned:
            warnings.warn(text, DivergenceWarning, stacklevel=2)
        self._warned = True


def drawn(generator: torch.Generator | None) -> Tensor | None:
    """How much a generator has drawn, for `redraw`."""
    return None if generator is None else generator.get_state()


def redraw(generator: torch.Generator | None, state: Tensor | None) -> None:
    """Let a generator go on from where it was."""
    if generator is not None and state is not None:
        generator.set_state(state)
