"""One large image, cut into windows that several workers enlarge: `super_resolve_windows`.

With a prior, what a pixel of the result depends on lies near it. The network sees `LearnedUpscaler.reach` pixels of the
image, and two more for the interpolation between pixels. The correction that makes its picture explain the image,
Dᵀ (D Dᵀ + noise)⁻¹, reaches further in principle, but falls by orders of magnitude within a few pixels, since the doubt
bounds the condition of D Dᵀ. So every window is enlarged with a margin of the pixels around it, and what becomes of the
margin is thrown away. Windows and margins begin where pixels of the image and of the result do. What does depend on the
whole image is found before: its range, its contrast, and the network that has learned from it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from siren_sr import arguments, io
from siren_sr.fleet.crew import Crew
from siren_sr.fleet.report import Progress
from siren_sr.fleet.staff import Backend, Staff
from siren_sr.fleet.whole import PartPrior, Whole
from siren_sr.fleet.work import SuperResolve
from siren_sr.grids.boundaries import Boundary, per_axis, wraps
from siren_sr.io.atomic import PathLike
from siren_sr.signals import as_signal, fill_hidden, with_holes
from siren_sr.signals.orientation import turn_back, turn_upright
from siren_sr.superres import given
from siren_sr.superres.compression.compressed import Compressed
from siren_sr.superres.compression.finding import Compression, find
from siren_sr.superres.learned import photographs
from siren_sr.superres.options import SuperResolveOptions
from siren_sr.superres.task import result_size

MARGIN, STAGED = 24, 40
"""Pixels of the image around a window, and where the image is enlarged in two stages. For one stage, from 20 on no more
than rounding is left of the difference: at most 0.007 levels of 8 bits, for images of noise, scales from 1.25 to 8, and
all kernels that the prior knows."""
WINDOW = 336  # pixels of the image per side; with its margins it is as much as the network works on at once
BLOCK = 16  # pixels of a compressed image that belong together, where its colour has half of its resolution
LONGEST = 64  # the most pixels after which those of the image and of the result begin together


@dataclass(frozen=True)
class Part:
    """A window along one axis.

    Attributes:
        seen: The pixels of the image that it is made of, margins included. Where the axis wraps, there are such before
            its first and after its last.
        length: How many pixels of the result these become.
        kept: Which of them are kept.
        place: Where in the result these belong.
    """

    seen: slice
    length: int
    kept: slice
    place: slice


def super_resolve_windows(
    image: PathLike | io.ImageFile | np.ndarray,
    *,
    window: int = WINDOW,
    margin: int | None = None,
    workers: int | None = None,
    threads: int = 1,
    memory: int | None = None,
    backend: Backend = "processes",
    address: str | None = None,
    callback: Callable[[Progress], object] | None = None,
    seed: int = 0,
    **options: Any,
) -> np.ndarray:
    """Enlarge one large image in windows, which several workers share.

    The result is that of `siren_sr.super_resolve` to within one level of 8 bits, and no border shows. In this process's
    memory are the image, for a while also as floats, and the result. Images with a prior only: the search without one
    looks at the whole image. What the network learns from the image it learns once, in this process.

    Args:
        image: Path, `siren_sr.io.ImageFile`, or array (H, W[, C]) of uint8 or uint16, masked or not.
        window: Pixels of the image per side of a window, without its margins.
        margin: Pixels of the image around a window that are looked at too. Default: what is enough for the prior
            "photographs", 24 or, for two stages, 40; an upscaler of your own needs as many as it sees, and 8 more.
        workers: As in `siren_sr.fleet.run`, like all the following.
        threads: See there.
        memory: See there.
        backend: See there.
        address: See there.
        callback: Called before the work and after every window with a `Progress`; Ctrl-C ends the work.
        seed: See there.
        **options: Of `siren_sr.super_resolve`: ``scale``, ``size``, ``kernel``, ``noise``, ``prior``, ...

    Returns:
        Array of the image's type and channels; of a file, as it would be stored (not turned upright).

    Raises:
        ValueError: An option for which windows are no way, with the reason; a scale at which pixels of the image and of
            the result do not begin together every 64 pixels or less; or a bad image or option.
        TypeError: Other kinds of images or arguments.
        OSError: The file cannot be read.
        RuntimeError: A window failed, or a worker cannot be started.
    """
    task = SuperResolve(options, arguments.count("seed", seed, least=0))
    staff = Staff.of(options, workers, threads, memory, backend, address)
    window = arguments.count("window", window)
    arguments.optional_callable("callback", callback, what="a callable, Progress -> None")
    chosen = SuperResolveOptions(**options)
    pixels, turn, compressed = _upright(given.without_holes(image, chosen), chosen.compression)
    shape = pixels.shape[:2]
    size = result_size(shape, scale=chosen.scale, size=chosen.size, channels=math.prod(pixels.shape[2:]))
    _check(chosen, compressed, margin)
    file = not isinstance(image, np.ndarray)
    whole = Whole.of(pixels, size, chosen, seed=task.seed, file=file, compressed=compressed)
    task = replace(task, options={**options, "noise": whole.degradation.noise, "kernel": whole.degradation.kernel})
    margin, kinds = _margin(chosen, whole, shape, size, margin), per_axis(chosen.boundary, 2)
    multiple = 1 if compressed is None else BLOCK
    rows, columns = (
        cut(n, m, window=window, margin=margin, multiple=multiple, boundary=kind)
        for n, m, kind in zip(shape, size, kinds, strict=True)
    )
    result = np.empty((*size, *pixels.shape[2:]), pixels.dtype)
    jobs = [_Job(task, pixels, whole, compressed, result, row, column) for row in rows for column in columns]
    with staff.hire(len(jobs)) as (hire, count), Crew(hire, jobs, count) as crew:
        if callback is not None:
            callback(Progress(0, len(jobs), None))
        for finished, outcome in enumerate(crew, 1):
            if outcome.error is not None:
                raise RuntimeError(f"window {outcome.number + 1} of {len(jobs)} failed: {outcome.error}")
            if callback is not None:
                callback(Progress(finished, len(jobs), None))
    if isinstance(image, np.ma.MaskedArray):
        return with_holes(result, image)
    return turn_back(torch.from_numpy(result), turn, rows=0, columns=1).contiguous().numpy()


def cut(n: int, m: int, *, window: int, margin: int, multiple: int = 1, boundary: Boundary = "mirror") -> list[Part]:
    """Cut an axis into windows.

    Args:
        n: Pixels of the image.
        m: Pixels of the result.
        window: The most pixels of the image in a window, without margins.
        margin: The fewest pixels of the image around it, as far as there are any.
        multiple: What is seen begins and ends at multiples of so many pixels, and where the image does.
        boundary: Whether there are always any, since the axis wraps.

    Returns:
        The windows in order; what they keep covers the result once.

    Raises:
        ValueError: The pixels of the image and of the result begin together too seldom.

    Examples:
        >>> [part.seen for part in cut(10, 20, window=4, margin=1)]
        [slice(0, 4, None), slice(2, 8, None), slice(6, 10, None)]
    """
    together = n // math.gcd(n, m)
    step = math.lcm(together, multiple)
    count = math.ceil(n / window)
    if together > LONGEST and count > 1:
        raise ValueError(
            f"{n} pixels become {m}: windows need a scale at which pixels of both begin together every {LONGEST} "
            f"pixels or less, here it is {together}; take a whole scale, or cut the image to a multiple of a few pixels"
        )
    edges = sorted({min(n, round(i * n / count / step) * step) for i in range(count + 1)} | {n})
    margin = math.ceil(margin / step) * step
    parts = []
    for start, stop in itertools.pairwise(edges):
        seen = slice(start - margin, stop + margin)
        if boundary != "wrap":
            seen = slice(max(0, seen.start), min(n, seen.stop))
        place = slice(start * m // n, stop * m // n)
        first = seen.start * m // n
        parts.append(Part(seen, seen.stop * m // n - first, slice(place.start - first, place.stop - first), place))
    return parts


def _check(chosen: SuperResolveOptions, compressed: Compressed | None, margin: int | None) -> None:
    """Say why there can be no windows, if there can be none."""
    if chosen.strategy != "consistent":
        raise ValueError("the strategies of the paper train one network on the whole image: windows are no way")
    if chosen.prior is None:
        raise ValueError("prior=None searches the whole image for what repeats itself: windows need a prior")
    if compressed is not None and wraps(chosen.boundary):
        raise ValueError(
            "windows of a compressed image that wraps are no way: take compression=None, or enlarge it as a whole"
        )
    if margin is not None:
        arguments.count("margin", margin, least=0)
    elif not isinstance(chosen.prior, str):
        raise ValueError("margin= is needed with an upscaler of your own: how many pixels around one it sees, and 8")


def _margin(
    chosen: SuperResolveOptions, whole: Whole, shape: Sequence[int], size: Sequence[int], margin: int | None
) -> int:
    """Return the margin of windows."""
    if margin is not None:
        return margin
    told = whole.told
    return STAGED if told is not None and photographs.takes_stages(chosen.quality, told, shape, size) else MARGIN


def _upright(image: Any, compression: Compression) -> tuple[np.ndarray, int, Compressed | None]:
    """Return the pixels of an image as it is to be seen, the orientation that it had, and how it was compressed."""
    if isinstance(image, np.ndarray):
        file = None
    else:
        file = image if isinstance(image, io.ImageFile) else io.read_image(image)
        image = file.pixels
    if image.dtype not in (np.uint8, np.uint16) or image.ndim not in (2, 3):
        raise TypeError(f"windows need an array (H, W[, C]) of uint8 or uint16, got {image.dtype} {image.shape}")
    data = as_signal(image if file is None else file, dims=2).upright()
    compressed = find(file, data, compression)
    if file is None:
        return image, 1, compressed
    if not data.has_alpha:
        pixels = turn_upright(torch.from_numpy(image), file.orientation, rows=0, columns=1).numpy()
        return pixels, file.orientation, compressed
    filled = replace(data, values=fill_hidden(data.values)).unit  # what it takes from may lie in another window
    levels = np.iinfo(image.dtype).max
    return (filled * levels).round().movedim(0, -1).numpy().astype(image.dtype), file.orientation, compressed


def _pixels(image: np.ndarray, axis: int, seen: slice) -> np.ndarray:
    """Return some rows or columns of an image, which begins again where it ends."""
    if seen.start >= 0 and seen.stop <= image.shape[axis]:
        return image[seen] if axis == 0 else image[:, seen]
    return image.take(np.arange(seen.start, seen.stop), axis, mode="wrap")


@dataclass(frozen=True)
class WindowErrand:
    """A window on its way to a worker.

    Attributes:
        task: What to do.
        pixels: The window with its margins, (h, w[, C]).
        whole: What must be known of the whole image.
        compressed: How the window was compressed.
        size: What they become, (H, W).
        kept: Rows and columns of it that are sent back.
    """

    task: SuperResolve
    pixels: np.ndarray
    whole: Whole
    compressed: Compressed | None
    size: tuple[int, int]
    kept: tuple[slice, slice]

    def __call__(self) -> np.ndarray:
        """Enlarge it; returns what is kept."""
        # What wraps is in the margins.
        options = {
            **self.task.options,
            "scale": None,
            "size": self.size,
            "boundary": "mirror",
            "compression": self.compressed,
        }
        if self.whole.told is not None and self.whole.known is not None:
            # The quality is the prior's; who asks it would have it turn the image itself for "best".
            quality = SuperResolveOptions(**self.task.options).quality
            prior = PartPrior(self.whole.told, self.whole.known, quality, self.size)
            options |= {"prior": prior, "quality": "standard"}
        data = as_signal(self.pixels, dims=2, device=self.task.options.get("device"), part_of=self.whole.span)
        return np.ascontiguousarray(replace(self.task, options=options)(data)[self.kept])


class _Job:
    """One window."""

    def __init__(
        self,
        task: SuperResolve,
        pixels: np.ndarray,
        whole: Whole,
        compressed: Compressed | None,
        result: np.ndarray,
        row: Part,
        column: Part,
    ) -> None:
        self._task, self._pixels, self._whole, self._result = task, pixels, whole, result
        self._compressed = compressed
        self._row, self._column = row, column

    def errand(self) -> WindowErrand:
        """Return what a worker is to do."""
        row, column = self._row, self._column
        pixels = np.ascontiguousarray(_pixels(_pixels(self._pixels, 0, row.seen), 1, column.seen))
        known = None if self._compressed is None else self._compressed.window(row.seen, column.seen)
        kept = (row.kept, column.kept)
        return WindowErrand(self._task, pixels, self._whole, known, (row.length, column.length), kept)

    def finish(self, answer: np.ndarray) -> None:
        """Put the window in its place."""
        self._result[self._row.place, self._column.place] = answer
