"""Find the picture behind a low-resolution image by total variation and self-similarity.

The picture is found as pixels, which the super-resolving network is then made to represent:

    x* = argmin TV_T(x) + μ/2 · |x - S(x)|²   subject to   D x = image

TV_T is a total variation of all channels together. It is steered by the structure tensor T, so that variation across an
edge costs less than variation along it. S(x) is what the picture's own repetitions, in other places and at other
scales, make of it (`siren_sr.superres.picture.self_similarity`). For an image with noise of standard deviation σ, the
constraint becomes a penalty |D x - image|² / (2·t·σ), where t falls with the scale (`TRUST`). For an image that was
compressed, D x lies in the set of its file and is drawn to the middle of that (`DRAWN`). Between updates of T and
S the problem is convex. It is solved by the primal-dual algorithm of Chambolle and Pock (J. Math. Imaging Vision 40,
2011), in which the constraint is a closed-form projection. Images are (C, H, W) in [0, 1].
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from siren_sr.superres.compression.compressed import Compressed
from siren_sr.superres.compression.projection import explaining
from siren_sr.superres.downsample import Downsample
from siren_sr.superres.picture.self_similarity import across_scales, gaussian, nonlocal_means
from siren_sr.training.progress import Monitor

# These numbers were chosen on crops of the 11 DIV2K pairs and of scikit-image's photographs; around them the result
# hardly changes.
ACROSS = 0.2  # the weight of variation across a clear edge; along it the weight is 1
CONTRAST = 0.02  # gradients below this count as no edge
FIDELITY = 40.0  # the weight μ with which the picture is drawn to S
SCALES = 0.65  # the share of the target from other scales in S, where other places give the rest
BLUR, INTEGRATION = 0.8, 2.5  # standard deviations in pixels of the blurs of the picture and of its structure tensor
SIGMA = 8.0  # the dual step size; the primal step size follows from it and from |∇|² <= 8
Rounds = tuple[tuple[str, int], ...]
"""Rounds of the search, each a name in `TARGETS` and a number of iterations. T and S are made anew at the start of each
round."""
ROUNDS: Rounds = (("plain", 100), ("steered", 60), *[("places", 30)] * 2, *[("both", 25)] * 4)
# The `noise` of the projection that stands for D x = image. It keeps the projection well-posed at scales near 1, and at
# ×4 its effect cannot be told from that of 0.
EXACT = 1e-4
# The number t = TRUST·scale**TRUST_POWER says how little an image with noise is believed. It falls with the scale,
# since a pixel of the picture is bound the less, the more pixels of the picture a pixel of the image covers. Both
# numbers were chosen on three crops at ×1, ×2 and ×4, with noise of 10 and of 25 levels of 255.
TRUST, TRUST_POWER = 0.75, -1.3
# In every iteration a coefficient of a compressed image comes nearer to the middle of its interval by the factor
# 1 + DRAWN/radius², with the radius in levels of 255. Total variation alone would take all that the interval allows,
# and with it the texture that is left.
DRAWN = 13.5
# The steps for blocks at the edge, see `JpegSet`. Each iteration goes on where the one before has ended.
FREE_STEPS = 1


def restore(
    image: Tensor,
    down: Downsample,
    start: Tensor,
    *,
    rounds: Rounds = ROUNDS,
    noise: float = 0.0,
    compressed: Compressed | None = None,
    scale: float | None = None,
    monitor: Monitor | None = None,
) -> Tensor:
    """Find the picture x*.

    Args:
        image: The low-resolution image (C, h, w) in [0, 1].
        down: The downsampling D, from the size wanted to (h, w).
        start: The first guess (C, H, W), usually the bicubic enlargement.
        rounds: The rounds of the search.
        noise: Standard deviation of the image's noise, for an image in [0, 1]; 0 asks for D x = image.
        compressed: What is known of how the image was compressed; then D x is to be one of the images that it may have
            been before.
        scale: How many times larger the picture is than the image (default: by their numbers of pixels).
        monitor: Object that is told of every iteration; when it answers True, the work ends with the picture so far.

    Returns:
        The picture (C, H, W), not clipped.
    """
    x, dual = start, start.new_zeros(2, *start.shape)
    scale = math.sqrt(start[0].numel() / image[0].numel()) if scale is None else scale
    slack = EXACT + TRUST * scale**TRUST_POWER * noise * 8 * SIGMA  # t·σ over the primal step size 1/(8·SIGMA)
    monitor = Monitor() if monitor is None else monitor
    known = None if compressed is None else compressed.drawn(DRAWN, free_steps=FREE_STEPS)
    reached = (0, x, dual)
    with monitor.part("rounds", lambda: reached) as saved:
        first, x, dual = reached if saved is None else saved
        for i, (name, steps) in enumerate(rounds[first:], start=first):
            reached = (i, x, dual)
            tensor = None if name == "plain" else edge_tensor(x)
            target = TARGETS[name](x, scale)
            x, dual = _primal_dual(
                functools.partial(explaining, down, image=image, compressed=known, noise=slack),
                x,
                dual,
                steps,
                tensor=tensor,
                target=target,
                monitor=monitor,
            )
            if monitor.stopped:
                break
        reached = (len(rounds), x, dual)
    return x


def _primal_dual(
    projected: Callable[[Tensor], Tensor],
    x: Tensor,
    dual: Tensor,
    steps: int,
    *,
    tensor: Tensor | None,
    target: Tensor | None,
    monitor: Monitor,
) -> tuple[Tensor, Tensor]:
    """Take ``steps`` iterations of the primal-dual algorithm, and return the picture and the dual variable.

    Args:
        projected: Moves a picture to the nearest one that explains the image.
        x: The picture so far.
        dual: The dual variable so far, (2, C, H, W).
        steps: Number of iterations.
        tensor: T as `edge_tensor` returns it, or None where the variation is not steered.
        target: S, or None where there is none.
        monitor: Object that is told of every iteration and can end them.
    """
    tau, ahead = 1 / (8 * SIGMA), x
    with monitor.interruptible():
        for _ in range(steps):
            dual = dual + SIGMA * _steer(tensor, _gradient(ahead))
            dual = dual / dual.square().sum((0, 1)).sqrt().clamp(min=1)
            new = x + tau * _divergence(_steer(tensor, dual))
            if target is not None:
                new = (new + tau * FIDELITY * target) / (1 + tau * FIDELITY)
            new = projected(new)
            ahead, x = 2 * new - x, new
            if monitor.step():
                break
    return x, dual


def _gradient(x: Tensor) -> Tensor:
    """Return the forward differences along x and along y, (2, C, H, W), which are zero at the far border."""
    result = x.new_zeros(2, *x.shape)
    result[0, ..., :-1] = x[..., 1:] - x[..., :-1]
    result[1, ..., :-1, :] = x[..., 1:, :] - x[..., :-1, :]
    return result


def _divergence(y: Tensor) -> Tensor:
    """Apply minus the adjoint of `_gradient`: (2, C, H, W) -> (C, H, W)."""
    result = torch.zeros_like(y[0])
    result[..., :-1] += y[0, ..., :-1]
    result[..., 1:] -= y[0, ..., :-1]
    result[..., :-1, :] += y[1, ..., :-1, :]
    result[..., 1:, :] -= y[1, ..., :-1, :]
    return result


def _steer(tensor: Tensor | None, y: Tensor) -> Tensor:
    """Multiply the vector of every pixel by the symmetric matrix (xx, xy, yy) of that pixel."""
    if tensor is None:
        return y
    return torch.stack([tensor[0] * y[0] + tensor[1] * y[1], tensor[1] * y[0] + tensor[2] * y[1]])


def edge_tensor(x: Tensor) -> Tensor:
    """Return the weights of variation in every direction: 1 along an edge, and down to ACROSS across a clear one.

    The direction and the coherence come from the colour structure tensor (Weickert, "Anisotropic Diffusion in Image
    Processing", 1998): coherence = (λ1 - λ2)/(λ1 + λ2 + CONTRAST²).

    Args:
        x: The picture (C, H, W).

    Returns:
        A symmetric matrix (xx, xy, yy) for every pixel, as a tensor (3, H, W).
    """
    p = functional.pad(gaussian(x, BLUR)[None], (1, 1, 1, 1), mode="replicate")[0]
    gx, gy = (p[:, 1:-1, 2:] - p[:, 1:-1, :-2]) / 2, (p[:, 2:, 1:-1] - p[:, :-2, 1:-1]) / 2
    xx, xy, yy = gaussian(torch.stack([gx.square().sum(0), (gx * gy).sum(0), gy.square().sum(0)]), INTEGRATION)
    half = ((xx - yy).square() / 4 + xy.square()).sqrt()
    coherence = 2 * half / (xx + yy + CONTRAST**2)
    angle = 0.5 * torch.atan2(2 * xy, xx - yy)
    ux, uy, w = angle.cos(), angle.sin(), 1 - (1 - ACROSS) * coherence
    return torch.stack([w * ux.square() + uy.square(), (w - 1) * ux * uy, w * uy.square() + ux.square()])


def _few_scales(x: Tensor, scale: float) -> Tensor:
    """Return the target from other scales with a third of the work, by a smaller search at fewer scales."""
    return across_scales(x, scale=scale, factors=(1.25, 1.5), search=2)


def _both(x: Tensor, scale: float) -> Tensor:
    """Return the weighted mean of the targets from other places and from other scales."""
    return nonlocal_means(x).lerp(across_scales(x, scale=scale), SCALES)


TARGETS: dict[str, Callable[[Tensor, float], Tensor | None]] = {
    "plain": lambda x, scale: None,
    "steered": lambda x, scale: None,
    "places": lambda x, scale: nonlocal_means(x),
    "few scales": _few_scales,
    "both": _both,
}
"""The target S of a round by name, each as a function of the picture and its scale; None stands for no target. The
variation is steered in all rounds but "plain"."""
