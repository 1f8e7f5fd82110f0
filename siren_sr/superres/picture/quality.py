"""How hard to try."""

from __future__ import annotations

from dataclasses import dataclass

from siren_sr.superres.picture import total_variation

QUICK: total_variation.Plan = (
    ("plain", 50),
    ("steered", 40),
    *[("few scales", 20)] * 2,
)  # as good, where it is corrected


@dataclass(frozen=True)
class Effort:
    """How hard to try.

    Attributes:
        plan: Rounds of `siren_sr.superres.picture.total_variation.restore` where their result cannot be corrected.
        updates: Of each hourglass; 0 leaves it out.
        steps: Of the tiles that represent the picture; with 0 only their output layers are fitted.
        corrections: Updates of the network that corrects the result of QUICK; 0 leaves it out.
        versions: Smaller versions that it learns from: for more updates, more of them.
    """

    plan: total_variation.Plan
    updates: int
    steps: int
    corrections: int = 0
    versions: int = 6


QUALITIES = {
    "fast": Effort(plan=QUICK, updates=0, steps=0),
    "standard": Effort(plan=total_variation.PLAN, updates=0, steps=8, corrections=900),
    "best": Effort(plan=total_variation.PLAN, updates=900, steps=30, corrections=3600, versions=12),
}
"""The values of ``quality`` in `siren_sr.super_resolve`."""
