"""What is done, of how much, in which stage; and whether to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One step of the history; ``loss`` and ``psnr`` are those of the network before the step's update.

    In a step of several updates they are of the mean over what each update found before it.

    Attributes:
        step: Counted over all stages, from 1.
        loss: In the network's range.
        psnr: In dB, of the stage's score (NaN without a score).
        seconds: Since the start of the training.
        lr: Learning rate of the first parameter group.
        stage: Index of the stage.
    """

    step: int
    loss: float
    psnr: float
    seconds: float
    lr: float
    stage: int = 0


@dataclass(frozen=True)
class Progress:
    """What a callback is given after every step; returning True from it stops the training.

    Attributes:
        entry: The step just made.
        steps: Steps planned in total.
        remaining: Estimated seconds left.
        stage: Name of the stage.
    """

    entry: Entry
    steps: int
    remaining: float
    stage: str


Callback = Callable[[Progress], bool | None]
