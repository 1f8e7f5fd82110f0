"""K-FAC for a sine network (Martens and Grosse, ICML 2015), one of the optimizers that `benchmarks.fitting` compares.

The curvature of a layer is taken as the Kronecker product of two covariances: that of the layer's inputs, and that of
the derivatives of the output with respect to the layer's pre-activations. Both need what happens inside a network, so
that the passes are written in plain PyTorch here, as those of `eager` are.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from siren_sr import Siren

# These are the best settings of a dozen runs on 0803x4, with 12 passes and batches of 512 to 4096 pixels.
RATE, END = 1.0, 0.005  # the rate of the steps at first, and the share of it to which it decays exponentially
DAMPING = 1e-3
TRUST = 1e-3  # the most that a step may change the output, by the quadratic model
EVERY = 20  # the curvature is measured anew after so many updates
MEMORY = 0.9  # the running means of the covariances keep this share at each new measurement


class KFAC:
    """Minimises the mean squared error of a `Siren` by steps of K-FAC."""

    def __init__(self, network: Siren, total: int, generator: torch.Generator) -> None:
        """Copy the weights of a network, for ``total`` updates."""
        layers: list[Any] = [m for m in network.modules() if isinstance(getattr(m, "weight", None), torch.nn.Parameter)]
        self.omegas = [float(getattr(layer, "omega_0", 1.0)) for layer in layers]
        self.weights = [
            torch.cat([layer.weight.detach(), layer.bias.detach()[:, None]], 1).requires_grad_() for layer in layers
        ]
        self.covariances: list[tuple[Tensor, Tensor]] = []
        self.inverses: list[tuple[Tensor, Tensor]] = []
        self.total, self.generator, self.updates = total, generator, 0

    def __call__(self, coords: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Return the values, the inputs of every layer (with a one for the bias), and every layer's pre-activations."""
        x, inputs, outputs = coords, [], []
        for i, (omega, weight) in enumerate(zip(self.omegas, self.weights, strict=True)):
            inputs.append(torch.cat([x, x.new_ones(len(x), 1)], 1))
            outputs.append(omega * (inputs[-1] @ weight.T))
            x = torch.sin(outputs[-1]) if i < len(self.weights) - 1 else outputs[-1]
        return x, inputs, outputs

    def step(self, coords: Tensor, target: Tensor) -> float:
        """Update the weights and return the mean squared error from before the update."""
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
        """Renew the covariances and their damped inverses, from derivatives of the output in random directions."""
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
