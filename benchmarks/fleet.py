"""Many images: how many per minute, with processes of one thread or threads of one process; and bytes on the way.

    python -m benchmarks.fleet [--images 64] [--side 64] [--scale 4] [--processors 2] [--ray] [--megapixels 1]

The images are parts of photographs that scikit-image ships. "In all" counts from the call to the last image, the start
of the workers and of the library included; "running" counts from when every worker has finished an image. Then come
batches against single images, in this process with one thread, and one large image in windows. The last lines are the
bytes that travel to workers and back, for every megapixel of results: those of files, and those of windows.
"""

from __future__ import annotations

import argparse
import pickle
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import header
from siren_sr import fleet, io, super_resolve
from siren_sr.fitting.degradation import Degradation
from siren_sr.fleet.processes import processors
from siren_sr.fleet.staff import Backend
from siren_sr.fleet.whole import Whole
from siren_sr.fleet.windows import STAGED, WINDOW, WindowErrand, cut
from siren_sr.fleet.work import SuperResolve
from siren_sr.signals import ranges
from siren_sr.superres.learned import photographs, unlike


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Many images in processes and threads.")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--scale", type=int, default=4)
    parser.add_argument("--processors", type=int, default=processors())
    parser.add_argument("--ray", action="store_true", help="also on Ray")
    parser.add_argument("--megapixels", type=float, default=1.0, help="of the large image's result; 0 leaves it out")
    a = parser.parse_args()
    print(header(threads=1))
    pictures = parts(a.images, a.side)
    print(f"{a.images} images {a.side}x{a.side}, x{a.scale}")
    print("| backend | workers | threads each | images per minute, in all | running |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for i, picture in enumerate(pictures):
            io.write_image(Path(folder, f"{i}.png"), picture)
        reports = [
            timed(folder, workers, threads, a.scale) for workers, threads in ((1, a.processors), (a.processors, 1))
        ]
        if a.ray:
            reports.append(timed(folder, a.processors, 1, a.scale, backend="ray"))
        area = a.images * (a.side * a.scale) ** 2 / 1e6
        counted = [f"{1e-6 * report.bytes_moved / area:.2f}" for report in reports]
    print(
        f"MB of files to workers and back per megapixel of results: {', '.join(counted)} (none where all see the disk)"
    )
    batches(pictures, a.scale)
    if a.megapixels:
        windows(round((1e6 * a.megapixels) ** 0.5 / a.scale), a.scale, a.processors)


def parts(count: int, side: int) -> list[np.ndarray]:
    """Return parts of photographs at evenly spread places, (side, side, 3) of uint8."""
    from skimage import data

    photographs = [data.astronaut(), data.chelsea(), data.coffee()]
    found = []
    for i in range(count):
        photograph = photographs[i % len(photographs)]
        row, column = (int(i / count * max(0, n - side)) for n in photograph.shape[:2])
        found.append(np.ascontiguousarray(photograph[row : row + side, column : column + side]))
    return found


def timed(folder: str, workers: int, threads: int, scale: int, backend: Backend = "processes") -> fleet.Report:
    """Enlarge all images of a folder, print the table's row, and return the report."""
    times: list[float] = []

    def note(progress: fleet.Progress) -> None:
        times.append(time.perf_counter())

    how: dict[str, Any] = {"workers": workers, "threads": threads, "backend": backend, "callback": note}
    with tempfile.TemporaryDirectory() as out:
        report = fleet.run("super_resolve", folder, out, scale=scale, **how)
    running = (len(times) - 1 - workers) / (times[-1] - times[workers]) if len(times) > workers + 1 else float("nan")
    rate = report.count("done") / report.seconds
    print(f"| {backend} | {workers} | {threads} | {60 * rate:.0f} | {60 * running:.0f} |")
    return report


def batches(pictures: list[np.ndarray], scale: int) -> None:
    """Compare a batch with single images, with one thread."""
    images = torch.from_numpy(np.stack(pictures[:16])).movedim(-1, 1)
    single = seconds(lambda: [super_resolve(image, scale) for image in images])
    batch = seconds(lambda: super_resolve(images, scale))
    print(
        f"one thread: {60 * len(images) / single:.0f} single images per minute, {60 * len(images) / batch:.0f} batched"
    )


def windows(side: int, scale: int, workers: int) -> None:
    """Enlarge one large image whole and in windows, compare the results, and count bytes."""
    (picture,) = parts(1, 256)
    picture = np.pad(picture, ((0, max(0, side - 256)), (0, max(0, side - 256)), (0, 0)), mode="symmetric")
    picture = np.ascontiguousarray(picture[:side, :side])
    torch.set_num_threads(workers)
    start = time.perf_counter()
    whole = super_resolve(picture, scale)
    alone = time.perf_counter() - start
    start = time.perf_counter()
    found = fleet.super_resolve_windows(picture, scale=scale, workers=workers)
    shared = time.perf_counter() - start
    apart = np.abs(found.astype(int) - whole)
    print(
        f"{side}x{side} -> {whole.shape[0]}x{whole.shape[1]}: {alone:.1f} s with {workers} threads, {shared:.1f} s in"
    )
    print(f"windows of {WINDOW} + 2·{STAGED}; they differ by at most {apart.max()} levels, in {(apart > 0).mean():.2%}")
    sent, back = traffic(4096, scale)
    print(f"windows of a large image: {sent:.2f} MB to workers and {back:.2f} MB back per megapixel of the result")


def traffic(side: int, scale: int) -> tuple[float, float]:
    """Return the pickled megabytes of windows sent, and of results sent back, for every megapixel of a large result."""
    parts = cut(side, side * scale, window=WINDOW, margin=STAGED)
    sent, back = 0, 0
    known = photographs.Known(unlike.view(torch.rand(1, 3, 8, 8)), photographs.network())
    span = ranges.Range(0.0, 255.0, 0.0, 255.0, full=255.0)
    whole = Whole(span, Degradation("bicubic", 0.0), photographs.Conditions(), known)
    for row in parts:
        for column in parts:
            pixels = np.zeros((row.seen.stop - row.seen.start, column.seen.stop - column.seen.start, 3), np.uint8)
            kept = (row.kept, column.kept)
            sent += len(
                pickle.dumps(WindowErrand(SuperResolve({}), pixels, whole, None, (row.length, column.length), kept))
            )
            answer = np.zeros((row.kept.stop - row.kept.start, column.kept.stop - column.kept.start, 3), np.uint8)
            back += len(pickle.dumps((True, answer)))
    return sent / (side * scale) ** 2, back / (side * scale) ** 2


def seconds(function: Callable[[], object]) -> float:
    """Return the least time of three calls."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    main()
