"""What a picture or a sound is read from: the name of a file, bytes, or an open binary file."""

from __future__ import annotations

import contextlib
import io
import os
import stat
from typing import Any, BinaryIO

from .memory import TooLargeError, available_memory, check_memory
from .names import PathLike, check_name, shown

Source = PathLike | bytes | bytearray | memoryview | BinaryIO
_BLOCK = 2**20


def is_stream(data: Any) -> bool:
    """Return whether `data` is bytes or an open file, which `read_image` and `read_audio` accept beside a name."""
    return isinstance(data, (bytes, bytearray, memoryview)) or callable(getattr(data, "read", None))


def read_source(source: Source) -> tuple[bytes, str]:
    """Return the whole content of a source and what an error's text calls it.

    An open file is read from its beginning, where it can be moved there, and is then put back to where it was.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it is a folder or a device, or cannot be read.
        ValueError: the name is empty or holds a NUL character, or the open file is closed.
        TypeError: it is neither a name nor bytes nor a file that was opened in binary mode.
        TooLargeError: it is larger than the free memory.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source), "what the bytes hold"
    if isinstance(source, (str, os.PathLike)):
        return _read_file(check_name(source)), shown(source)
    if is_stream(source):
        return _read_stream(source)
    raise TypeError(f"give the name of a file, bytes or a file opened with 'rb'; got {type(source).__name__}")


def _read_file(name: str) -> bytes:
    text = shown(name)
    try:
        if os.path.isdir(name):
            raise IsADirectoryError(f"cannot read {text}: it is a folder; give the name of a file in it")
        mode = os.stat(name).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
            raise OSError(f"cannot read {text}: it is not a regular file; copy its content into one")
        with open(name, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            check_memory((size,), "uint8", what=f"to read {text}")
            return file.readall() if size else _read_to_the_end(file, text)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {text}") from None
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, f"cannot read {text}: {error.strerror or error}") from error


def _read_to_the_end(file: Any, text: str) -> bytes:
    """Return what a pipe, or a file that does not tell its size, gives; an endless one is refused."""
    most = (available_memory() or 2**33) // 4
    parts, total = [], 0
    while part := file.read(_BLOCK):
        parts.append(part)
        total += len(part)
        if total > most:
            raise TooLargeError(
                f"{text} goes on after {total} bytes, a quarter of the free memory: give a smaller file"
            )
    return b"".join(parts)


def _read_stream(stream: Any) -> tuple[bytes, str]:
    name = getattr(stream, "name", None)
    name = "the standard input" if name == "<stdin>" else name
    text = shown(name) if isinstance(name, str) and name else f"what the {type(stream).__name__} holds"
    if isinstance(stream, io.TextIOBase):
        raise TypeError(f"cannot read {text}: it was opened as text; open it with 'rb'")
    if getattr(stream, "closed", False):
        raise ValueError(f"cannot read {text}: the file is closed; open it, or give its name")
    place = None
    with contextlib.suppress(OSError, AttributeError):  # pipes cannot be moved
        place = stream.tell()
        stream.seek(0)
    try:
        data = _read_to_the_end(stream, text)
    except (io.UnsupportedOperation, TypeError) as error:
        raise TypeError(f"cannot read {text}: it gives no bytes; open it with 'rb'") from error
    if place is not None:
        stream.seek(place)
    return data, text
