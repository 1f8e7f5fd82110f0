"""Names of files: which ones can be, and how an error's text shows them."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

PathLike = str | os.PathLike[str]


def shown(path: PathLike) -> str:
    r"""Return a name as text that every terminal and log can print.

    Bytes that are no UTF-8, which a name may hold on Linux, become \xNN.

    Examples:
        >>> shown("caf\udce9.png")
        'caf\\xe9.png'
    """
    return os.fsencode(os.fspath(path)).decode("utf-8", "backslashreplace")


def check_name(path: Any) -> str:
    """Return the name as a string.

    Raises:
        ValueError: it is empty or holds a NUL character, which no system allows.
        TypeError: it is neither a string nor a path.
    """
    name = os.fspath(path)
    if not isinstance(name, str):
        raise TypeError(f"the name of a file is a string or a pathlib.Path; got {type(name).__name__}")
    if not name:
        raise ValueError("the name of the file is empty: give the name of a file")
    if "\0" in name:
        raise ValueError(f"the name {name!r} holds a NUL character, which no file name can: remove it")
    return name


def data_type(given: Any) -> np.dtype[Any]:
    """Return a NumPy data type, or what a name or a class stands for.

    Raises:
        TypeError: it stands for none.
    """
    try:
        if isinstance(given, (str, type, np.dtype)) and given:
            return np.dtype(given)
    except (TypeError, ValueError):
        pass
    raise TypeError(f"dtype must be a NumPy data type such as 'uint8', got {given!r}")
