"""Factories of optimizers, which take the parameters, and factories of schedules, which take the optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, ReduceLROnPlateau

OptimizerFactory = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
SchedulerFactory = Callable[[torch.optim.Optimizer], Any]


def adam(lr: float, **options: Any) -> OptimizerFactory:
    """Return a factory of ``torch.optim.Adam``, the paper's optimizer."""
    return lambda parameters: torch.optim.Adam(parameters, lr=lr, **options)  # pyright: ignore[reportArgumentType]


def reduce_on_plateau(*, patience: int, factor: float = 0.6) -> SchedulerFactory:
    """Return a factory of ``ReduceLROnPlateau``, by default with the paper's factor (section 5)."""
    return lambda optimizer: ReduceLROnPlateau(optimizer, mode="min", factor=factor, patience=patience)


def cosine(steps: int) -> SchedulerFactory:
    """Return a factory of a cosine decay of the learning rate to zero over the stage."""
    return lambda optimizer: CosineAnnealingLR(optimizer, T_max=max(1, steps))


def exponential(steps: int, *, end: float = 0.005) -> SchedulerFactory:
    """Return a factory of an exponential decay of the learning rate to its share ``end`` over the stage.

    Every order of magnitude of the rate gets as many steps. The noise that batches leave is proportional to the rate,
    so that every rate is the right one for some size of the error.
    """
    return lambda optimizer: LambdaLR(optimizer, lambda step: end ** (step / max(1, steps)))


def warmup_cosine(steps: int, *, warmup: int = 5) -> SchedulerFactory:
    """Return a factory of a linear warm-up times a cosine decay of the learning rate to zero over the stage."""

    def rate(step: int) -> float:
        return min(1.0, (step + 1) / warmup) * 0.5 * (1 + math.cos(math.pi * step / max(1, steps)))

    return lambda optimizer: LambdaLR(optimizer, rate)


def soap(lr: float, *, precondition_frequency: int = 5) -> OptimizerFactory:
    """Return a factory of SOAP, which is Adam in the eigenbasis of Shampoo's preconditioner.

    Source: Vyas et al., arXiv 2409.11321.
    """

    def factory(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        from pytorch_optimizer import SOAP

        return SOAP(parameters, lr=lr, precondition_frequency=precondition_frequency, weight_decay=0.0)

    return factory
