"""What came of the work on many images: a line for each, the totals, and a JSON file of both."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from siren_sr import io
from siren_sr.io.atomic import PathLike

Status = Literal["done", "skipped", "failed", "left"]


@dataclass(frozen=True)
class Result:
    """What came of one image.

    Attributes:
        input: The file.
        output: The file that it becomes.
        status: "done"; "skipped", since the output was finished before; "failed"; or "left", since the run was stopped
            before the image was finished.
        seconds: How long it took, all attempts together.
        error: Why it failed, in one line; None if it did not.
        attempts: How often it was tried: 2 if the first worker died over it.
        notes: What the library said of its choices: whether details come from a prior, for example.
    """

    input: str
    output: str
    status: Status
    seconds: float = 0.0
    error: str | None = None
    attempts: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """What came of a run.

    Attributes:
        results: One for every input, in their order.
        seconds: How long the run took.
        stopped: Whether it was interrupted, or stopped by its callback.
        workers: How many workers there were at most.
        bytes_moved: Bytes of image files that were sent to workers and back; none where workers read files themselves,
            apart from the finished ones.
    """

    results: tuple[Result, ...]
    seconds: float
    stopped: bool
    workers: int
    bytes_moved: int = 0

    def count(self, status: Status) -> int:
        """Return how many images have a status."""
        return sum(result.status == status for result in self.results)

    @property
    def failures(self) -> tuple[Result, ...]:
        """The images that failed."""
        return tuple(result for result in self.results if result.status == "failed")

    def __str__(self) -> str:
        """The totals in one line."""
        counts = {status: self.count(status) for status in ("done", "skipped", "failed", "left")}
        told = [f"{n} {status}" for status, n in counts.items() if n or status == "done"]
        return f"{len(self.results)} images: {', '.join(told)}"

    def content(self) -> dict[str, Any]:
        """Return the report as JSON can hold it."""
        statuses: tuple[Status, ...] = ("done", "skipped", "failed", "left")
        return {"totals": {status: self.count(status) for status in statuses}, **asdict(self)}

    def write(self, path: PathLike) -> None:
        """Write the report as JSON, whole or not at all.

        Raises:
            OSError: It cannot be written.
        """
        text = json.dumps(self.content(), indent=1) + "\n"  # ASCII, which also holds file names that are no UTF-8
        io.atomic_write(path, lambda stream: stream.write(text.encode()))


@dataclass(frozen=True)
class Progress:
    """How far a run is, which its callback is given after every image.

    Attributes:
        finished: How many images are done, skipped or failed.
        total: How many there are.
        result: The image that has just been finished; None for the first call, before the work.
    """

    finished: int
    total: int
    result: Result | None


class Interrupted(KeyboardInterrupt):
    """Ctrl-C was pressed, or the process was told to end. Everything that was finished by then is kept.

    Attributes:
        report: What was reached.
    """

    def __init__(self, report: Report) -> None:
        """Make it from what was reached."""
        super().__init__(f"interrupted: {report}")
        self.report = report
