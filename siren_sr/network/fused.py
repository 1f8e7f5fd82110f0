"""Forward and backward passes of sine networks written out by hand, in buffers that are reused.

They do what autograd would do for `siren_sr.derivatives.value_and_derivatives` and a loss, with the same arithmetic,
but allocate nothing on the way: ω0 is folded into the weights once per step, the sine and cosine of a phase are
computed once, and every product writes its result where the next one reads it. `siren_sr.training.evaluation` uses
this module for networks of sines. In the tests, the plain modules are its reference.

Several rows travel through a layer together, as one matrix product: the value, one row of derivatives per coordinate
(order >= 1), and the Laplacian (order 2). With z the phase of a sine layer, a = sin z, z_d = ∂_d z and z_Δ = Δz,

    a_d = cos z · z_d                       a_Δ = cos z · z_Δ - sin z · Σ z_d²

and backwards, with g the derivative of the loss with respect to a,

    ∂z   = cos z · g - sin z · (Σ z_d g_d + z_Δ g_Δ) - cos z · g_Δ · Σ z_d²
    ∂z_d = cos z · g_d - 2 sin z · z_d · g_Δ
    ∂z_Δ = cos z · g_Δ

In the first layer z_d is the same for all points and z_Δ = 0, which makes all its rows as cheap as its value.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from siren_sr.network.protocol import SineNetwork, sine_maps


def supports(model: nn.Module) -> bool:
    """Return whether `Fused` computes exactly what ``model`` does.

    The model must consist of sine layers, without hooks, parametrizations or layers of a user's own.
    """
    if any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in model.modules()):
        return False
    maps = sine_maps(model)
    return maps is not None and all(isinstance(parameter, nn.Parameter) for w, b, _ in maps for parameter in (w, b))


PRECISIONS: dict[str | None, torch.dtype | None] = {None: None, "bf16": torch.bfloat16}
"""The type in which the products of hidden layers are computed, by its name; None keeps the network's own type."""


def product_type(precision: str | None) -> torch.dtype | None:
    """Return the type of the products of hidden layers; None keeps the network's own.

    Raises:
        ValueError: The precision is unknown.
    """
    if precision not in PRECISIONS:
        raise ValueError(f'precision={precision!r} is unknown: use None (the network\'s own) or "bf16"')
    return PRECISIONS[precision]


class Tape:
    """The buffers that one chunk of points needs between its forward and its backward pass."""

    def __init__(self, networks: int, rows: int, points: int, widths: Sequence[int], like: Tensor) -> None:
        """Allocate the buffers; ``widths`` are those of the sine layers."""
        self.activations = [like.new_empty(networks, rows, points, w) for w in widths]
        # For values alone the cosines take the place of the phases, which are not read again.
        self.cosines = [like.new_empty(networks, points, w) for w in widths]
        self.phases = [a.new_empty(a.shape) if rows > 1 and i else None for i, a in enumerate(self.activations)]
        self.coords = like.new_empty(0)


