"""Work on many images: `run`."""

from __future__ import annotations

import contextlib
import os
import pickle
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from siren_sr import arguments, io
from siren_sr.fleet.crew import Crew, Outcome
from siren_sr.fleet.inputs import Pair, pairs
from siren_sr.fleet.report import Interrupted, Progress, Report, Result
from siren_sr.fleet.staff import Backend, Staff
from siren_sr.fleet.work import Answer, Errand, SuperResolve, Task, described
from siren_sr.io.names import PathLike
from siren_sr.io.source import read_source

TASKS = {"super_resolve": SuperResolve}
"""Tasks by name, as classes of their options and the seed."""


def run(
    task: Literal["super_resolve"] | str | Task,
    inputs: PathLike | Sequence[PathLike],
    out: PathLike,
    *,
    workers: int | None = None,
    threads: int = 1,
    memory: int | None = None,
    backend: Backend = "processes",
    address: str | None = None,
    format: str | None = None,
    recursive: bool = True,
    overwrite: bool = False,
    report: PathLike | None = None,
    callback: Callable[[Progress], bool | None] | None = None,
    seed: int = 0,
    **options: Any,
) -> Report:
    """Do a task with many images, in several processes. An image that fails is reported, and the rest go on.

    Results appear one by one, each whole or not at all. A result that exists and is not older than its input counts as
    finished and is skipped, as ``make`` does, so that the same call goes on where an earlier one ended; with other
    options give ``overwrite=True`` or another folder. A worker that dies, for want of memory for example, is replaced,
    and its image is tried once more.

    Call it below ``if __name__ == "__main__":`` in a script, since workers import the script.

    Args:
        task: "super_resolve", or a function of a `siren_sr.io.ImageFile` that returns an array (H, W[, C]) or a PIL
            image. The function must be one of a module, so that it can be sent to processes.
        inputs: Folders, patterns such as "photos/**/*.jpg", manifests, and image files; one, or a sequence. A manifest
            is a .txt file with a path in every line, or a .csv file with lines IN or IN,OUT; IN is relative to the
            manifest, and OUT to ``out``.
        out: Folder of the results, which is made if there is none. The tree of the inputs is mirrored in it, below the
            deepest folder that all inputs share.
        workers: How many processes (default: as many as there are processors, divided by ``threads``; one if
            ``device`` is not the CPU).
        threads: How many threads each of them computes with.
        memory: How many bytes each of them may use (Linux; "processes" only). An image that needs more fails. Default:
            the machine's memory, divided by the number of workers; no limit if ``device`` is not the CPU.
        backend: "processes" of this machine, or "ray", to whose machines the files' contents are sent.
        address: Of a Ray cluster, such as "auto" or "ray://head:10001" (default: one on this machine, for this call).
        format: Extension of the results, such as "png" (default: that of the input, or "png" where such files can only
            be read).
        recursive: Whether folders within folders count.
        overwrite: Whether finished results are made anew.
        report: A file for the report as JSON, also if the run is interrupted or ends with an error.
        callback: Called before the work and after every image with a `Progress`. Once it returns True, the work ends.
        seed: Of the random numbers with which every image begins ("super_resolve" only).
        **options: Of "super_resolve", see `siren_sr.super_resolve`: ``scale=2`` for example.

    Returns:
        The `Report`: what came of every image.

    Raises:
        ValueError: Nothing was found, an image was given twice, two results would have the same name, or an option
            cannot be used.
        TypeError: Arguments of another kind.
        OSError: An input is missing, or ``out`` or ``report`` cannot be written.
        ImportError: Ray is not installed.
        RuntimeError: A worker cannot be started.
        Interrupted: Ctrl-C was pressed. It is a KeyboardInterrupt whose ``report`` says what was finished.
    """
    job = _task(task, options, seed)
    staff = Staff.of(options, workers, threads, memory, backend, address)
    arguments.optional_callable("callback", callback, what="a callable, Progress -> bool")
    found = pairs(inputs, out, recursive=arguments.flag("recursive", recursive), format=format)
    os.makedirs(out, exist_ok=True)
    if report is not None:
        io.check_folder(report)
    skipped = [not arguments.flag("overwrite", overwrite) and _finished(pair) for pair in found]
    work = _Run(found, skipped, callback)
    try:
        if not all(skipped):
            work.do(job, staff)
    except KeyboardInterrupt as interrupt:
        work.stopped = True
        raise Interrupted(work.report()) from interrupt
    finally:
        if report is not None:
            work.report().write(report)
    return work.report()


