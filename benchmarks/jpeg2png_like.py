"""A second peer for compressed images: what the program jpeg2png computes, by its published description.

github.com/victorvde/jpeg2png, version 1.01 with its defaults. Of all images that a file may have been made of it looks
for the smoothest one. It adds up, of luma and colour on the scale of 255,

    TV(x) + w/√2 · TV2(x) + p · 510 · √2 · Σ ((c - q k)/q)² / 2,

where TV is the length of each pixel's gradient, of all components together and divided by the root of their number,
TV2 that of the symmetric matrix of its second differences, and the last sum draws every coefficient to the middle of
its interval. It follows the subgradient in steps of one length, with the momentum of FISTA (Beck and Teboulle, 2009),
and projects onto the set after each. At a pixel whose differences are all 0 the subgradient is 0.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from siren_sr.superres.compression import cosine
from siren_sr.superres.compression.codec import from_blocks, to_blocks
from siren_sr.superres.compression.cosine import BLOCK
from siren_sr.superres.compression.jpeg_set import JpegSet

SECOND_ORDER = 0.3  # its option -w
MIDDLE = 0.001  # its option -p
STEPS = 50  # its option -i
# The equations of JFIF, around zero for luma too, where constants make no difference.
_YCC = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


def smoothest(
    image: Tensor,
    members: JpegSet,
    *,
    second_order: float = SECOND_ORDER,
    middle: float = MIDDLE,
    steps: int = STEPS,
) -> Tensor:
    """Return the image that jpeg2png would make of a file.

    Args:
        image: The decoded image (C, h, w) in [0, 1], oriented as the file is.
        members: The set of the file.
        second_order: Weight w of the second differences.
        middle: Weight p of the distances from the middles of the intervals. Blocks that reach over the edge of the
            image are left out of them.
        steps: Number of steps, >= 1.
    """
    x = before = _components(image, members)
    length = math.sqrt(x[0].numel()) / 2 / math.sqrt(1 + steps)
    momentum = 1.0
    for _ in range(steps):
        following = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        ahead = x + (momentum - 1) / following * (x - before)
        slope = subgradient(ahead, second_order)
        if middle:
            slope = slope + middle * 2 * 255 * math.sqrt(2) * _from_middle(ahead, members)
        # Each component takes a step of this length.
        slope = slope / torch.linalg.vector_norm(slope, dim=(1, 2), keepdim=True).clamp(min=1e-30)
        moved = members.project(_image(ahead - length * slope, members)[None])[0]
        before, x, momentum = x, _components(moved, members), following
    return _image(x, members).clamp(0, 1)


def roughness(x: Tensor, second_order: float) -> Tensor:
    """Return TV + second_order/√2 · TV2 of components (C, h, w), a scalar."""
    across, down = torch.zeros_like(x), torch.zeros_like(x)
    across[..., :-1] = x.diff(dim=-1)
    down[..., :-1, :] = x.diff(dim=-2)
    xx, xy = torch.zeros_like(x), torch.zeros_like(x)
    yx, yy = torch.zeros_like(x), torch.zeros_like(x)
    xx[..., 1:], yx[..., 1:] = across.diff(dim=-1), down.diff(dim=-1)
    xy[..., 1:, :], yy[..., 1:, :] = across.diff(dim=-2), down.diff(dim=-2)
    mixed = (xy + yx) / 2
    first = torch.linalg.vector_norm(torch.stack([across, down]), dim=(0, 1)).sum()
    second = torch.linalg.vector_norm(torch.stack([xx, mixed, mixed, yy]), dim=(0, 1)).sum()
    return (first + second_order / math.sqrt(2) * second) / math.sqrt(len(x))


def subgradient(x: Tensor, second_order: float) -> Tensor:
    """Return the subgradient of `roughness`, (C, h, w); where a length is 0 its share is 0."""
    x = x.detach().requires_grad_()
    return torch.autograd.grad(roughness(x, second_order), x)[0]


def _from_middle(x: Tensor, members: JpegSet) -> Tensor:
    """Return the gradient of the sum over all coefficients of ((c - q k)/q)²/2, (C, h, w)."""
    result = torch.zeros_like(x)
    for i, (v, h) in enumerate(members.factors):
        rows, columns = (n // (f * BLOCK) for n, f in zip(x.shape[1:], (v, h), strict=True))
        part = x[i : i + 1, : rows * v * BLOCK, : columns * h * BLOCK]
        means = part.unflatten(-1, (-1, h)).unflatten(-3, (-1, v)).mean((-1, -3))
        away = cosine.forward(to_blocks(means, (BLOCK, BLOCK))) - members.centres[i][:1, :rows, :columns]
        slope = cosine.inverse(away / (2 * members.radii[i][:1, :rows, :columns]).square())
        slope = from_blocks(slope)[0] / (v * h)
        result[i, : part.shape[1], : part.shape[2]] = slope.repeat_interleave(v, -2).repeat_interleave(h, -1)
    return result


def _components(image: Tensor, members: JpegSet) -> Tensor:
    """Return luma and colour of an image, or its one component, around zero on the scale of 255."""
    values = 255 * image - 128
    return torch.einsum("ij,jhw->ihw", _YCC.to(values), values) if members.ycc else values


def _image(components: Tensor, members: JpegSet) -> Tensor:
    matrix = torch.linalg.inv(_YCC.double()).to(components)
    return ((torch.einsum("ij,jhw->ihw", matrix, components) if members.ycc else components) + 128) / 255
