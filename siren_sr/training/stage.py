"""What to train for: one part of a training."""

from __future__ import annotations

from dataclasses import dataclass

from siren_sr.training.field import Objective
from siren_sr.training.optimizers import OptimizerFactory, SchedulerFactory


@dataclass(frozen=True)
class Stage:
    """One part of a training.

    Attributes:
        objective: The function ``field -> scalar`` to be minimised.
        steps: Number of steps, >= 0. A step passes over all points once, as an epoch of the paper does.
        shape: Grid on which the network is evaluated, (rows, columns) for an image.
        optimizer: Function from the parameters to an optimizer; every stage makes a new one.
        scheduler: Function from the optimizer to a learning-rate scheduler, or None for a constant rate. A
            ``ReduceLROnPlateau`` is given the loss after every step.
        score: A mean squared error, ``field -> scalar``, whose PSNR goes into the history and the progress; it is often
            the objective itself. With None the PSNR is NaN.
        align_corners: Whether the grid is corner-aligned instead of pixel-centred.
        name: Name of the stage, which the progress shows.
        batch: Number of points per update of the weights. A step then consists of several updates, on random parts of
            the grid that together are all of it; this needs a pointwise objective and score. With None a step is one
            update, on all points.
        worse: A stage that ends at a loss greater than its best one's by more than this share of it goes back to its
            best weights; by default this is twice that loss, 3 dB.
    """

    objective: Objective
    steps: int
    shape: tuple[int, ...]
    optimizer: OptimizerFactory
    scheduler: SchedulerFactory | None = None
    score: Objective | None = None
    align_corners: bool = False
    name: str = ""
    batch: int | None = None
    worse: float = 1.0
