"""One stage of a training under way: its updates, and what it does when a loss is not finite or the end is bad."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from siren_sr.training.best import Best
from siren_sr.training.evaluation import Grid
from siren_sr.training.passes import NotFinite, Pass, Result, draw_batches
from siren_sr.training.progress import Monitor
from siren_sr.training.stage import Stage

CUT = 0.25  # the share of the learning rate that is left after a loss that was not finite
RETURNS = 8  # so many times a stage goes back to its best weights before it gives up
# Where the rate has decayed to this share of its highest, the last update, whose loss nobody sees, is taken to do no
# more harm than those before it.
HIGH = 0.5


def made(value: Any, what: str, methods: Sequence[str]) -> Any:
    """Return what a factory of the user made.

    Raises:
        TypeError: It lacks a method that it must have.
    """
    if not all(callable(getattr(value, name, None)) for name in methods):
        raise TypeError(f"the function {what}= must return one of torch.optim, or alike, got {type(value).__name__}")
    return value


class Running:
    """One stage under way: its optimizer, its scheduler, and the best weights so far.

    Attributes:
        made: Number of steps made.
    """

    def __init__(self, model: nn.Module, stage: Stage, generator: torch.Generator, **options: Any) -> None:
        parameter = next(model.parameters())
        grid = Grid(stage.shape, align_corners=stage.align_corners, like=parameter)
        self._stage, self._generator, self._device = stage, generator, parameter.device
        self._pass = Pass(model, stage, grid, **options)
        self._optimizer = made(stage.optimizer(model.parameters()), "optimizer", ("step", "zero_grad", "state_dict"))
        self._new = copy.deepcopy(self._optimizer.state_dict())  # to forget by; it holds no moments yet
        self._scheduler = None
        if stage.scheduler is not None:
            self._scheduler = made(stage.scheduler(self._optimizer), "scheduler", ("step",))
        self._best, self._returns, self._cut = Best(model, worse=stage.worse), 0, 1.0
        self._last = math.inf  # the loss of the last step
        self._rates, self._highest = [0.0], [0.0]  # of the last step, and of all steps, one for each parameter group
        self.made = 0

    def state(self) -> dict[str, Any]:
        """What `restore` needs, of tensors and plain values."""
        names = ("_returns", "_cut", "_last", "_rates", "_highest", "made")
        return {
            "optimizer": self._optimizer.state_dict(),
            "scheduler": None if self._scheduler is None else _state_of(self._scheduler),
            "best": self._best.state(),
            "plain": {name: getattr(self, name) for name in names},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a `state`."""
        self._optimizer.load_state_dict(state["optimizer"])
        if self._scheduler is not None:
            self._scheduler.load_state_dict(state["scheduler"])
        self._best.restore(state["best"])
        for name, value in state["plain"].items():
            setattr(self, name, value)

    def step(self, step: int, monitor: Monitor) -> tuple[Result, float, int]:
        """Make one step.

        Args:
            step: Its number.
            monitor: Is given the warnings.

        Returns:
            The mean of what its updates found before them, the learning rate, and how often the step went back to the
            best weights.
        """
        before, updates = self._returns, []
        while not updates:
            rates = [float(group["lr"]) * self._cut for group in self._optimizer.param_groups]
            try:
                batches = draw_batches(self._stage, self._pass.grid.points, self._generator, self._device)
                updates = [self._update(batch, step, first=i == 0) for i, batch in enumerate(batches)]
            except NotFinite as error:
                self._go_back(error.loss, step, monitor)
                updates = []
        result = Result(*(sum(values) / len(updates) for values in zip(*map(astuple, updates), strict=True)))
        if self._scheduler is not None:
            self._scheduler.step(*([result.loss] if isinstance(self._scheduler, ReduceLROnPlateau) else []))
        self._highest = [max(pair) for pair in zip(rates, self._highest * len(rates), strict=False)]
        self._last, self._rates, self.made = result.loss, rates, self.made + 1
        return result, rates[0], self._returns - before

    def _update(self, batch: Tensor | None, step: int, *, first: bool) -> Result:
        """Update the weights once, and return the loss and the score before the update."""
        results: list[Result] = []

        def closure() -> float:
            # Optimizers such as LBFGS call this several times per update. The first evaluation is the one that is
            # reported, since it is made at the weights from which the update starts.
            self._optimizer.zero_grad(set_to_none=True)
            results.append(self._pass.run(batch))
            if first and len(results) == 1:
                # One batch may flatter these weights; the updates that led to them saw the whole grid.
                before = self._last if batch is not None and self.made else -math.inf
                self._best.offer(max(results[0].loss, before), step)
            return results[-1].loss

        with self._cut_rates():
            self._optimizer.step(closure)
        return results[0]

    @contextlib.contextmanager
    def _cut_rates(self) -> Iterator[None]:
        """Lower the learning rates for one update; schedulers know nothing of it, so that none can undo it."""
        if self._cut == 1.0:
            yield
            return
        rates = [group["lr"] for group in self._optimizer.param_groups]
        try:
            for group, rate in zip(self._optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * self._cut
            yield
        finally:
            for group, rate in zip(self._optimizer.param_groups, rates, strict=True):
                group["lr"] = rate

    def _go_back(self, loss: float, step: int, monitor: Monitor) -> None:
        """Go back to the best weights and go on with a smaller rate, or give up."""
        advice = (
            "lower the learning rate or first_omega_0, or check the optimizer and the objective that were passed in"
        )
        if not self._best.exists:
            raise ValueError(f"the loss became {loss} at step {step}: {advice}") from None
        self._best.put_back()
        if self._returns == RETURNS:
            raise ValueError(
                f"the loss became {loss} at step {step}, even with {self._cut:.1e} of the learning rate: {advice}"
            ) from None
        self._returns, self._cut = self._returns + 1, self._cut * CUT
        self._forget()
        monitor.warn(
            f"the loss became {loss} at step {step}: the training goes on from the weights of step {self._best.step}, "
            f"whose loss is {self._best.loss:.3g}, with a quarter of the learning rate; {advice}"
        )

    def _forget(self) -> None:
        """Forget what the optimizer has seen, but for what a scheduler has set."""
        now = [
            {name: value for name, value in group.items() if name in ("lr", "momentum", "betas", "initial_lr")}
            for group in self._optimizer.param_groups
        ]
        self._optimizer.load_state_dict(copy.deepcopy(self._new))
        for group, kept in zip(self._optimizer.param_groups, now, strict=True):
            group.update(kept)

    def ended_badly(self, monitor: Monitor, *, closely: bool = False) -> bool:
        """Give the network its best weights if its present ones are clearly worse; returns whether they were.

        Args:
            monitor: Is given the warning.
            closely: Whether to evaluate the present weights in any case. Else this is done only where they can be bad.
        """
        best = self._best
        bold = any(now > HIGH * high for now, high in zip(self._rates, self._highest, strict=True))
        doubtful = closely or bold or best.is_clearly_better(self._last) or not best.weights_are_finite()
        if not (best.exists and doubtful):
            return False
        end = self._pass.loss()
        if not best.is_clearly_better(end):
            return False
        best.exchange()
        loss = self._pass.loss()  # on the whole grid, as the other
        if not best.is_clearly_better(end, loss=loss):
            best.exchange()
            return False
        # A training that was cut short, or that swings about its aim, has failed in nothing.
        if monitor.stopped or not best.is_much_better(end, loss=loss):
            return True
        monitor.warn(
            f"the training ended at a loss of {end:.3g} and had {loss:.3g} at step {best.step}: the network has the "
            "weights of that step; lower the learning rate, or let it decay"
        )
        return True


def _state_of(scheduler: Any) -> Any:
    if not callable(getattr(scheduler, "state_dict", None)):
        raise TypeError(
            f"the scheduler {type(scheduler).__name__} has no state_dict, which a checkpoint needs: leave checkpoint= "
            "out, or use a scheduler of torch.optim.lr_scheduler"
        )
    return scheduler.state_dict()
