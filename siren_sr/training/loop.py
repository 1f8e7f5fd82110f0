"""One training loop for every task, which does not know what it trains for.

A `Stage` says what to minimise, on which grid, for how long and with which optimizer. `train` runs stages one after the
other on the same network, which is evaluated in chunks that fit the cache (`siren_sr.training.evaluation`). A pointwise
objective goes forwards and backwards chunk by chunk, in memory that does not depend on the grid. Any other objective
sees the whole grid: its gradient with respect to the values on the grid is taken first, and is then carried back chunk
by chunk. If the chunks would need more than a budget of memory in between, they are computed twice instead of kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from siren_sr import arguments
from siren_sr.training.evaluation import Evaluation, Grid, NeedsOrder, RowsField, evaluate
from siren_sr.training.field import Index, Objective, is_pointwise, psnr_of
from siren_sr.training.optimizers import OptimizerFactory, SchedulerFactory
from siren_sr.training.progress import Entry, Monitor

# The most bytes of activations that are kept between the forward and the backward pass. Where there would be more, the
# activations are computed twice.
KEEP_BYTES = 1 << 30


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


@dataclass(frozen=True)
class _Result:
    """The loss of one evaluation, and its score, which is a mean squared error or NaN."""

    loss: float
    error: float

    @property
    def psnr(self) -> float:
        """The PSNR of the score in dB; NaN without a score."""
        return math.nan if math.isnan(self.error) else psnr_of(self.error)


def train(
    model: nn.Module,
    stages: Sequence[Stage],
    *,
    monitor: Monitor | None = None,
    chunk: int | None = None,
    generator: torch.Generator | None = None,
    precision: str | None = None,
) -> tuple[Entry, ...]:
    """Train a network through stages, in place.

    Args:
        model: Any module (N, D) -> (N, C) that treats points independently of each other.
        stages: What to do, in order.
        monitor: Object that is told of each step; the training ends when it answers True.
        chunk: Number of points that are evaluated at once (default: by the device and the size of the network).
        generator: CPU generator that draws the batches of stages with ``batch`` (default: seed 0).
        precision: "bf16" computes the products of hidden layers in bfloat16 (`siren_sr.network.fused`); None computes
            everything in the network's own precision.

    Returns:
        The history, one `Entry` per step.

    Raises:
        ValueError: The loss became NaN or infinite (the network keeps the weights with which it did), a stage with
            ``batch`` has an objective or a score that is not pointwise, or the network cannot be evaluated in
            ``precision``.
    """
    generator = arguments.seeded(generator)
    monitor = Monitor() if monitor is None else monitor
    parameter = next(model.parameters())
    total, history = sum(stage.steps for stage in stages), []
    since = monitor.seconds  # this is 0 if the task consists of this training only
    for index, stage in enumerate(stages):
        monitor.enter(stage.name, total - len(history))
        grid = Grid(stage.shape, align_corners=stage.align_corners, like=parameter)
        pass_ = _Pass(model, stage, grid, chunk=chunk, precision=precision)
        optimizer = stage.optimizer(model.parameters())
        scheduler = None if stage.scheduler is None else stage.scheduler(optimizer)
        for _ in range(0 if monitor.stopped else stage.steps):
            lr = float(optimizer.param_groups[0]["lr"])
            updates = [
                _update(pass_, optimizer, batch, len(history) + 1)
                for batch in _batches(stage, pass_.grid.points, generator, parameter.device)
            ]
            result = _Result(*(sum(values) / len(updates) for values in zip(*map(astuple, updates), strict=True)))
            if scheduler is not None:
                scheduler.step(*([result.loss] if isinstance(scheduler, ReduceLROnPlateau) else []))
            seconds = monitor.seconds - since
            history.append(Entry(len(history) + 1, result.loss, result.psnr, seconds, lr, index))
            if monitor.step(history[-1], since=since):
                return tuple(history)
    return tuple(history)


def _update(pass_: _Pass, optimizer: torch.optim.Optimizer, batch: Tensor | None, step: int) -> _Result:
    """Update the weights once, and return the loss and the score before the update."""
    results: list[_Result] = []

    def closure() -> float:
        # Optimizers such as LBFGS call this several times per update. The first evaluation is the one that is
        # reported, since it is made at the weights from which the update starts.
        optimizer.zero_grad(set_to_none=True)
        results.append(pass_.run(batch, step=step))
        return results[-1].loss

    optimizer.step(closure)
    return results[0]


class _Pass:
    """Computes the loss, the score and the gradients of a stage at the network's current weights."""

    def __init__(self, model: nn.Module, stage: Stage, grid: Grid, **options: Any) -> None:
        self.grid = grid
        self._model, self._stage, self._options = model, stage, options
        self._pointwise = is_pointwise(stage.objective) and (stage.score is None or is_pointwise(stage.score))
        if stage.batch is not None and not self._pointwise:
            raise ValueError(
                "a stage with batch= needs an objective and a score that are sums over points (with a method part): "
                "leave batch=None, or use objectives such as value, or gradient and laplacian with "
                'method="analytical"'
            )
        self._evaluation = Evaluation(model, grid, order=0, **options)

    def run(self, batch: Tensor | None, *, step: int) -> _Result:
        """Accumulate the gradients of one update, and return its loss and its score.

        Args:
            batch: Numbers of the points to evaluate, or None for all points.
            step: Number of the step, which an error names.
        """
        while True:
            self._evaluation.start()
            try:
                with torch.enable_grad():
                    return self._chunked(batch, step) if self._pointwise else self._whole(step)
            except NeedsOrder as need:
                self._evaluation = Evaluation(self._model, self.grid, order=need.order, **self._options)

    def _chunked(self, batch: Tensor | None, step: int) -> _Result:
        stage, evaluation = self._stage, self._evaluation
        factor = 1.0 if batch is None else self.grid.points / len(batch)
        losses, errors = [], []
        for index in evaluation.chunks(batch):
            rows = evaluation.forward(index).requires_grad_(True)
            field = RowsField(rows, rows.shape[1:2], order=evaluation.order)
            loss = factor * stage.objective.part(field, index)  # pyright: ignore[reportFunctionMemberAccess]
            losses.append(loss.detach())
            errors.append(self._error(field, loss, index, factor))
            evaluation.backward(_grad(loss, rows))
        # The device is asked for its numbers once for all chunks, since every such question waits for it.
        loss, error = torch.stack([torch.stack(losses).sum(), torch.stack(errors).sum()]).tolist()
        _check_finite(loss, step)
        evaluation.finish()
        return _Result(loss, error)

    def _whole(self, step: int) -> _Result:
        evaluation = self._evaluation
        chunks = list(evaluation.chunks())
        keep = evaluation.bytes_kept() <= KEEP_BYTES
        pieces = [evaluation.forward(index, i if keep else None) for i, index in enumerate(chunks)]
        rows = torch.cat(pieces, dim=1).requires_grad_(True)
        field = RowsField(rows, self.grid.shape, order=evaluation.order)
        loss = self._stage.objective(field)
        error = self._error(field, loss, None, 1.0)
        _check_finite(loss.item(), step)
        grads = _grad(loss, rows).split([piece.shape[1] for piece in pieces], dim=1)
        for i, (index, grad) in enumerate(zip(chunks, grads, strict=True)):
            if not keep:
                evaluation.forward(index, 0)
            evaluation.backward(grad, i if keep else 0)
        evaluation.finish()
        return _Result(loss.item(), error.item())

    @torch.no_grad()
    def _error(self, field: RowsField, loss: Tensor, index: Index | None, factor: float) -> Tensor:
        score = self._stage.score
        if score is None:
            return torch.full_like(loss, math.nan)
        if score is self._stage.objective:
            return loss.detach()
        return score(field) if index is None else factor * score.part(field, index)  # pyright: ignore


