"""What a reproduction is asked, a `Setup`, and what it answers, a `Report` that can be printed and saved."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from siren_sr import io
from siren_sr.superres.upscaler import Prior
from siren_sr.training.progress import Callback, Progress

CHANNELS_DB = 10 * math.log10(3)  # the dB by which the paper's PSNR of a colour image lies below the usual PSNR

Cell = float | str | None
"""One cell of a table: a number, a text, or nothing."""


@dataclass(frozen=True)
class Setup:
    """How to run an experiment of the paper.

    Attributes:
        data: Folder with the paper's images (``0803x4.png``, ``0803.png``, ...).
        images: Names of the images to use; None for the experiment's own.
        epochs: Number of epochs of every training; None for the experiment's own.
        quick: Whether to use fewer epochs and images, so that two processor cores need minutes.
        as_published: Whether to follow the published code where it differs from the paper's text.
        seed: Seed of the initial weights.
        device: Where to compute (default: the CPU).
        prior: Upscaler of the user's own, which Table 7 then measures as well.
        tell: Function that is told what was done, line by line.
        callback: Function that is called with a `Progress` after every step of every training; if it returns True, the
            experiment ends.
    """

    data: Path | None = None
    images: tuple[str, ...] | None = None
    epochs: int | None = None
    quick: bool = False
    as_published: bool = False
    seed: int = 0
    device: str | None = None
    prior: Prior | None = None
    tell: Callable[[str], None] = lambda line: None
    callback: Callback | None = None

    def choose(self, full: Any, quick: Any) -> Any:
        """Return the setting for a quick run or that for a full one, whichever this is."""
        return quick if self.quick else full

    def steps(self, full: int, quick: int) -> int:
        """Return the number of epochs of a training: the user's, or else that of a quick or of a full run."""
        return self.choose(full, quick) if self.epochs is None else self.epochs

    def generator(self, number: int = 0) -> torch.Generator:
        """Return a fresh generator, whose seed is the same for the same number."""
        return torch.Generator().manual_seed(self.seed + number)

    def watch(self, progress: Progress) -> None:
        """Ask the user's callback, if there is one; this method is the callback of every training.

        Raises:
            Stopped: The user's callback returned True.
        """
        if self.callback is not None and self.callback(progress):
            raise Stopped


class Stopped(Exception):  # noqa: N818 (no error)
    """The user's callback asked to end the experiment."""


@dataclass(frozen=True)
class Table:
    """Numbers with their labels.

    Attributes:
        title: What the numbers are.
        columns: The names of the columns, of which the first holds the labels.
        rows: The rows, each with its label and one cell per further column; a cell without a number is None.

    Raises:
        ValueError: A row does not have one cell per further column.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]

    def __post_init__(self) -> None:
        """Check that every row has a cell for every column."""
        for label, cells in self.rows:
            if len(cells) != len(self.columns) - 1:
                raise ValueError(f"row {label!r} has {len(cells)} cells for {len(self.columns) - 1} columns")

    def markdown(self) -> str:
        """Return the table in Markdown, below its title."""
        lines = [self.columns, ("---",) * len(self.columns)]
        lines += [(label, *map(_shown, cells)) for label, cells in self.rows]
        return f"{self.title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


@dataclass(frozen=True)
class Report:
    """What came out of an experiment.

    Attributes:
        title: Title of the paper's table or figure.
        tables: Measured and published numbers, side by side.
        notes: What a reader must know to compare them.
        settings: What was run: images, epochs and so on, by name.
        draw: Function that draws the picture and returns a ``matplotlib.figure.Figure``.
    """

    title: str
    tables: tuple[Table, ...]
    notes: tuple[str, ...]
    settings: dict[str, Any]
    draw: Callable[[], Any]

    def text(self) -> str:
        """Return everything but the picture as a text."""
        settings = ", ".join(f"{key} {value}" for key, value in self.settings.items())
        return "\n\n".join([self.title, settings, *(t.markdown() for t in self.tables), *self.notes])

    def save(self, folder: str | os.PathLike[str], name: str) -> tuple[Path, Path]:
        """Write NAME.json and NAME.png, and return their paths.

        Args:
            folder: Folder of the two files, which is made if there is none.
            name: Their NAME.

        Raises:
            OSError: The folder cannot be made, or nothing can be written into it.
            ImportError: Matplotlib is not installed.
        """
        path = Path(folder)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(error.errno, f"cannot make the folder {path}: {error.strerror or error}") from error
        content = {
            "title": self.title,
            "settings": self.settings,
            "tables": [
                {"title": t.title, "columns": t.columns, "rows": [[label, *map(_plain, row)] for label, row in t.rows]}
                for t in self.tables
            ],
            "notes": self.notes,
        }
        data = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False).encode()
        figure = self.draw()
        io.atomic_write(path / f"{name}.json", lambda file: file.write(data))
        io.atomic_write(path / f"{name}.png", lambda file: figure.savefig(file, format="png", dpi=100))
        return path / f"{name}.json", path / f"{name}.png"


def versions(setup: Setup) -> dict[str, Any]:
    """Return what a run depends on besides its settings, such as the versions of the libraries."""
    from siren_sr import __version__

    return {
        "seed": setup.seed,
        "follows": "the published code" if setup.as_published else "the paper's text",
        "siren_sr": __version__,
        "torch": torch.__version__,
        "machine": platform.machine(),
        "device": setup.device or "cpu",
        "threads": torch.get_num_threads(),
    }


def shortened(steps: int, full: int) -> tuple[str, ...]:
    """Return the note that a training had another number of epochs than the paper's, or no note if it had not."""
    note = f"{steps} epochs instead of the paper's {full}: only the order of the rows can be compared."
    return () if steps == full else (note,)


def mean_and_std(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and the sample standard deviation of some values, as the paper's tables have them."""
    from siren_sr import metrics

    found = metrics.summary(values)
    return found.mean, found.std


def _shown(cell: Cell) -> str:
    """Return the text that a table shows for a cell."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, str):
        return cell
    return f"{cell:.2f}" if abs(cell) >= 0.1 or cell == 0 else f"{cell:.2e}"


def _plain(cell: Cell) -> Cell:
    """Return a cell as JSON can hold it: NaN becomes None, and an infinite number becomes a text."""
    return str(cell) if isinstance(cell, float) and math.isinf(cell) else None if cell != cell else cell
