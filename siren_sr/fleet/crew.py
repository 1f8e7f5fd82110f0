"""Workers and the work that is shared out among them: who does what, and what happens when a worker dies."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from siren_sr.fleet.processes import Died, Failed
from siren_sr.fleet.work import described

ATTEMPTS = 2  # an image over which so many workers died is given up
STARTS = 3  # so many workers may die before they are ready, when one is wanted: with their machine, for example


class Worker(Protocol):
    """Somebody who does errands: a process of this machine, or one of a cluster."""

    def wait(self) -> None:
        """Wait until the worker is ready; raises `Died` if it ended, RuntimeError if any other would do so as well."""
        ...

    def do(self, errand: Callable[[], Any]) -> Any:
        """Return the errand's result; raises `Failed` if it raised, `Died` if the worker ended before."""
        ...

    def kill(self) -> None:
        """End the worker, whatever it does."""
        ...


class Job(Protocol):
    """A piece of work."""

    def errand(self) -> Callable[[], Any]:
        """Return what a worker is to call. It is sent by pickle."""
        ...

    def finish(self, answer: Any) -> None:
        """Use what the worker returned."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Attributes:
        number: The job.
        error: Why it failed, or None.
        seconds: How long it took.
        attempts: How many workers tried.
    """

    number: int
    error: str | None
    seconds: float
    attempts: int


class Crew:
    """Workers that do jobs. Iterate over it, inside of ``with``, for the outcomes as they come.

    Every worker has a thread here that gives it one job after another, so that no more jobs are under way than there
    are workers. A worker that dies is replaced, and its job is given to the new one.

    Attributes:
        outcomes: All outcomes so far. After an interruption, which can come at any moment, they alone are complete.
    """

    def __init__(self, hire: Callable[[], Worker], jobs: Sequence[Job], workers: int) -> None:
        """Note what is to be done; nothing begins before ``with``.

        Args:
            hire: Starts a worker.
            jobs: What is to be done.
            workers: How many workers at most.
        """
        self._hire, self._count = hire, len(jobs)
        self._jobs, self._lock = iter(enumerate(jobs)), threading.Lock()
        self._outcomes: queue.SimpleQueue[Outcome | BaseException] = queue.SimpleQueue()
        self.outcomes: list[Outcome] = []
        self._hired: set[Worker] = set()
        self._ended = False
        self._threads = [threading.Thread(target=self._lead) for _ in range(min(workers, len(jobs)))]
        self._told = 0

    def __enter__(self) -> Crew:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._ended = True
            hired = list(self._hired)
        for worker in hired:
            worker.kill()
        for thread in self._threads:
            thread.join()

    def __iter__(self) -> Iterator[Outcome]:
        """Yield the outcomes of all jobs as they come.

        Raises:
            RuntimeError: A worker cannot be started.
        """
        while self._told < self._count:
            try:
                outcome = self._outcomes.get(timeout=0.5)  # where a wait cannot be interrupted, Ctrl-C comes after it
            except queue.Empty:
                continue
            if isinstance(outcome, BaseException):
                raise outcome
            self._told += 1
            yield outcome

    def _lead(self) -> None:
        """Give a worker one job after another; this is a thread's work."""
        worker = None
        try:
            while (job := self._next()) is not None:
                worker = self._give(*job, worker)
        except BaseException as error:
            if not self._ended:
                self._outcomes.put(error)
        finally:
            if worker is not None:
                self._dismiss(worker)

    def _next(self) -> tuple[int, Job] | None:
        with self._lock:
            return None if self._ended else next(self._jobs, None)

    def _give(self, number: int, job: Job, worker: Worker | None) -> Worker | None:
        """Have a job done; returns the worker that is there afterwards, if any."""
        start, error, attempts = time.perf_counter(), None, 0
        while attempts < ATTEMPTS:
            worker = worker or self._new()
            attempts += 1
            try:
                job.finish(worker.do(job.errand()))
                error = None
                break
            except Died as died:
                if self._ended:  # it did not die, it was dismissed
                    return None
                self._dismiss(worker)
                worker, error = None, f"its worker died, {attempts} of {ATTEMPTS} times: {died}"
            except Failed as failed:
                error = str(failed)
                break
            except Exception as problem:
                error = described(problem)
                break
        outcome = Outcome(number, error, time.perf_counter() - start, attempts)
        self.outcomes.append(outcome)
        self._outcomes.put(outcome)
        return worker

    def _new(self) -> Worker:
        """Start a worker, and wait for it."""
        reason = ""
        for _ in range(STARTS):
            worker = self._hire()
            with self._lock:
                self._hired.add(worker)
                ended = self._ended
            if ended:
                worker.kill()
            try:
                worker.wait()
                return worker
            except Died as died:
                if self._ended:  # it was dismissed while it started
                    raise
                self._dismiss(worker)
                reason = str(died)
        raise RuntimeError(f"no worker could be started, the last of {STARTS} died: {reason}")

    def _dismiss(self, worker: Worker) -> None:
        worker.kill()
        with self._lock:
            self._hired.discard(worker)
