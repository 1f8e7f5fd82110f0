"""How hard to look for a picture: what each value of ``quality`` means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from siren_sr.superres.picture.total_variation import ROUNDS, Rounds

Quality = Literal["fast", "standard", "best"]

QUICK: Rounds = (("plain", 50), ("steered", 40), ("few scales", 20), ("few scales", 20))
"""A short search. Where its result is corrected afterwards, it is as good as the long one."""


@dataclass(frozen=True)
class Effort:
    """How hard to look for a picture.

    Attributes:
        rounds: The search (`siren_sr.superres.picture.total_variation`) where its result cannot be corrected.
        prior_updates: Updates of every network that draws the picture as a deep image prior; with 0 none does.
        tile_steps: Training steps of the tiles that represent the picture; with 0 only their output layers are fitted.
        correction_updates: Updates of the network that corrects the result of `QUICK`; with 0 nothing is corrected.
        versions: Number of smaller versions of the picture that this network learns from. More updates want more.
    """

    rounds: Rounds
    prior_updates: int
    tile_steps: int
    correction_updates: int = 0
    versions: int = 6


QUALITIES: dict[str, Effort] = {
    "fast": Effort(QUICK, prior_updates=0, tile_steps=0),
    "standard": Effort(ROUNDS, prior_updates=0, tile_steps=8, correction_updates=900),
    "best": Effort(ROUNDS, prior_updates=900, tile_steps=30, correction_updates=3600, versions=12),
}
"""The values of ``quality`` in `siren_sr.super_resolve`."""
