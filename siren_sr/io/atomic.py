"""Files are read into memory whole, and written in one step or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

PathLike = str | os.PathLike[str]


def read_bytes(path: PathLike) -> bytes:
    """Return the content of a whole file; an OSError names the file and says what is wrong."""
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"cannot read {path}: it is a folder; give the name of a file in it")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}") from None
    except OSError as error:
        raise OSError(error.errno, f"cannot read {path}: {error.strerror or error}") from error


def atomic_write(path: PathLike, write: Callable[[BinaryIO], object]) -> None:
    """Write a file whole or not at all.

    `write` fills a temporary file in the folder of `path`, which then replaces `path` in one step. On any
    exception, KeyboardInterrupt included, the temporary file is removed and an existing file is untouched. If
    `path` is a symbolic link, the file that it points to is replaced. A replaced file's permissions are kept;
    a new file follows the umask.

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
    temporary = target.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        try:
            with open(temporary, "x+b") as stream:
                write(stream)
                stream.flush()
                os.fsync(stream.fileno())
            if target.exists():
                os.chmod(temporary, target.stat().st_mode & 0o7777)
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        message = (
            f"cannot write {target}: {error.strerror or error}; free some space or choose another folder "
            "(no partial file was left, and an existing file is unchanged)"
        )
        raise (OSError(error.errno, message) if error.errno else OSError(message)) from error


def _target(path: PathLike) -> Path:
    """Return the real file behind `path`, after all checks that need no writing."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(f"cannot write {target}: it is a folder; give the name of a file in it")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"cannot write {target}: there is no folder {target.parent}; create it first")
    if target.exists() and not target.is_file():  # replacing a device or a pipe would destroy it
        raise OSError(f"cannot write {target}: it is not a regular file; choose another name")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(f"cannot write {target}: the existing file is read-only; choose another name")
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
        message = f"cannot write {target}: {error.strerror or error}; choose a folder that you can write to"
        raise OSError(error.errno, message) from error
