"""What a fit can be written as, by the suffix of the file."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from siren_sr.export.page import check_page_path, export_page
from siren_sr.export.to_onnx import check_onnx_path, export_onnx
from siren_sr.fitting.fit import Fit

EXPORTS: dict[str, tuple[Callable[[Any, Any], None], Callable[[Any], None]]] = {
    ".onnx": (export_onnx, check_onnx_path),
    ".html": (export_page, check_page_path),
}
"""For every suffix a function of a fit and a path that writes it, and one of the path that raises what that would."""


def export(fit: Fit, path: str | os.PathLike[str]) -> None:
    """Write a fit as the suffix of the path says.

    Raises:
        ValueError: The suffix is unknown, or as the function of `EXPORTS`, which tells the rest.
    """
    _of(path)[0](fit, path)


def check_export_path(path: str | os.PathLike[str]) -> None:
    """Raise what `export` would raise for this path, before the fit is read."""
    _of(path)[1](path)


def _of(path: str | os.PathLike[str]) -> Any:
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    if suffix not in EXPORTS:
        raise ValueError(f"a fit is exported to {' or '.join(EXPORTS)}, got {os.fspath(path)!r}")
    return EXPORTS[suffix]
