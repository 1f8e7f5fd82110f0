"""The windows of a tiled axis as rows of numbers, from which any language can blend tiles at any point."""

from __future__ import annotations

from dataclasses import dataclass

from siren_sr.grids.windows import Windows

FAR = 1e300  # further out than any position


@dataclass(frozen=True)
class Window:
    """One window of an axis, or one turn of it on an axis that wraps; positions are counted in samples from the edge.

    A position p belongs to it where ``low`` <= p <= ``high``. Its weight there is sin²(π/2·u)·sin²(π/2·d), with
    u = clamp(``up``·(p - ``start``) + ``up_from``) and d = clamp(``down``·(``end`` - p) + ``down_from``), both
    clamped to [0, 1]. What all windows make of a point is divided by the sum of their weights. In the window's own
    coordinates a point lies at 2·(p - ``start``)/length - 1.

    Attributes:
        number: Its number among the windows of the axis, without turns.
        low: The least position that belongs to it.
        high: The largest position that belongs to it.
        start: Where it begins.
        end: Where it ends.
        up: Slope of its ramp at the beginning, 0 where it has none.
        up_from: Value of this ramp at the beginning: 1 where it has none.
        down: Slope of its ramp at the end.
        down_from: Value of this ramp at the end.
    """

    number: int
    low: float
    high: float
    start: float
    end: float
    up: float
    up_from: float
    down: float
    down_from: float


def windows(axis: Windows) -> list[Window]:
    """Return the windows of an axis whose weights are those of `siren_sr.grids.windows.Windows.parts`.

    On an axis that wraps these are all turns that reach into one period.
    """
    count = len(axis.starts)
    first = -count * (axis.length // axis.n + 1) if axis.wrap else 0
    found = []
    for i in range(first, count):
        start = _start(axis, i)
        end = start + axis.length
        if axis.wrap and end < 0:
            continue
        is_first, is_last = (not axis.wrap and i == outermost for outermost in (0, count - 1))
        before = 0 if is_first else _start(axis, i - 1) + axis.length - start
        after = 0 if is_last else end - _start(axis, i + 1)
        found.append(
            Window(
                number=i % count,
                low=-FAR if is_first else float(start),
                high=FAR if is_last else float(end),
                start=float(start),
                end=float(end),
                up=1 / before if before else 0.0,
                up_from=0.0 if before else 1.0,
                down=1 / after if after else 0.0,
                down_from=0.0 if after else 1.0,
            )
        )
    return found


def _start(axis: Windows, i: int) -> int:
    turn, window = divmod(i, len(axis.starts))
    return axis.starts[window] + turn * axis.n
