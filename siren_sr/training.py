"""One loop for every task, blind to what it trains for.

A `Stage` says what to minimise, on which grid, for how long and with which optimizer; `train` runs
stages one after the other on the same network. The network is evaluated in chunks that fit the cache and the
objective sees the whole grid: its gradient with respect to the grid's values is taken first, then carried back
chunk by chunk. Memory is bounded: past a budget, chunks are recomputed instead of kept.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from siren_sr import coordinates
from siren_sr.derivatives import value_and_derivatives
from siren_sr.objectives import Field, Objective

OptimizerFactory = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
SchedulerFactory = Callable[[torch.optim.Optimizer], Any]

CHUNK = {"cpu": 4096}  # points whose activations stay in a core's cache; other devices take OTHER_CHUNK
OTHER_CHUNK = 1 << 17
KEEP_BYTES = 1 << 30  # activations kept between forward and backward; beyond, they are recomputed


@dataclass(frozen=True)
class Stage:
    """One part of a training.

    Attributes:
        objective: ``field -> scalar``.
        steps: Number of optimizer steps, >= 0.
        shape: Grid on which the network is evaluated, (rows, columns) for an image.
        optimizer: Factory: parameters -> optimizer, made anew for the stage.
        scheduler: Factory: optimizer -> learning-rate scheduler (``ReduceLROnPlateau`` is given the loss), or None.
        score: ``field -> PSNR in dB`` for the history and the progress; None records NaN.
        align_corners: Grid convention.
        name: Shown in progress.
    """

    objective: Objective
    steps: int
    shape: tuple[int, ...]
    optimizer: OptimizerFactory
    scheduler: SchedulerFactory | None = None
    score: Callable[[Field], float] | None = None
    align_corners: bool = False
    name: str = ""


@dataclass(frozen=True)
class Entry:
    """One step of the history; ``loss`` and ``psnr`` are those of the network before the step's update.

    Attributes:
        step: Counted over all stages, from 1.
        loss: In the network's range.
        psnr: In dB, of what the stage compares (NaN if it compares nothing).
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


class GridField:
    """A network on a grid, evaluated in chunks; what objectives look at (`siren_sr.objectives.Field`)."""

    def __init__(
        self,
        model: nn.Module,
        chunks: Sequence[Tensor],
        shape: Sequence[int],
        spacing: Sequence[float],
        *,
        order: int = 0,
        keep: bool = True,
    ) -> None:
        """``order`` is the highest derivative to expect; asking for a higher one costs another evaluation."""
        self._model, self._chunks, self._shape, self._spacing = model, chunks, tuple(shape), spacing
        self._keep = keep
        self._evaluations: list[tuple[tuple[Tensor, ...], list[tuple[Tensor, ...]]]] = []
        self.order = order

    @property
    def values(self) -> Tensor:
        """(C, *grid)."""
        return self._on_grid(self._leaves(0)[0])

    @property
    def gradient(self) -> Tensor:
        """(C, D, *grid), per step of the grid."""
        return self._on_grid(self._leaves(1)[1])

    @property
    def laplacian(self) -> Tensor:
        """(C, *grid), per step of the grid."""
        return self._on_grid(self._leaves(2)[2])

    def backward(self, loss: Tensor) -> None:
        """Accumulate d loss/d parameters, chunk by chunk."""
        loss.backward()  # reaches the leaves on the grid only
        for leaves, pieces in self._evaluations:
            start = 0
            for i, coords in enumerate(self._chunks):
                stop = start + len(coords)
                outputs = pieces[i] if pieces else self._evaluate(coords, len(leaves) - 1)
                pairs = [
                    (o, leaf.grad[start:stop]) for o, leaf in zip(outputs, leaves, strict=True) if leaf.grad is not None
                ]
                if pairs:
                    torch.autograd.backward([o for o, _ in pairs], [g for _, g in pairs])
                if pieces:
                    pieces[i] = ()
                start = stop

    def _leaves(self, order: int) -> tuple[Tensor, ...]:
        self.order = max(self.order, order)
        for leaves, _ in self._evaluations:
            if len(leaves) > order:
                return leaves
        pieces = []
        with torch.set_grad_enabled(self._keep and torch.is_grad_enabled()):
            for coords in self._chunks:
                pieces.append(self._evaluate(coords, self.order))
        leaves = tuple(torch.cat([p[k].detach() for p in pieces]) for k in range(self.order + 1))
        if torch.is_grad_enabled():
            leaves = tuple(leaf.requires_grad_(True) for leaf in leaves)
        self._evaluations.append((leaves, pieces if self._keep else []))
        return leaves

    def _evaluate(self, coords: Tensor, order: int) -> tuple[Tensor, ...]:
        if order == 0:
            return (self._model(coords),)
        return value_and_derivatives(self._model, coords, order=order, spacing=self._spacing)

    def _on_grid(self, rows: Tensor) -> Tensor:
        return rows.movedim(0, -1).reshape(*rows.shape[1:], *self._shape)


