"""Muon: steps of equal size in all directions of a weight matrix, for the convolutions of the learned upscaler."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from siren_sr.superres.convolution import has_fast_bfloat16

NEWTON = (3.4445, -4.7750, 2.0315)  # of Jordan's quintic, which brings singular values near 1 in five steps


class Muon(torch.optim.Optimizer):
    """Momentum whose matrix is replaced by the nearest orthogonal one, by Newton-Schulz iterations.

    A convolution's weight counts as the matrix (outputs, inputs·9). Weights of equal shape are worked on together.

    Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; the factor that makes its
    rate comparable to Adam's is that of Liu et al., arXiv 2502.16982.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], lr: float | Tensor, *, momentum: float = 0.95, decay: float = 0.1
    ) -> None:
        """Take weights of at least two axes.

        Args:
            parameters: The weights.
            lr: Rate, comparable to Adam's; a tensor without axes may change while a GPU repeats the step.
            momentum: Share of the mean gradient that a step keeps.
            decay: Share of a weight, times the rate, that every step takes away. Steps have a fixed size, however small
                the gradient: without decay weights grew tenfold in 2,500 steps, and with them the features.
        """
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Update all weights from their gradients; ``closure`` is not used."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[nn.Parameter]] = {}
            for p in group["params"]:
                shapes.setdefault(p.shape, []).append(p)
            for alike in shapes.values():
                self._update(alike, group["lr"], group["momentum"], group["decay"])

    def _update(self, parameters: list[nn.Parameter], lr: float | Tensor, momentum: float, decay: float) -> None:
        gradient = torch.stack([p.grad.reshape(len(p), -1) for p in parameters if p.grad is not None])
        mean = torch.stack([self.state[p].setdefault("mean", torch.zeros_like(p)).flatten(1) for p in parameters])
        mean = mean.lerp(gradient, 1 - momentum)
        steps = orthogonal(gradient.lerp(mean, momentum))
        size = 0.2 * max(gradient.shape[1:]) ** 0.5
        for p, m, step in zip(parameters, mean, steps, strict=True):
            self.state[p]["mean"].copy_(m.view_as(p))
            p.mul_(1 - lr * decay).sub_(step.view_as(p) * (lr * size))


def orthogonal(matrices: Tensor) -> Tensor:
    """Orthogonal matrices near (..., n, m): singular values about 1, the singular vectors kept.

    The iterations contract, so that bfloat16 is precise enough where it is fast.
    """
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    x = x.bfloat16() if has_fast_bfloat16(matrices) else x
    a, b, c = NEWTON
    for _ in range(5):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(matrices)
