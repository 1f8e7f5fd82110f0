"""The loss, the score and the gradients of one update: a network, a stage, and some or all points of its grid.

A pointwise objective goes forwards and backwards chunk by chunk, in memory that does not depend on the grid. Any other
objective sees the whole grid: its gradient with respect to the values on the grid is taken first, and is then carried
back chunk by chunk. If the chunks would need more than a budget of memory in between, they are computed twice instead
of kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from siren_sr.training.evaluation import Evaluation, Grid, NeedsOrder, RowsField, evaluate
from siren_sr.training.field import Index, is_pointwise, psnr_of
from siren_sr.training.stage import Stage

# The most bytes of activations that are kept between the forward and the backward pass. Where there would be more, the
# activations are computed twice.
KEEP_BYTES = 1 << 30


class NotFinite(ArithmeticError):  # noqa: N818 (the training may go on from other weights)
    """The loss became NaN or infinite."""

    def __init__(self, loss: float) -> None:
        super().__init__(f"the loss became {loss}")
        self.loss = loss


@dataclass(frozen=True)
class Result:
    """The loss of one evaluation, and its score, which is a mean squared error or NaN."""

    loss: float
    error: float

    @property
    def psnr(self) -> float:
        """The PSNR of the score in dB; NaN without a score."""
        return math.nan if math.isnan(self.error) else psnr_of(self.error)


class Pass:
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

    def run(self, batch: Tensor | None) -> Result:
        """Accumulate the gradients of one update, and return its loss and its score.

        Args:
            batch: Numbers of the points to evaluate, or None for all points.

        Raises:
            NotFinite: The loss is NaN or infinite.
        """
        while True:
            self._evaluation.start()
            try:
                with torch.enable_grad():
                    return self._chunked(batch) if self._pointwise else self._whole()
            except NeedsOrder as need:
                self._evaluation = Evaluation(self._model, self.grid, order=need.order, **self._options)

    def loss(self) -> float:
        """Return the loss of the network as it is now, on the whole grid; gradients are left alone."""
        while True:
            evaluation = self._evaluation
            evaluation.start()
            pieces = ((index, evaluation.forward(index, None)) for index in evaluation.chunks())
            try:
                with torch.enable_grad():  # an objective may need derivatives of its own, as in training
                    if self._pointwise:
                        return float(sum(self._loss_of(rows, index) for index, rows in pieces))
                    return self._loss_of(torch.cat([rows for _, rows in pieces], dim=1), None)
            except NeedsOrder as need:
                self._evaluation = Evaluation(self._model, self.grid, order=need.order, **self._options)

    def _loss_of(self, rows: Tensor, index: Index | None) -> float:
        objective, order = self._stage.objective, self._evaluation.order
        shape = self.grid.shape if index is None else rows.shape[1:2]
        field = RowsField(rows.requires_grad_(True), shape, order=order)
        found = objective(field) if index is None else objective.part(field, index)  # pyright: ignore
        return found.item()

    def _chunked(self, batch: Tensor | None) -> Result:
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
        _check_finite(loss)
        evaluation.finish()
        return Result(loss, error)

    def _whole(self) -> Result:
        evaluation = self._evaluation
        chunks = list(evaluation.chunks())
        keep = evaluation.bytes_kept() <= KEEP_BYTES
        pieces = [evaluation.forward(index, i if keep else None) for i, index in enumerate(chunks)]
        rows = torch.cat(pieces, dim=1).requires_grad_(True)
        field = RowsField(rows, self.grid.shape, order=evaluation.order)
        loss = self._stage.objective(field)
        error = self._error(field, loss, None, 1.0)
        _check_finite(loss.item())
        grads = _grad(loss, rows).split([piece.shape[1] for piece in pieces], dim=1)
        for i, (index, grad) in enumerate(zip(chunks, grads, strict=True)):
            if not keep:
                evaluation.forward(index, 0)
            evaluation.backward(grad, i if keep else 0)
        evaluation.finish()
        return Result(loss.item(), error.item())

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


def _check_finite(loss: float) -> None:
    if not math.isfinite(loss):
        raise NotFinite(loss)


def batches_per_step(points: int, batch: int | None) -> int:
    """Return into how many parts of about ``batch`` points a step divides a grid, one for each update.

    With None there is one part, the whole grid.
    """
    return 1 if batch is None else max(1, round(points / batch))


def draw_batches(
    stage: Stage, points: int, generator: torch.Generator, device: torch.device
) -> Sequence[Tensor | None]:
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
