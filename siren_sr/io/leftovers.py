"""The names of temporary files tell who wrote them, so that what a killed process left behind can be swept."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import re
import secrets
import time
from pathlib import Path

_DAY = 86400.0
_PATTERN = re.compile(r"\.siren-sr-([0-9a-f]{8})-(\d+)-[0-9a-f]{16}\.tmp")
_PAUSE = 60.0  # seconds in which a folder is not looked through again, since it may hold very many files
_swept: dict[str, float] = {}


def temporary_name() -> str:
    """Return a new name for a temporary file of this process."""
    return f".siren-sr-{_world()}-{os.getpid()}-{secrets.token_hex(8)}.tmp"


def sweep(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder.

    A file goes if it carries a name of `temporary_name`, and its process is known to be gone or it is more than a
    day old. What cannot be removed stays.
    """
    now = time.monotonic()
    if now - _swept.get(str(folder), -_PAUSE) < _PAUSE:
        return
    _swept[str(folder)] = now
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _PATTERN.fullmatch(entry.name)
            if match and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    old = time.time() - entry.stat(follow_symlinks=False).st_mtime > _DAY
                    if old or (match[1] == _world() and _is_gone(int(match[2]))):
                        os.unlink(entry.path)


@functools.cache
def _world() -> str:
    """Return a mark of the machine, its last start and its container: only there a process number means something."""
    parts = [platform.node()]
    for read in (
        lambda: Path("/proc/sys/kernel/random/boot_id").read_text(),
        lambda: str(os.stat("/proc/self/ns/pid").st_ino),
    ):
        with contextlib.suppress(OSError):
            parts.append(read())
    return hashlib.sha256(" ".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _is_gone(process: int) -> bool:
    """Return whether no process has this number; where that cannot be known, it is taken to live."""
    if os.name != "posix":
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:  # it belongs to somebody else
        return False
    return False
