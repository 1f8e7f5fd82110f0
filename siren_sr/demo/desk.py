"""Pieces of work in threads: they wait for a place, tell how far they are, and end when they are asked to.

Nobody can end a thread from outside. A job that is halted or has used up its time ends after its present step, when the
library asks its callback; until then it keeps its place, so that no more jobs run at once than there are places.
"""

from __future__ import annotations

import math
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from siren_sr.demo.limits import Limits
from siren_sr.training.progress import Progress

PATIENCE = 0.25  # seconds between two reports of a job


class HaltedError(Exception):
    """Somebody asked the job to end, and does not want its result."""


@dataclass(frozen=True)
class Report:
    """How far a job is.

    Attributes:
        fraction: What is done, in [0, 1], or None where that is not known yet.
        text: The same in words.
        result: What the job returned, once it has ended.
        ended: Whether it has.
    """

    fraction: float | None
    text: str
    result: Any = None
    ended: bool = False


class Job:
    """One piece of work, as it sees itself: it passes ``callback`` to the library.

    Attributes:
        folder: Where it may write its results.
        late: Whether it was ended since its time was used up.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        """A job that may take so many seconds from `begin` on."""
        self.folder, self.late = folder, False
        self._seconds, self._end = seconds, math.inf
        self._halted, self._progress = threading.Event(), None
        self._begun = self._ended = False
        self._result: Any = None
        self._error: BaseException | None = None
        self._told = threading.Condition()

    @property
    def halted(self) -> bool:
        """Whether it was asked to end."""
        return self._halted.is_set()

    def halt(self) -> None:
        """Ask it to end."""
        self._halted.set()
        with self._told:
            self._told.notify_all()

    def callback(self, progress: Progress) -> bool:
        """Note how far the library is, and answer whether it is to stop."""
        self._progress = progress
        if time.monotonic() > self._end and progress.entry.step < progress.steps:
            self.late = True
        return self.late or self.halted

    def begin(self) -> None:
        """Start the clock."""
        self._begun, self._end = True, time.monotonic() + self._seconds

    def end(self, result: Any = None, error: BaseException | None = None) -> None:
        """Note how it came out."""
        with self._told:
            self._result, self._error, self._ended = result, error, True
            self._told.notify_all()

    def wait(self) -> Report:
        """Wait a moment and tell how far it is.

        Raises:
            HaltedError: It was halted.
            Exception: Whatever the work raised.
        """
        with self._told:
            self._told.wait_for(lambda: self._ended or self.halted, timeout=PATIENCE)
        if self.halted:
            raise HaltedError
        if self._error is not None:
            raise self._error
        if self._ended:
            return Report(1.0, "Done.", self._result, ended=True)
        if self._progress is None:
            return Report(None, "Starting …" if self._begun else "Waiting for other work to end …")
        return _of(self._progress)


def _of(progress: Progress) -> Report:
    """What a `Progress` says to a visitor."""
    entry, steps = progress.entry, max(1, progress.steps)
    words = [f"{progress.stage}: step {entry.step} of {steps}"]
    if math.isfinite(entry.psnr):
        words.append(f"{entry.psnr:.1f} dB")
    if progress.remaining >= 1:
        words.append(f"about {progress.remaining:.0f} s left")
    return Report(min(1.0, entry.step / steps), ", ".join(words))


class Desk:
    """Where visitors hand in their work.

    A visitor has one job at a time in each of the page's tabs; a new one takes the place of the last one.
    """

    def __init__(self, root: Path, limits: Limits) -> None:
        """A desk whose work writes its files into the folder ``root``, which exists."""
        self._root, self.limits = root, limits
        self._places = threading.Semaphore(limits.jobs)
        self._lock = threading.Lock()
        self._jobs: dict[tuple[str, str], Job] = {}

    def run(self, visitor: str, tab: str, work: Callable[[Job], Any]) -> Iterator[Report]:
        """Do some work in a thread, and tell how far it is until it has ended.

        Whoever gives up this iterator halts the work. The files of the work are removed when the iterator is asked for
        more after the last report; until then they can be copied.

        Args:
            visitor: Name of the visitor's session, which the browser has made up and which may be anything.
            tab: Name of the tab.
            work: What to do.

        Raises:
            HaltedError: It was halted.
            Exception: Whatever the work raised.
        """
        self.halt(visitor, tab)
        job = Job(Path(tempfile.mkdtemp(dir=self._root)), self.limits.seconds)
        with self._lock:
            self._jobs[visitor, tab] = job
        threading.Thread(target=self._do, args=(job, work), name=tab, daemon=True).start()
        try:
            report = Report(None, "")
            while not report.ended:
                report = job.wait()
                yield report
        finally:
            job.halt()
            shutil.rmtree(job.folder, ignore_errors=True)
            with self._lock:
                if self._jobs.get((visitor, tab)) is job:
                    del self._jobs[visitor, tab]

    def halt(self, visitor: str, tab: str | None = None) -> None:
        """Halt the visitor's work, in one tab or all."""
        with self._lock:
            jobs = [job for (who, where), job in self._jobs.items() if who == visitor and tab in (None, where)]
        for job in jobs:
            job.halt()

    def close(self) -> None:
        """Halt everything."""
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.halt()

    def _do(self, job: Job, work: Callable[[Job], Any]) -> None:
        result, error = None, None
        try:
            with self._place(job) as free:
                if free:
                    job.begin()
                    result = work(job)
        except BaseException as problem:  # it is raised where the visitor is told of it
            error = problem
        job.end(result, error)

    @contextmanager
    def _place(self, job: Job) -> Iterator[bool]:
        """Wait for a place; yields whether the job is still wanted then."""
        while not (free := self._places.acquire(timeout=PATIENCE)) and not job.halted:
            pass
        try:
            yield free and not job.halted
        finally:
            if free:
                self._places.release()
