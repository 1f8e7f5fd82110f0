"""K-FAC for a sine network, an optimizer that `benchmarks.fitting` compares: Martens and Grosse, ICML 2015.

The curvature of a layer is taken as the Kronecker product of two covariances: of its inputs, and of the derivatives of
the output by its pre-activations. That needs what happens inside a network, so that the passes are plain PyTorch here,
as those of `eager` are.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from siren_sr import Siren

# The best of a dozen runs on 0803x4, 12 passes, batches of 512 to 4096.
RATE, END = 1.0, 0.005  # of the step, decaying exponentially to a share of it
DAMPING = 1e-3
TRUST = 1e-3  # the most that a step may change the output, as the quadratic model has it
EVERY = 20  # updates between two looks at the curvature
MEMORY = 0.9  # of the running means of the covariances


class KFAC:
    """Steps of K-FAC on the mean squared error of a `Siren`."""

    def __init__(self, network: Siren, total: int, generator: torch.Generator) -> None:
        """Take over the weights of a network for a number of updates."""
        layers: list[Any] = [m for m in network.modules() if isinstance(getattr(m, "weight", None), torch.nn.Parameter)]
        self.omegas = [float(getattr(layer, "omega_0", 1.0)) for layer in layers]
        self.weights = [
            torch.cat([layer.weight.detach(), layer.bias.detach()[:, None]], 1).requires_grad_() for layer in layers
        ]
        self.covariances: list[tuple[Tensor, Tensor]] = []
        self.inverses: list[tuple[Tensor, Tensor]] = []
        self.total, self.generator, self.updates = total, generator, 0

    def __call__(self, coords: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Values, the inputs of every layer (with a one for the bias), and its pre-activations."""
        x, inputs, outputs = coords, [], []
        for i, (omega, weight) in enumerate(zip(self.omegas, self.weights, strict=True)):
            inputs.append(torch.cat([x, x.new_ones(len(x), 1)], 1))
            outputs.append(omega * (inputs[-1] @ weight.T))
            x = torch.sin(outputs[-1]) if i < len(self.weights) - 1 else outputs[-1]
        return x, inputs, outputs

    def step(self, coords: Tensor, target: Tensor) -> float:
        """Update the weights; the mean squared error before."""
        found, inputs, outputs = self(coords)
        if self.updates % EVERY == 0:
            self._look(found, inputs, outputs)
        loss = (found - target).square().sum(1).mean() / 2
        gradients = torch.autograd.grad(loss, self.weights)
        steps = [there @ gradient @ here for gradient, (here, there) in zip(gradients, self.inverses, strict=True)]
        rate = RATE * END ** (self.updates / self.total)
        change = rate**2 * sum(float((s * g).sum()) for s, g in zip(steps, gradients, strict=True))
        rate *= min(1.0, math.sqrt(TRUST / (change + 1e-30)))
        with torch.no_grad():
            for weight, step in zip(self.weights, steps, strict=True):
                weight -= rate * step
        self.updates += 1
        return float((found - target).detach().square().mean())

    def _look(self, found: Tensor, inputs: list[Tensor], outputs: list[Tensor]) -> None:
        """Renew the covariances and their damped inverses, by the derivatives of the output in a random direction."""
        signs = torch.randint(0, 2, found.shape, generator=self.generator).to(found) * 2 - 1
        derivatives = torch.autograd.grad(found, outputs, signs, retain_graph=True)
        new = []
        for x, d, omega in zip(inputs, derivatives, self.omegas, strict=True):
            x, d = x.detach(), omega * d
            new.append((x.T @ x / len(x), d.T @ d / len(d)))
        old = self.covariances or new
        self.covariances = [
            tuple(b.lerp(a, MEMORY) for a, b in zip(x, y, strict=True))  # pyright: ignore[reportAttributeAccessIssue]
            for x, y in zip(old, new, strict=True)
        ]
        self.inverses = []
        for a, g in self.covariances:
            share = (a.diagonal().mean() / g.diagonal().mean()).sqrt()
            eye, other = torch.eye(len(a)), torch.eye(len(g))
            root = math.sqrt(DAMPING)
            self.inverses.append((torch.linalg.inv(a + share * root * eye), torch.linalg.inv(g + root / share * other)))
