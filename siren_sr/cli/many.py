"""``siren-sr super-resolve IN... OUT_DIR``: many images at once, and what is shown of it."""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
from typing import Any

import numpy as np

from siren_sr import fleet, io
from siren_sr.cli.interruption import INTERRUPTION
from siren_sr.cli.output import STREAM, show_json
from siren_sr.cli.progress import Screen
from siren_sr.cli.screen import say
from siren_sr.fleet.inputs import stands_for_many


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    p = parser.add_argument_group("many images (IN is a folder, a pattern, a .txt or .csv manifest, or several files)")
    p.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that work at once, each with one thread; one IN is then cut into windows (default for many: "
        "one per processor)",
    )
    p.add_argument("--ray", nargs="?", const="", metavar="ADDRESS", help="work on Ray: here, or on the cluster ADDRESS")
    p.add_argument(
        "--format", metavar="EXT", help="of the results, or of OUT where that is -, such as png (default: as the input)"
    )
    p.add_argument("--no-recursive", action="store_true", help="leave out folders within folders")
    p.add_argument("--overwrite", action="store_true", help="make results anew that are not older than their image")
    p.add_argument("--report", metavar="FILE", help="write what came of every image as JSON")


def asked(a: argparse.Namespace) -> bool:
    """Return whether the arguments speak of many images.

    Raises:
        ValueError: They speak of one, and of what only many have; or OUT is no folder.
    """
    if STREAM in (*a.inputs, a.output) and (len(a.inputs) > 1 or stands_for_many(a.inputs[0])):
        raise ValueError("- stands for one image: give one IN and one OUT, or for many images their names and a folder")
    if len(a.inputs) > 1 or stands_for_many(a.inputs[0]):
        known = [extension for kind in io.IMAGE_FORMATS.values() for extension in kind.extensions]
        if os.path.splitext(a.output)[1].lower() in known and not os.path.isdir(a.output):
            raise ValueError(f"{a.output} is to be a folder, since there can be many images: give one, new or old")
        return True
    form = None if a.output == STREAM else a.format
    chosen = {"--format": form, "--no-recursive": a.no_recursive, "--overwrite": a.overwrite, "--report": a.report}
    ignored = [name for name, value in chosen.items() if value]
    if ignored:
        raise ValueError(f"{', '.join(ignored)}: only for many images; give folders, patterns, manifests or more files")
    return False


def where(a: argparse.Namespace) -> dict[str, Any]:
    """Return who is to work, as arguments of `siren_sr.fleet`."""
    ray = {} if a.ray is None else {"backend": "ray", "address": a.ray or None}
    return {"workers": a.workers, **ray}


def run(a: argparse.Namespace, options: dict[str, Any]) -> int:
    """Enlarge many images; returns the exit code."""
    with Shown(quiet=a.quiet) as shown:
        try:
            report = fleet.run(
                "super_resolve",
                a.inputs,
                a.output,
                format=a.format,
                recursive=not a.no_recursive,
                overwrite=a.overwrite,
                report=a.report,
                callback=shown,
                seed=a.seed,
                **where(a),
                **options,
            )
        except fleet.Interrupted as interrupted:
            shown.close()
            return say(f"{INTERRUPTION.text}; {interrupted.report}", INTERRUPTION.code)
    if not a.quiet:
        notes = collections.Counter(note for result in report.results for note in result.notes)
        for note, count in notes.items():
            say(f"{count} of {len(report.results)}: {note}", 0)
        say(str(report), 0)
    if a.json:
        show_json(report.content())
    return 1 if report.failures else 0


def in_windows(a: argparse.Namespace, image: io.ImageFile, options: dict[str, Any]) -> np.ndarray:
    """Enlarge one image in windows."""
    with Shown(quiet=a.quiet, unit="window") as shown:
        return fleet.super_resolve_windows(image, callback=shown, seed=a.seed, **where(a), **options)


class Shown:
    """What is shown of a run, as a context and as its callback: a line that counts images, and one for each failure."""

    def __init__(self, *, quiet: bool, unit: str = "image") -> None:
        """Prepare it; if ``quiet``, only failures are shown."""
        self._quiet, self._unit, self._bar, self._failed = quiet, unit, None, 0

    def __enter__(self) -> Shown:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, progress: fleet.Progress) -> None:
        """Show how far the run is. What cannot be shown does not end it."""
        with contextlib.suppress(OSError, ValueError):
            self._show(progress)

    def close(self) -> None:
        """Remove the line that counts."""
        with contextlib.suppress(OSError, ValueError):
            if self._bar is not None:
                self._bar.close()

    def _show(self, progress: fleet.Progress) -> None:
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm(
                total=progress.total, initial=progress.finished, disable=self._quiet, unit=self._unit, leave=False,
                dynamic_ncols=True, file=Screen(),
            )  # fmt: skip
        result = progress.result
        if result is not None and result.error is not None:
            self._failed += 1
            self._bar.clear()
            error = result.error if result.input in result.error else f"{result.input}: {result.error}"
            say(f"failed: {error}", 0)
            self._bar.set_postfix_str(f"{self._failed} failed", refresh=False)
        self._bar.n = progress.finished
        self._bar.refresh()
