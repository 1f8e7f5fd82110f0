"""The history of a training: a tuple of entries that shows itself, in a notebook as a curve."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from siren_sr.training.progress import Entry

WIDTH, HEIGHT = 360, 140  # of the drawing, in pixels
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 22, 24  # around the curve, where the numbers stand
MOST_POINTS = 240  # of the curve, whatever the number of steps
COLOUR = "#0072B2"  # a blue that is read on white and on black, and by the colour-blind


class History(tuple[Entry, ...]):
    """A tuple of `Entry`, one per step; it is a tuple in every way, but for how it is shown.

    Examples:
        >>> History([Entry(1, 0.5, 9.0, 0.1, 1e-3), Entry(2, 0.25, 12.0, 0.2, 1e-3)])
        History(2 steps, loss 0.5 to 0.25, PSNR 9.00 to 12.00 dB, 0.2 s)
    """

    __slots__ = ()

    def __repr__(self) -> str:
        """A line, however long the training was."""
        return f"History({self.summary()})"

    def summary(self) -> str:
        """A few words, for a reader."""
        if not self:
            return "no steps"
        first, last = self[0], self[-1]
        words = [f"{len(self)} step{'s' * (len(self) > 1)}", f"loss {first.loss:.3g} to {last.loss:.3g}"]
        scores = [entry.psnr for entry in self if math.isfinite(entry.psnr)]
        words += [f"PSNR {scores[0]:.2f} to {scores[-1]:.2f} dB"] if scores else []
        words += [f"{last.seconds:.1f} s"] if math.isfinite(last.seconds) else []
        return ", ".join(words)

    def _repr_html_(self) -> str:
        """The curve of the PSNR, or of the loss where there is none, as a drawing that a notebook shows."""
        points = [(entry.step, entry.psnr, entry.stage) for entry in self if math.isfinite(entry.psnr)]
        said = "PSNR in dB"
        if not points:
            said = "loss, logarithmic"
            points = [(e.step, math.log10(e.loss), e.stage) for e in self if math.isfinite(e.loss) and e.loss > 0]
        caption = f"<div>{html.escape(self.summary())}</div>"
        return caption + (_drawing(points, said, logarithmic=said.startswith("loss")) if len(points) > 1 else "")


def _drawing(points: Sequence[tuple[int, float, int]], said: str, *, logarithmic: bool) -> str:
    """A curve for every stage as SVG, in the colour of the text around it but for the curves themselves.

    Args:
        points: (step, value, stage) in order.
        said: What the value is.
        logarithmic: Whether it is the decimal logarithm of what is to be read.
    """
    stride = max(1, math.ceil(len(points) / MOST_POINTS))
    points = [*points[:-1:stride], points[-1]]
    (first, last), values = (points[0][0], points[-1][0]), [value for _, value, _ in points]
    low, high = min(values), max(values)

    def place(step: int, value: float) -> str:
        x = LEFT + (step - first) / max(1, last - first) * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - (value - low) / ((high - low) or 1) * (HEIGHT - TOP - BOTTOM)
        return f"{x:.1f},{y:.1f}"

    def number(value: float) -> str:
        return f"{10**value:.2g}" if logarithmic else f"{value:.1f}"

    curves: dict[int, list[str]] = {}
    for step, value, stage in points:
        curves.setdefault(stage, []).append(place(step, value))
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    texts = (
        (LEFT, 13, "start", said),
        (LEFT - 6, TOP + 4, "end", number(high)),
        (LEFT - 6, bottom + 4, "end", number(low)),
        (LEFT, HEIGHT - 7, "start", f"step {first}"),
        (right, HEIGHT - 7, "end", str(last)),
    )
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}" '
        'style="font: 11px sans-serif" fill="currentColor" stroke="none">'
        f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="currentColor" stroke-opacity="0.4"/>'
        f'<g fill="none" stroke="{COLOUR}" stroke-width="1.5">'
        + "".join(f'<polyline points="{" ".join(curve)}"/>' for curve in curves.values())
        + "</g>"
        + "".join(f'<text x="{x}" y="{y}" text-anchor="{side}">{text}</text>' for x, y, side, text in texts)
        + "</svg>"
    )