def _task(task: Any, options: dict[str, Any], seed: int) -> Task:
    """Return what is to be done with an image."""
    if isinstance(task, str):
        kind = arguments.resolve("task", task, TASKS, what="a function of an image")
        chosen: Task = kind(options, arguments.count("seed", seed, least=0))
    elif options or seed != 0:
        names = ", ".join([*options, *(["seed"] if seed else [])])
        raise TypeError(f"{names}: a task of your own takes no options here: use functools.partial(task, ...)")
    else:
        chosen = arguments.resolve("task", task, {}, what="a function of an image")
    try:
        pickle.dumps(chosen)
    except Exception as error:  # pickle raises many kinds
        raise TypeError(
            f"the task cannot be sent to a process ({described(error)}): use functions of modules"
        ) from error
    return chosen


def _finished(pair: Pair) -> bool:
    """Whether the result is a file that exists and is not older than the input."""
    try:
        newer = os.stat(pair.target).st_mtime_ns >= os.stat(pair.source).st_mtime_ns
        return newer and os.path.isfile(pair.target)
    except OSError:
        return False


class _Job:
    """One image."""

    def __init__(self, task: Task, pair: Pair, folder: str | None) -> None:
        """Note it; without a folder for a moment's files, the file's content is sent."""
        self._task, self._pair, self._folder = task, pair, folder
        self.moved, self.notes = 0, ()

    def errand(self) -> Errand:
        """Return what a worker is to do."""
        os.makedirs(os.path.dirname(self._pair.target), exist_ok=True)
        io.check_folder(self._pair.target)
        data = None
        if self._folder is None:
            data, _ = read_source(self._pair.source)
            self.moved += len(data)
        suffix = os.path.splitext(self._pair.target)[1]
        return Errand(self._task, self._pair.source, suffix, data, self._folder)

    def finish(self, answer: Answer) -> None:
        """Write the result."""
        if self._folder is None:
            self.moved += len(answer.data)
        io.atomic_write(self._pair.target, lambda stream: stream.write(answer.data))
        self.notes = answer.notes


class _Run:
    """A run: what came of every image so far."""

    def __init__(
        self, found: Sequence[Pair], skipped: Sequence[bool], callback: Callable[[Progress], bool | None] | None
    ) -> None:
        self._start = time.perf_counter()
        self._results = [
            Result(pair.source, pair.target, "skipped" if skip else "left")
            for pair, skip in zip(found, skipped, strict=True)
        ]
        self._pairs, self._callback = found, callback
        self._workers, self._moved, self.stopped = 0, 0, False

    def report(self) -> Report:
        """What was reached."""
        seconds = time.perf_counter() - self._start
        return Report(tuple(self._results), seconds, self.stopped, self._workers, self._moved)

    def do(self, task: Task, staff: Staff) -> None:
        """Do what is left."""
        numbers = [i for i, result in enumerate(self._results) if result.status == "left"]
        with contextlib.ExitStack() as stack:
            folder = None
            if staff.backend != "ray":
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="siren-sr-"))
            jobs = [_Job(task, self._pairs[i], folder) for i in numbers]
            if self._told(None):
                return
            hire, self._workers = stack.enter_context(staff.hire(len(jobs)))
            crew = Crew(hire, jobs, self._workers)
            try:
                with crew:
                    for outcome in crew:
                        if self._told(self._note(numbers, jobs, outcome)):
                            break
            finally:
                for outcome in crew.outcomes:
                    self._note(numbers, jobs, outcome)
                self._moved = sum(job.moved for job in jobs)

    def _note(self, numbers: Sequence[int], jobs: Sequence[_Job], outcome: Outcome) -> Result:
        """Note what came of an image."""
        number = numbers[outcome.number]
        old, status = self._results[number], "done" if outcome.error is None else "failed"
        notes = jobs[outcome.number].notes
        result = Result(old.input, old.output, status, outcome.seconds, outcome.error, outcome.attempts, notes)
        self._results[number] = result
        return result

    def _told(self, result: Result | None) -> bool:
        """Tell the callback; returns whether the work is to end."""
        finished = sum(result.status != "left" for result in self._results)
        if self._callback is not None and self._callback(Progress(finished, len(self._results), result)):
            self.stopped = finished < len(self._results)
            return True
        return False
