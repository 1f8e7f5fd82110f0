"""The picture behind a low-resolution image, on pixels: what the super-resolving network is then made to represent.

    x* = argmin TV_T(x) + μ/2 · |x - S(x)|²   subject to   D x = image

TV_T is a total variation of all channels together, steered by the structure tensor so that it costs less across an
edge than along it; S is what the picture's own repetitions make of it, in other places and at other scales
(`siren_sr.superres.picture.self_similarity`). For an image with noise of standard deviation σ, the constraint becomes a
penalty |D x - image|² / (2·t·σ), t falling with the scale (TRUST). The problem is convex between updates of T and S and
is solved by the primal-dual algorithm of Chambolle and Pock (J. Math. Imaging Vision 40, 2011), in which the constraint
is a closed-form projection. Images are (C, H, W) in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from siren_sr.superres.downsample import Downsample
from siren_sr.superres.picture.self_similarity import across_scales, gaussian, nonlocal_means
from siren_sr.training.progress import Monitor

# Chosen on crops of the 11 DIV2K pairs and of scikit-image's photographs; the result is flat around them.
ACROSS = 0.2  # weight of the variation across an edge, 1 along it
CONTRAST = 0.02  # gradients below it count as no edge
FIDELITY = 40.0  # μ
SCALES = 0.65  # of the picture's other scales in S, where both are used
SIGMA = 8.0  # dual step size; the primal one follows from |∇|² <= 8
Rounds = tuple[tuple[str, int], ...]
"""Rounds of the search, (name in `TARGETS`, iterations); T and S are made anew at the start of each."""
ROUNDS: Rounds = (("plain", 100), ("steered", 60), *[("places", 30)] * 2, *[("both", 25)] * 4)
EXACT = 1e-4  # keeps the projection well-posed at scales near 1; indistinguishable from 0 at ×4
# How far an image with noise is from being believed, at ×1 and as a power of the scale: a pixel of the picture is the
# less bound the more of them an image's pixel covers. Chosen on three crops at ×1, ×2, ×4, noise of 10 and 25 of 255.
TRUST, TRUST_POWER = 0.75, -1.3


def restore(
    image: Tensor,
    down: Downsample,
    start: Tensor,
    *,
    rounds: Rounds = ROUNDS,
    noise: float = 0.0,
    scale: float | None = None,
    monitor: Monitor | None = None,
) -> Tensor:
    """Solve for x*.

    Args:
        image: The low-resolution image (C, h, w) in [0, 1].
        down: D, from the size wanted to (h, w).
        start: First guess (C, H, W), usually the bicubic enlargement.
        rounds: The rounds of the search.
        noise: Standard deviation of the image's noise; 0 asks for D x = image.
        scale: How many times the picture is larger than the image (default: by their numbers of pixels).
        monitor: Told of every iteration; the work ends with what there is where it answers True.

    Returns:
        (C, H, W), not clipped.
    """
    x, dual = start, start.new_zeros(2, *start.shape)
    scale = math.sqrt(start[0].numel() / image[0].numel()) if scale is None else scale
    slack = EXACT + TRUST * scale**TRUST_POWER * noise * 8 * SIGMA  # the penalty's scale over the primal step size
    monitor = Monitor() if monitor is None else monitor
    for name, steps in rounds:
        tensor = None if name == "plain" else edge_tensor(x)
        target = TARGETS[name](x, scale)
        x, dual = _primal_dual(image, down, x, dual, steps, tensor=tensor, target=target, monitor=monitor, slack=slack)
        if monitor.stopped:
            break
    return x


def _primal_dual(
    image: Tensor,
    down: Downsample,
    x: Tensor,
    dual: Tensor,
    steps: int,
    *,
    tensor: Tensor | None,
    target: Tensor | None,
    monitor: Monitor,
    slack: float,
) -> tuple[Tensor, Tensor]:
    tau, ahead = 1 / (8 * SIGMA), x
    for _ in range(steps):
        dual = dual + SIGMA * _steer(tensor, _gradient(ahead))
        dual = dual / dual.square().sum((0, 1)).sqrt().clamp(min=1)
        new = x + tau * _divergence(_steer(tensor, dual))
        if target is not None:
            new = (new + tau * FIDELITY * target) / (1 + tau * FIDELITY)
        new = down.project(new, image, noise=slack)
        ahead, x = 2 * new - x, new
        if monitor.step():
            break
    return x, dual


def _gradient(x: Tensor) -> Tensor:
    """Forward differences, (2, C, H, W), zero at the far border."""
    result = x.new_zeros(2, *x.shape)
    result[0, ..., :-1] = x[..., 1:] - x[..., :-1]
    result[1, ..., :-1, :] = x[..., 1:, :] - x[..., :-1, :]
    return result


def _divergence(y: Tensor) -> Tensor:
    """Minus the adjoint of `_gradient`."""
    result = torch.zeros_like(y[0])
    result[..., :-1] += y[0, ..., :-1]
    result[..., 1:] -= y[0, ..., :-1]
    result[..., :-1, :] += y[1, ..., :-1, :]
    result[..., 1:, :] -= y[1, ..., :-1, :]
    return result


def _steer(tensor: Tensor | None, y: Tensor) -> Tensor:
    """The symmetric matrix (xx, xy, yy) of every pixel times its vector."""
    if tensor is None:
        return y
    return torch.stack([tensor[0] * y[0] + tensor[1] * y[1], tensor[1] * y[0] + tensor[2] * y[1]])


def edge_tensor(x: Tensor, *, blur: float = 0.8, integration: float = 2.5) -> Tensor:
    """Weights of the variation in every direction, (3, H, W): 1 along an edge, down to ACROSS across a clear one.

    The direction and the coherence come from the colour structure tensor (Weickert, "Anisotropic Diffusion in Image
    Processing", 1998): coherence = (λ1 - λ2)/(λ1 + λ2 + CONTRAST²).
    """
    p = functional.pad(gaussian(x, blur)[None], (1, 1, 1, 1), mode="replicate")[0]
    gx, gy = (p[:, 1:-1, 2:] - p[:, 1:-1, :-2]) / 2, (p[:, 2:, 1:-1] - p[:, :-2, 1:-1]) / 2
    xx, xy, yy = gaussian(torch.stack([gx.square().sum(0), (gx * gy).sum(0), gy.square().sum(0)]), integration)
    half = ((xx - yy).square() / 4 + xy.square()).sqrt()
    coherence = 2 * half / (xx + yy + CONTRAST**2)
    angle = 0.5 * torch.atan2(2 * xy, xx - yy)
    ux, uy, w = angle.cos(), angle.sin(), 1 - (1 - ACROSS) * coherence
    return torch.stack([w * ux.square() + uy.square(), (w - 1) * ux * uy, w * uy.square() + ux.square()])


def _few_scales(x: Tensor, scale: float) -> Tensor:
    """Other scales, with a third of the work."""
    return across_scales(x, scale=scale, factors=(1.25, 1.5), search=2)


def _both(x: Tensor, scale: float) -> Tensor:
    return nonlocal_means(x).lerp(across_scales(x, scale=scale), SCALES)


TARGETS: dict[str, Callable[[Tensor, float], Tensor | None]] = {
    "plain": lambda x, scale: None,
    "steered": lambda x, scale: None,
    "places": lambda x, scale: nonlocal_means(x),
    "few scales": _few_scales,
    "both": _both,
}
"""What S is in a round, of a picture and its scale; all but "plain" steer the variation."""
