"""Turn pictures of EXIF's eight orientations as they are to be seen, and back as their files hold them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

TRANSPOSED = (5, 6, 7, 8)  # EXIF orientations of pictures that lie on their side


def turn_upright(values: Tensor, orientation: int, *, rows: int = -2, columns: int = -1) -> Tensor:
    """Turn a picture of an EXIF orientation, 1 to 8, as it is to be seen; ``rows`` and ``columns`` are its axes."""
    values = values.transpose(rows, columns) if orientation in TRANSPOSED else values
    return values.flip(_flipped(orientation, rows, columns))


def turn_back(values: Tensor, orientation: int, *, rows: int = -2, columns: int = -1) -> Tensor:
    """Undo `turn_upright`."""
    values = values.flip(_flipped(orientation, rows, columns))
    return values.transpose(rows, columns) if orientation in TRANSPOSED else values


def window_back(rows: slice, columns: slice, orientation: int, *, shape: Sequence[int]) -> tuple[slice, slice]:
    """Return where a window of the upright picture, of ``shape`` (rows, columns), lies in the picture as stored."""
    flipped = _flipped(orientation, 0, 1)
    parts = [
        slice(n - part.stop, n - part.start) if axis in flipped else part
        for axis, (n, part) in enumerate(zip(shape, (rows, columns), strict=True))
    ]
    return (parts[1], parts[0]) if orientation in TRANSPOSED else (parts[0], parts[1])


def _flipped(orientation: int, rows: int, columns: int) -> list[int]:
    """Return the axes to reverse in the upright picture, that is after the transposition if there is one."""
    return [axis for axis, flip in ((rows, (3, 4, 7, 8)), (columns, (2, 3, 6, 7))) if orientation in flip]
