"""The best weights of a stage, to which a training goes back when it fails."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

GAIN = 0.02  # the weights are copied where the loss has fallen by this share: seldom, and never far from the best
NOTHING = 1e-9  # share of the whole progress that is never worth going back for
# Share of the progress in decibels that a training loses at its end if it failed. One that is nearly done swings about
# its aim by more than a few decibels, and loses less.
MUCH = 0.2


class DivergenceWarning(UserWarning):
    """A training failed on the way, and its best weights were used; the text says when, and what to do."""


class Best:
    """A copy of the best weights so far.

    It is up to date but for improvements by less than `GAIN`, so that a training copies its weights seldom.

    Attributes:
        loss: The loss of these weights; infinite if there are none yet.
        step: Number of the step that began with them.
    """

    def __init__(self, model: nn.Module, *, worse: float) -> None:
        """Watch the parameters and the buffers of a network; nothing is copied yet.

        Args:
            model: The network.
            worse: A loss is clearly worse than another if it is greater by this share of it.
        """
        self._worse = worse
        self._live = [*model.parameters(), *model.buffers()]
        self._copy: list[Tensor] | None = None
        self.loss = self._first = math.inf
        self.step = 0

    @property
    def exists(self) -> bool:
        """Whether any weights were good enough to be copied."""
        return self._copy is not None

    @torch.no_grad()
    def offer(self, loss: float, step: int) -> None:
        """Copy the network's present weights if their loss is finite and the lowest so far."""
        if self._copy is None:
            self._copy, self._first = [tensor.detach().clone() for tensor in self._live], loss
        elif loss < self.loss - GAIN * abs(self.loss):
            for copy, tensor in zip(self._copy, self._live, strict=True):
                copy.copy_(tensor)
        else:
            return
        self.loss, self.step = loss, step

    @torch.no_grad()
    def put_back(self) -> None:
        """Give the network its best weights."""
        for copy, tensor in zip(self._copy or (), self._live, strict=True):
            tensor.copy_(copy)

    @torch.no_grad()
    def exchange(self) -> None:
        """Exchange the network's weights and the copy."""
        for copy, tensor in zip(self._copy or (), self._live, strict=True):
            kept = tensor.clone()
            tensor.copy_(copy)
            copy.copy_(kept)

    def is_clearly_better(self, than: float, *, loss: float | None = None) -> bool:
        """Whether another loss is clearly worse than that of the best weights, or is not finite at all.

        Args:
            than: The other loss.
            loss: The loss of the best weights, where it has been measured anew.
        """
        best = self.loss if loss is None else loss
        return not than - best <= max(self._worse * abs(best), NOTHING * abs(self._first - best))

    def is_much_better(self, than: float, *, loss: float) -> bool:
        """Whether another loss, which is greater, takes back much of what was gained since the first one.

        Args:
            than: The other loss.
            loss: The loss of the best weights, measured anew.
        """
        if not 0 < loss < than < math.inf or not loss < self._first < math.inf:  # of which there are no decibels
            return True
        return math.log(than / loss) > MUCH * math.log(self._first / loss)

    def weights_are_finite(self) -> bool:
        """Whether the network's present weights are finite numbers."""
        return all(bool(torch.isfinite(tensor).all()) for tensor in self._live)

    def state(self) -> dict[str, Any]:
        """What `restore` needs, of tensors and plain values."""
        return {"copy": self._copy, "loss": self.loss, "step": self.step, "first": self._first}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a `state`."""
        copy, loss, step, first = (state[name] for name in ("copy", "loss", "step", "first"))
        self._copy = None if copy is None else [c.to(t) for c, t in zip(copy, self._live, strict=True)]
        self.loss, self.step, self._first = loss, step, first
