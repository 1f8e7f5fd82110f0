"""Files are written in one step or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from .leftovers import sweep, temporary_name
from .names import PathLike, check_name, shown


def atomic_write(path: PathLike, write: Callable[[BinaryIO], object]) -> None:
    """Write a file whole or not at all.

    `write` fills a temporary file in the folder of `path`, which then replaces `path` in one step. On any
    exception, KeyboardInterrupt included, the temporary file is removed and an existing file is untouched; what
    a killed process left in the folder is removed too. If `path` is a symbolic link, the file that it points to is
    replaced. A replaced file's permissions are kept, and its owner and group where the system allows it; a new file
    follows the umask.

    Args:
        path: the file to write.
        write: called once with a binary file open for reading and writing.

    Raises:
        OSError: the folder is missing or not writable, the disk is full, ...; the message says which and what
            to do.

    Examples:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     target = pathlib.Path(folder, "note.txt")
        ...     atomic_write(target, lambda stream: stream.write(b"whole"))
        ...     target.read_bytes()
        b'whole'
    """
    target = _target(path)
    sweep(target.parent)
    temporary = target.parent / temporary_name()
    try:
        try:
            with open(temporary, "x+b") as stream:
                write(stream)
                stream.flush()
                os.fsync(stream.fileno())
            if target.exists():
                _inherit(temporary, target.stat())
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        message = (
            f"cannot write {shown(target)}: {error.strerror or error}; free some space or choose another folder "
            "(no partial file was left, and an existing file is unchanged)"
        )
        raise (OSError(error.errno, message) if error.errno else OSError(message)) from error


def write_to(target: PathLike | BinaryIO, data: bytes | memoryview) -> None:
    """Write the whole content of a file, to a name by `atomic_write` or to a file that is open for writing bytes.

    Raises:
        OSError: see `atomic_write`, or what the open file raises.
        TypeError: the open file takes no bytes.
    """
    if isinstance(target, (str, os.PathLike)):
        return atomic_write(target, lambda stream: stream.write(data))
    try:
        rest = memoryview(data)
        while rest:
            written = target.write(rest)
            if written is None:
                raise BlockingIOError("cannot write to the open file: it does not wait for its reader")
            rest = rest[written:]
        target.flush()
    except (AttributeError, TypeError) as error:
        raise TypeError(f"cannot write to the {type(target).__name__}: open it with 'wb'") from error


def _inherit(temporary: Path, old: os.stat_result) -> None:
    """Give a file the permissions of the file that it will replace, and its owner and group where that is allowed."""
    special = 0o7000
    if hasattr(os, "chown"):
        try:
            os.chown(temporary, old.st_uid, old.st_gid)
        except OSError:
            special = 0  # "run as the owner" must not come to mean another owner
            with contextlib.suppress(OSError):
                os.chown(temporary, -1, old.st_gid)
    os.chmod(temporary, old.st_mode & (special | 0o777))


def _target(path: PathLike) -> Path:
    """Return the real file behind `path`, after all checks that need no writing."""
    target = Path(os.path.realpath(check_name(path)))
    name, folder = shown(target), shown(target.parent)
    if not os.path.isdir(target.parent):
        raise FileNotFoundError(f"cannot write {name}: there is no folder {folder}; create it first")
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return target
    except OSError as error:  # the name is too long, a link leads back to itself, ...
        raise OSError(error.errno, f"cannot write {name}: {error.strerror}; choose another name") from error
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"cannot write {name}: it is a folder; give the name of a file in it")
    if not stat.S_ISREG(mode):  # replacing a device or a pipe would destroy it
        raise OSError(f"cannot write {name}: it is not a regular file; choose another name")
    if not os.access(target, os.W_OK):
        raise PermissionError(f"cannot write {name}: the existing file is read-only; choose another name")
    return target


def check_folder(path: PathLike) -> None:
    """Raise what `atomic_write` would raise where `path` cannot be written.

    Since access bits can mislead, a temporary file is made in the folder and removed again.
    """
    target = _target(path)
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        message = f"cannot write {shown(target)}: {error.strerror or error}; choose a folder that you can write to"
        raise OSError(error.errno, message) from error