class Fused:
    """Evaluates chunks of points onto tapes and back, with the folded weights of one step, and sums their gradients."""

    def __init__(
        self,
        network: SineNetwork,
        *,
        dims: int,
        order: int = 0,
        spacing: Sequence[float] | None = None,
        precision: str | None = None,
    ) -> None:
        """Prepare derivatives up to ``order`` over ``dims`` coordinates, counted per step ``spacing`` of the grid.

        ``precision="bf16"`` computes the products of hidden layers in bfloat16; the first layer's phases, the output,
        the weights and the sums of gradients stay as they are. On a CPU, PyTorch returns the sums of such products in
        bfloat16, so that hidden phases are rounded to it as well.
        """
        self._dtype = product_type(precision)
        self.network, self.order, self.dims = network, order, dims
        self.rows = (1, 1 + dims, 2 + dims)[order]
        self._spacing = [1.0] * dims if spacing is None else list(spacing)
        self._scratch: dict[tuple[int, ...], Tensor] = {}
        self.refold()

    @torch.no_grad()
    def refold(self) -> None:
        """Read the network's weights anew and forget all gradients."""
        self.weights, self.biases = [], []  # (B, in, out), (B, 1, out)
        for weight, bias, omega_0 in self.network.affine_maps():
            single = weight.ndim == 2
            w, b = (weight.detach().T[None], bias.detach()[None, None]) if single else (weight.detach(), bias.detach())
            self.weights.append(w if omega_0 == 1 else omega_0 * w)
            self.biases.append(b if omega_0 == 1 else omega_0 * b)
        self._products = [w if self._dtype is None else w.to(self._dtype) for w in self.weights]
        # The gradients of the first layer's weights and bias lie side by side: both come from one product, in which a
        # row of ones joins the coordinates.
        first = self.weights[0]
        self._first_grad = first.new_zeros(len(first), self.dims + 1, first.shape[2])
        self._weight_grads = [torch.zeros_like(w) for w in self.weights[1:]]
        self._bias_grads = [torch.zeros_like(b) for b in self.biases[1:]]
        h = first.new_tensor(self._spacing)[:, None]
        self._slopes = h * first  # z_d of the first layer, (B, D, width)
        self._slope_grads = torch.zeros_like(self._slopes)
        self._curvature = self._slopes.square().sum(1, keepdim=True)

    def tape(self, points: int) -> Tape:
        """Return buffers for chunks of ``points`` points."""
        widths = [w.shape[2] for w in self.weights[:-1]]
        return Tape(len(self.weights[0]), self.rows, points, widths, self._products[0])

    @torch.no_grad()
    def forward(self, coords: Tensor, tape: Tape, *, backward: bool = True) -> Tensor:
        """Evaluate a chunk of points.

        Args:
            coords: Tensor (n, D), as many points as the tape is for.
            tape: Buffers, which are overwritten.
            backward: Whether `backward` will follow.

        Returns:
            Tensor (rows, n, B·C). Its rows are the value, h_d·∂f/∂x_d for every d, and Σ h_d²·∂²f/∂x_d², as far as
            the order asks for them.
        """
        tape.coords = coords
        previous = coords.expand(len(self.weights[0]), *coords.shape)
        for i, bias in enumerate(self.biases[:-1]):
            weight = self.weights[0] if i == 0 else self._products[i]
            a, cosine, z = tape.activations[i], tape.cosines[i], tape.phases[i]
            phase = cosine if z is None else z[:, 0]
            if i == 0 and self._dtype is not None:
                # The first phases may lie far from 0, where bfloat16 has too few digits.
                phase = torch.baddbmm(bias, previous, weight, out=self._buffer(cosine.shape, -1, like=self.weights[0]))
            elif z is None:
                torch.baddbmm(bias.to(weight), previous, weight, out=phase)
            else:
                torch.bmm(previous, weight, out=z.flatten(1, 2))
                phase += bias
            torch.sin(phase, out=a[:, 0])
            if backward or self.order:
                torch.cos(phase, out=cosine)
            if self.order and i == 0:
                torch.mul(cosine[:, None], self._slopes[:, :, None].to(cosine), out=a[:, 1 : 1 + self.dims])
                if self.order == 2:
                    torch.mul(a[:, 0], self._curvature.to(a), out=a[:, -1]).neg_()
            elif self.order and z is not None:
                torch.mul(cosine[:, None], z[:, 1:], out=a[:, 1:])
                if self.order == 2:
                    a[:, -1].addcmul_(a[:, 0], self._squares(z), value=-1)
            previous = a.flatten(1, 2)
        out = torch.bmm(previous.to(self.weights[-1]), self.weights[-1]).unflatten(1, (self.rows, -1))
        out[:, 0] += self.biases[-1]
        return out.permute(1, 2, 0, 3).flatten(2)

    @torch.no_grad()
    def backward(self, grad: Tensor, tape: Tape) -> None:
        """Add the gradients of one chunk to the sums.

        Args:
            grad: Tensor (rows, n, B·C), the derivative of the loss with respect to what `forward` returned.
            tape: The tape of that call of `forward`.
        """
        networks, n = len(self.weights[0]), grad.shape[1]
        rows = grad.unflatten(2, (networks, -1)).permute(2, 0, 1, 3).flatten(1, 2)
        self._bias_grads[-1] += rows[:, :n].sum(1, keepdim=True)
        rows = rows.to(self._products[-1])
        for i in reversed(range(len(tape.activations))):
            a, cosine, z = tape.activations[i], tape.cosines[i], tape.phases[i]
            self._add_product(self._weight_grads[i], a.flatten(1, 2), rows)
            g = self._buffer(a.shape, i % 2)
            torch.bmm(rows, self._products[i + 1].transpose(1, 2), out=g.flatten(1, 2))
            if i == 0:
                self._first_backward(g, a, cosine, tape.coords)
                return
            if z is None:
                g[:, 0] *= cosine
            else:
                self._layer_backward(g, a, cosine, z)
            self._bias_grads[i - 1] += g[:, 0].sum(1, keepdim=True)
            rows = g.flatten(1, 2)

    def _add_product(self, total: Tensor, a: Tensor, rows: Tensor) -> None:
        """Add aᵀ·rows to ``total``; chunks are summed in the precision of ``total``."""
        if self._dtype is None:
            total.baddbmm_(a.transpose(1, 2), rows)
        else:
            total += torch.bmm(a.transpose(1, 2), rows)

    def _layer_backward(self, g: Tensor, a: Tensor, cosine: Tensor, z: Tensor) -> None:
        """Turn the derivatives ``g`` with respect to activations into those with respect to phases, in place."""
        t = torch.mul(g[:, 1], z[:, 1], out=self._buffer(cosine.shape, 2))
        for row in range(2, self.rows):
            t.addcmul_(g[:, row], z[:, row])
        u = torch.mul(g[:, -1], a[:, 0], out=self._buffer(cosine.shape, 3)) if self.order == 2 else None
        g *= cosine[:, None]
        g[:, 0].addcmul_(a[:, 0], t, value=-1)
        if u is not None:
            g[:, 0].addcmul_(g[:, -1], self._squares(z), value=-1)
            for d in range(1, 1 + self.dims):
                g[:, d].addcmul_(z[:, d], u, value=-2)

    def _first_backward(self, g: Tensor, a: Tensor, cosine: Tensor, coords: Tensor) -> None:
        """Do what `_layer_backward` does where z_d is the same for all points, and add the first layer's gradients."""
        if self.order:
            slopes = self._slopes[:, :, None].to(g)
            t = torch.mul(g[:, 1], slopes[:, 0], out=self._buffer(cosine.shape, 2))
            for d in range(1, self.dims):
                t.addcmul_(g[:, 1 + d], slopes[:, d])
            if self.order == 2:
                u = torch.mul(g[:, -1], a[:, 0], out=self._buffer(cosine.shape, 3))
                self._slope_grads -= 2 * self._slopes * u.sum(1, keepdim=True)
            g *= cosine[:, None]
            g[:, 0].addcmul_(a[:, 0], t, value=-1)
            if self.order == 2:
                g[:, 0].addcmul_(g[:, -1], self._curvature.to(g), value=-1)
            self._slope_grads += g[:, 1 : 1 + self.dims].sum(2)
        else:
            g[:, 0] *= cosine
        ones = torch.cat([coords, coords.new_ones(len(coords), 1)], 1).T.expand(len(g), -1, -1)
        self._first_grad.baddbmm_(ones, g[:, 0].to(ones))

    @torch.no_grad()
    def write_gradients(self) -> None:
        """Add the sums of `backward` to the gradients of the network's parameters, as ``loss.backward()`` would."""
        first, h = self._first_grad, self._first_grad.new_tensor(self._spacing)[:, None]
        weights = [first[:, :-1] + h * self._slope_grads, *self._weight_grads]
        biases = [first[:, -1:], *self._bias_grads]
        for (weight, bias, omega_0), w, b in zip(self.network.affine_maps(), weights, biases, strict=True):
            single = weight.ndim == 2
            for parameter, grad in ((weight, w[0].T if single else w), (bias, b[0, 0] if single else b)):
                if parameter.requires_grad:
                    grad = (omega_0 * grad).contiguous()
                    parameter.grad = grad if parameter.grad is None else parameter.grad + grad

    def _squares(self, z: Tensor) -> Tensor:
        """Return Σ_d z_d² in a buffer."""
        q = torch.mul(z[:, 1], z[:, 1], out=self._buffer(z[:, 0].shape, 2))
        for d in range(2, 1 + self.dims):
            q.addcmul_(z[:, d], z[:, d])
        return q

    def _buffer(self, shape: Sequence[int], index: int, *, like: Tensor | None = None) -> Tensor:
        """Return buffer ``index`` of this shape, in the precision of ``like`` (default: that of the products)."""
        key = (index, *shape)
        if key not in self._scratch:
            self._scratch[key] = (self._products[0] if like is None else like).new_empty(tuple(shape))
        return self._scratch[key]