def _grad(loss: Tensor, rows: Tensor) -> Tensor:
    (grad,) = torch.autograd.grad(loss, rows, allow_unused=True, materialize_grads=True)
    return grad


def _check_finite(loss: float, step: int) -> None:
    if not math.isfinite(loss):
        raise ValueError(
            f"the loss became {loss} at step {step}: lower the learning rate or first_omega_0, "
            "or check the optimizer and the objective that were passed in"
        )


def batches_per_step(points: int, batch: int | None) -> int:
    """Return into how many parts of about ``batch`` points a step divides a grid, one for each update.

    With None there is one part, the whole grid.
    """
    return 1 if batch is None else max(1, round(points / batch))


def _batches(stage: Stage, points: int, generator: torch.Generator, device: torch.device) -> Sequence[Tensor | None]:
    """Return the points of every update of a step; None stands for all points."""
    count = batches_per_step(points, stage.batch)
    if count == 1:
        return [None]
    return torch.randperm(points, generator=generator).to(device).tensor_split(count)


def final_score(model: nn.Module, stage: Stage) -> float:
    """Return the PSNR in dB that the score of a stage gives the network as it is now; NaN without a score."""
    if stage.score is None:
        return math.nan
    grid = Grid(stage.shape, align_corners=stage.align_corners, like=next(model.parameters()))
    return psnr_of(evaluate(model, grid, stage.score).item())
