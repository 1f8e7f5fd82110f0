"""Which part of a picture is looked at, and how one moves over it."""

from __future__ import annotations

from dataclasses import dataclass, replace

LARGEST = 256.0  # the largest magnification of the whole picture


@dataclass(frozen=True)
class View:
    """A part of a picture of ``rows`` x ``columns`` samples, with the shape of the whole.

    Attributes:
        rows: Rows of the picture, >= 1.
        columns: Columns of the picture, >= 1.
        row: The row at the middle of the part, in samples from the upper edge.
        column: The column there.
        zoom: How many times smaller the part is than the whole, from 1 to `LARGEST`.
    """

    rows: int
    columns: int
    row: float
    column: float
    zoom: float = 1.0

    @staticmethod
    def whole(rows: int, columns: int) -> View:
        """All of a picture."""
        return View(rows, columns, rows / 2, columns / 2)

    @property
    def region(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """(start, stop) of rows and of columns, in samples.

        Examples:
            >>> View.whole(10, 20).zoomed(2).region
            ((2.5, 7.5), (5.0, 15.0))
        """
        sides = []
        for middle, n in ((self.row, self.rows), (self.column, self.columns)):
            length = n / self.zoom
            start = min(max(0.0, middle - length / 2), n - length)
            sides.append((start, min(float(n), start + length)))
        return sides[0], sides[1]

    def size(self, longest: int) -> tuple[int, int]:
        """How many pixels (H, W) show it, of which the longer side has ``longest``."""
        most = max(self.rows, self.columns)
        return max(1, round(longest * self.rows / most)), max(1, round(longest * self.columns / most))

    def zoomed(self, factor: float) -> View:
        """The same place, larger or smaller."""
        return replace(self, zoom=min(LARGEST, max(1.0, self.zoom * factor)))._inside()

    def moved(self, down: float, right: float) -> View:
        """A part that lies so many of its own heights and widths further."""
        row = self.row + down * self.rows / self.zoom
        return replace(self, row=row, column=self.column + right * self.columns / self.zoom)._inside()

    def closer(self, down: float, right: float, factor: float) -> View:
        """A part that is smaller by ``factor``, around what lies at these shares, in [0, 1], of height and width."""
        (top, bottom), (first, last) = self.region
        there = replace(self, row=top + down * (bottom - top), column=first + right * (last - first))
        return there.zoomed(factor)

    def _inside(self) -> View:
        """The part moved so that nothing of it is outside."""
        (top, bottom), (left, right) = self.region
        return replace(self, row=(top + bottom) / 2, column=(left + right) / 2)