def train(
    model: nn.Module,
    stages: Sequence[Stage],
    *,
    callback: Callback | None = None,
    chunk: int | None = None,
) -> tuple[Entry, ...]:
    """Train a network through stages, in place.

    Args:
        model: Any module (N, D) -> (N, C) on independent points.
        stages: What to do, in order.
        callback: Called after each step with a `Progress`; returning True ends the training.
        chunk: Points evaluated at once (default: by device).

    Returns:
        The history, one entry per step.

    Raises:
        ValueError: The loss became NaN or infinite; the network keeps its last finite weights.
    """
    parameter = next(model.parameters())
    total, history, start = sum(stage.steps for stage in stages), [], time.perf_counter()
    for index, stage in enumerate(stages):
        chunks = _chunks(stage, parameter, chunk)
        spacing = coordinates.spacing(stage.shape, align_corners=stage.align_corners)
        keep = _bytes_kept(model, math.prod(stage.shape)) <= KEEP_BYTES
        optimizer = stage.optimizer(model.parameters())
        scheduler = None if stage.scheduler is None else stage.scheduler(optimizer)
        order = 0
        for _ in range(stage.steps):
            lr = float(optimizer.param_groups[0]["lr"])
            make_field = partial(GridField, model, chunks, stage.shape, spacing, order=order, keep=keep)
            evaluations: list[tuple[GridField, float]] = []
            closure = partial(_backward, make_field, stage.objective, optimizer, len(history) + 1, evaluations)
            optimizer.step(closure)
            field, loss = evaluations[0]
            order = field.order
            with torch.no_grad():
                psnr = math.nan if stage.score is None else stage.score(field)
            if scheduler is not None:
                scheduler.step(*([loss] if isinstance(scheduler, ReduceLROnPlateau) else []))
            seconds = time.perf_counter() - start
            entry = Entry(len(history) + 1, loss, psnr, seconds, lr, index)
            history.append(entry)
            remaining = seconds / entry.step * (total - entry.step)
            if callback is not None and callback(Progress(entry, total, remaining, stage.name)):
                return tuple(history)
    return tuple(history)


def _backward(
    make_field: Callable[[], GridField],
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    number: int,
    evaluations: list[tuple[GridField, float]],
) -> float:
    """Loss and gradients at the current weights; what an optimizer's closure does.

    LBFGS and its kind call it several times a step: the first evaluation, where the step starts, is recorded.
    """
    optimizer.zero_grad(set_to_none=True)
    with torch.enable_grad():
        field = make_field()
        loss = objective(field)
        value = loss.item()
        if not math.isfinite(value):
            raise ValueError(
                f"the loss became {value} at step {number}: lower the learning rate or first_omega_0, "
                "or check the optimizer and the objective that were passed in"
            )
        field.backward(loss)
    if not evaluations:
        evaluations.append((field, value))
    return value


def _chunks(stage: Stage, parameter: Tensor, chunk: int | None) -> list[Tensor]:
    if chunk is None:
        chunk = CHUNK.get(parameter.device.type, OTHER_CHUNK)
    grid_axes = coordinates.axes(
        stage.shape, align_corners=stage.align_corners, device=parameter.device, dtype=parameter.dtype
    )
    total = math.prod(stage.shape)
    return [coordinates.points(grid_axes, i, min(i + chunk, total)) for i in range(0, total, chunk)]


def _bytes_kept(model: nn.Module, points: int) -> int:
    """Estimate of what autograd keeps per evaluation: input and pre-activation of every layer, value only."""
    per_point = sum(2 * p.shape[0] * p.element_size() for p in model.parameters() if p.ndim == 2)
    return points * per_point


def adam(lr: float, **options: Any) -> OptimizerFactory:
    """Factory of ``torch.optim.Adam``, the paper's optimizer."""
    return lambda parameters: torch.optim.Adam(parameters, lr=lr, **options)  # pyright: ignore[reportArgumentType]


def reduce_on_plateau(*, patience: int, factor: float = 0.6) -> SchedulerFactory:
    """Factory of ``ReduceLROnPlateau`` with the paper's factor (section 5)."""
    return lambda optimizer: ReduceLROnPlateau(optimizer, mode="min", factor=factor, patience=patience)


def cosine(steps: int) -> SchedulerFactory:
    """Factory of a cosine decay to zero over the stage."""
    return lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(1, steps))


def warmup_cosine(steps: int, *, warmup: int = 5) -> SchedulerFactory:
    """Factory of a linear warm-up times a cosine decay to zero over the stage."""

    def rate(step: int) -> float:
        return min(1.0, (step + 1) / warmup) * 0.5 * (1 + math.cos(math.pi * step / max(1, steps)))

    return lambda optimizer: torch.optim.lr_scheduler.LambdaLR(optimizer, rate)


def soap(lr: float, *, precondition_frequency: int = 5) -> OptimizerFactory:
    """Factory of SOAP, Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al., arXiv 2409.11321)."""

    def factory(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        from pytorch_optimizer import SOAP

        return SOAP(parameters, lr=lr, precondition_frequency=precondition_frequency, weight_decay=0.0)

    return factory


@torch.no_grad()
def evaluate(model: nn.Module, stage: Stage, *, chunk: int | None = None) -> GridField:
    """The network on a stage's grid, without a graph."""
    chunks = _chunks(stage, next(model.parameters()), chunk)
    spacing = coordinates.spacing(stage.shape, align_corners=stage.align_corners)
    return GridField(model, chunks, stage.shape, spacing, keep=False)
