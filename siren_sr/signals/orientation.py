"""EXIF's eight orientations: a picture turned as it is to be seen, and back as its file holds it."""

from __future__ import annotations

from torch import Tensor

TRANSPOSED = (5, 6, 7, 8)  # EXIF orientations of pictures that lie on their side


def turn_upright(values: Tensor, orientation: int, *, rows: int = -2, columns: int = -1) -> Tensor:
    """Turn a picture of some EXIF orientation, 1 to 8, as it is to be seen; ``rows`` and ``columns`` are its axes."""
    values = values.transpose(rows, columns) if orientation in TRANSPOSED else values
    return values.flip(_flipped(orientation, rows, columns))


def turn_back(values: Tensor, orientation: int, *, rows: int = -2, columns: int = -1) -> Tensor:
    """The inverse of `turn_upright`."""
    values = values.flip(_flipped(orientation, rows, columns))
    return values.transpose(rows, columns) if orientation in TRANSPOSED else values


def _flipped(orientation: int, rows: int, columns: int) -> list[int]:
    """The axes to reverse, after a transposition if there is one."""
    return [axis for axis, flip in ((rows, (3, 4, 7, 8)), (columns, (2, 3, 6, 7))) if orientation in flip]
