"""One training loop for every task, which does not know what it trains for.

A `siren_sr.training.stage.Stage` says what to minimise, on which grid, for how long and with which optimizer. `train`
runs stages one after the other on the same network. It remembers the best weights of the stage
(`siren_sr.training.best`): a loss that becomes NaN or infinite, and an end that is clearly worse than the best, make it
go back to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, fields, replace
from typing import Any

import torch
from torch import nn

from siren_sr import arguments
from siren_sr.training.passes import batches_per_step, final_score
from siren_sr.training.progress import Entry, Monitor
from siren_sr.training.running import Running
from siren_sr.training.stage import Stage

__all__ = ["Stage", "batches_per_step", "final_score", "train"]


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

    A stage whose loss becomes NaN or infinite goes back to its best weights so far, and goes on from there with a
    quarter of the learning rate and an optimizer without memory, up to eight times. A stage that ends at more than
    twice the loss of its best weights goes back to them. ``went_back`` in the history tells both. A
    `siren_sr.training.best.DivergenceWarning` tells the first, and the second where more than a fifth of the decibels
    that the stage had gained would be lost; it is given once for every image.

    A ``KeyboardInterrupt`` ends the training as a monitor does that answers True; the monitor keeps it
    (`Monitor.interruption`).

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
        ValueError: The loss is NaN or infinite at a stage's first weights, or became so again and again however small
            the learning rate (the network then has the best weights of the stage); a stage with ``batch`` has an
            objective or a score that is not pointwise; or the network cannot be evaluated in ``precision``.
    """
    monitor = Monitor() if monitor is None else monitor
    training = _Training(model, stages, monitor, arguments.seeded(generator), chunk=chunk, precision=precision)
    with monitor.part("train", training.state) as saved:
        if saved is not None:
            training.restore(saved)
        training.run()
    return tuple(training.history)


class _Training:
    """Stages under way.

    Attributes:
        history: One `Entry` per step so far.
    """

    def __init__(
        self, model: nn.Module, stages: Sequence[Stage], monitor: Monitor, generator: torch.Generator, **options: Any
    ) -> None:
        self._model, self._stages, self._monitor, self._generator = model, stages, monitor, generator
        self._options = options
        self._total, self._since = sum(stage.steps for stage in stages), monitor.seconds
        self.history: list[Entry] = []
        self._index, self._running, self._restored = 0, None, None

    def state(self) -> dict[str, Any]:
        """What `restore` needs, of tensors and plain values."""
        rows = [astuple(entry) for entry in self.history]
        return {
            "weights": dict(self._model.state_dict()),
            "history": torch.tensor(rows, dtype=torch.float64).reshape(len(rows), len(fields(Entry))),
            "generator": self._generator.get_state(),
            "since": self._since,
            "index": self._index,
            "running": None if self._running is None else self._running.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a `state`."""
        self._model.load_state_dict(state["weights"])
        self.history = [Entry.of(row) for row in state["history"].tolist()]
        self._generator.set_state(state["generator"])
        self._since, self._index, self._restored = state["since"], state["index"], state["running"]

    def run(self) -> None:
        """Run all stages, or as many as the monitor allows."""
        for index in range(self._index, len(self._stages)):
            stage = self._stages[index]
            self._monitor.enter(stage.name, self._total - len(self.history))
            running = Running(self._model, stage, self._generator, **self._options)
            if self._restored is not None:
                running.restore(self._restored)
            self._running, self._restored = running, None
            with self._monitor.interruptible():
                for _ in range(0 if self._monitor.stopped else stage.steps - running.made):
                    self._step(running, index)
                    if running.made == 1:
                        self._monitor.check()
                    if self._monitor.step(self.history[-1], since=self._since):
                        break
            # An interruption may have come in the middle of an update.
            if running.ended_badly(self._monitor, closely=self._monitor.interruption is not None) and running.made:
                self.history[-1] = replace(self.history[-1], went_back=self.history[-1].went_back + 1)
            if self._monitor.stopped:
                return
            self._index, self._running = index + 1, None

    def _step(self, running: Running, index: int) -> None:
        step = len(self.history) + 1
        result, lr, went_back = running.step(step, self._monitor)
        seconds = self._monitor.seconds - self._since
        self.history.append(Entry(step, result.loss, result.psnr, seconds, lr, index, went_back))
