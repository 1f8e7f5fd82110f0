"""How much memory there is, the refusal of work that would need more, and errors that tell of a lack of it."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np


class TooLargeError(MemoryError, ValueError):
    """What is asked for needs more memory than there is; a smaller input or part would do."""


def check_memory(
    shape: Sequence[int],
    dtype: Any,
    *,
    copies: float = 1.0,
    max_memory: float | None = None,
    what: str = "for this",
    advice: str = "cut it into parts",
) -> None:
    """Refuse an array that would not fit into memory.

    Args:
        shape: the shape of the array.
        dtype: its NumPy data type.
        copies: how many arrays of this size the work holds at its peak.
        max_memory: bytes that may be used; by default, those that are free on the machine for this process.
        what: the purpose, for the error's text, such as "to read photo.png".
        advice: what to do, for the error's text.

    Raises:
        TooLargeError: it would need more.

    Examples:
        >>> check_memory((1000, 1000, 3), "uint8", max_memory=4e6)
        >>> check_memory((1000, 1000, 3), "float32", max_memory=4e6, what="for it")
        Traceback (most recent call last):
        siren_sr.io.memory.TooLargeError: 12.0 MB of memory are needed for it, 4.0 MB are allowed: cut it into parts
    """
    free = available_memory() if max_memory is None else max_memory
    needed = math.prod(int(n) for n in shape) * np.dtype(dtype).itemsize * copies
    if free is not None and needed > free:
        free_text = f"{in_words(free)} are {'free' if max_memory is None else 'allowed'}"
        raise TooLargeError(f"{in_words(needed)} of memory are needed {what}, {free_text}: {advice}")


def in_words(size: float) -> str:
    """Return a number of bytes with a unit, such as "1.5 GB"."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


def available_memory() -> int | None:
    """Return the bytes of memory that this process can still get, or None where the system does not tell.

    It is the least of what the machine has free (on Linux without swapping), what a container's limit leaves, and
    what the process's own limit (`ulimit -v`) leaves.
    """
    return min(_limits(), default=None)


def _limits() -> Iterator[int]:
    """Yield everything that limits the memory of this process, in bytes."""
    with contextlib.suppress(OSError, LookupError, ValueError):
        fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        yield int(fields["MemAvailable"].split()[0]) * 1024
    yield from (left for _, left in _containers())
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            yield max(0, limit - pages * os.sysconf("SC_PAGE_SIZE"))


def total_memory() -> int | None:
    """Return the bytes of memory of this machine or of its container; None where the system does not tell."""
    found = [most for most, _ in _containers()]
    with contextlib.suppress(OSError, ValueError, AttributeError):
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min((size for size in found if size > 0), default=None)


def is_lack_of_memory(error: BaseException, text: str) -> bool:
    """Return whether an exception, which says this text, tells that memory ran out, also that of a GPU."""
    return isinstance(error, MemoryError) or any(t in text.lower() for t in ("out of memory", "allocate memory"))


def _containers() -> Iterator[tuple[int, int]]:
    """Yield the limit of every control group that this process is in, and what it leaves, in bytes."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, own = line.split(":", 2)
            if not controllers:
                yield from _groups("/sys/fs/cgroup", own, "max", "current", "inactive_file")
            elif controllers == "memory":
                names = ("limit_in_bytes", "usage_in_bytes", "total_inactive_file")
                yield from _groups("/sys/fs/cgroup/memory", own, *names)


def _groups(root: str, own: str, limit: str, used: str, idle: str) -> Iterator[tuple[int, int]]:
    """Yield the limit of this process's control group, and of those above it, and what it leaves.

    Files that the system keeps in memory can be dropped, so that the idle ones count as free.
    """
    folder = Path(root, own.lstrip("/"))
    for place in (folder, *folder.parents):
        if place.is_relative_to(root):
            with contextlib.suppress(OSError, LookupError, ValueError):
                most, held = (int((place / f"memory.{name}").read_text()) for name in (limit, used))
                fields = dict(line.split() for line in (place / "memory.stat").read_text().splitlines())
                yield most, max(0, most - held + int(fields[idle]))
