"""The picture behind a low-resolution image, on pixels: what the super-resolving network is then made to represent.

    x* = argmin TV_T(x) + μ/2 · |x - NLM(x)|²   subject to   D x = image

TV_T is a total variation of all channels together, steered by the structure tensor so that it costs less across an
edge than along it; NLM is non-local means, which repeats what the picture shows elsewhere. For an image with noise of
standard deviation σ, the constraint becomes a penalty |D x - image|² / (2·TRUST·σ). The problem is convex between
updates of T and NLM and is solved by the primal-dual algorithm of Chambolle and Pock (J. Math. Imaging Vision 40,
2011), in which the constraint is a closed-form projection. Images are (C, H, W) in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from siren_sr.degradation import Downsample

# Chosen on crops of the 11 DIV2K pairs and of scikit-image's photographs; the result is flat around them.
ACROSS = 0.2  # weight of the variation across an edge, 1 along it
CONTRAST = 0.02  # gradients below it count as no edge
FIDELITY = 40.0  # μ
SIMILARITY = 0.04  # patch distance at which non-local means stops averaging
SEARCH = 8  # its search radius in pixels
SIGMA = 8.0  # dual step size; the primal one follows from |∇|² <= 8
PLAN = (100, 60, 50, 50, 50, 50)  # iterations: plain TV, steered TV, then four rounds with new NLM and T
EXACT = 1e-4  # keeps the projection well-posed at scales near 1; indistinguishable from 0 at ×4
TRUST = 0.12  # how far an image with noise is from being believed; chosen on three crops, noise of 5, 10 and 25 of 255


def restore(
    image: Tensor,
    down: Downsample,
    start: Tensor,
    *,
    plan: Sequence[int] = PLAN,
    noise: float = 0.0,
    tick: Callable[[], bool] = lambda: False,
) -> Tensor:
    """Solve for x*.

    Args:
        image: The low-resolution image (C, h, w) in [0, 1].
        down: D, from the size wanted to (h, w).
        start: First guess (C, H, W), usually the bicubic enlargement.
        plan: Iterations of plain TV, of steered TV, and of any number of rounds with new NLM and T.
        noise: Standard deviation of the image's noise; 0 asks for D x = image.
        tick: Called after every iteration; returning True ends the work with what there is.

    Returns:
        (C, H, W), not clipped.
    """
    x, dual = start, start.new_zeros(2, *start.shape)
    slack = EXACT + TRUST * noise * 8 * SIGMA  # the penalty's scale over the primal step size
    for i, steps in enumerate(plan):
        tensor = None if i == 0 else edge_tensor(x)
        target = None if i < 2 else nonlocal_means(x)
        x, dual, stopped = _primal_dual(
            image, down, x, dual, steps, tensor=tensor, target=target, tick=tick, slack=slack
        )
        if stopped:
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
    tick: Callable[[], bool],
    slack: float,
) -> tuple[Tensor, Tensor, bool]:
    tau, ahead = 1 / (8 * SIGMA), x
    for _ in range(steps):
        dual = dual + SIGMA * _steer(tensor, _gradient(ahead))
        dual = dual / dual.square().sum((0, 1)).sqrt().clamp(min=1)
        new = x + tau * _divergence(_steer(tensor, dual))
        if target is not None:
            new = (new + tau * FIDELITY * target) / (1 + tau * FIDELITY)
        new = down.project(new, image, noise=slack)
        ahead, x = 2 * new - x, new
        if tick():
            return x, dual, True
    return x, dual, False


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


def nonlocal_means(x: Tensor, *, patch: int = 2, blur: float = 0.8) -> Tensor:
    """Every pixel averaged with those in similar surroundings (Buades, Coll and Morel, CVPR 2005).

    Surroundings are patches of (2·patch + 1)² of the slightly blurred picture, searched up to SEARCH pixels away.
    """
    height, width = x.shape[1:]
    search = SEARCH
    mode = "reflect" if search < min(height, width) else "replicate"
    guide = gaussian(x, blur)
    around, values = (functional.pad(v[None], (search,) * 4, mode=mode)[0] for v in (guide, x))
    total, weights = x.clone(), torch.ones_like(x[0])
    for dy in range(2 * search + 1):
        for dx in range(2 * search + 1):
            if dy == dx == search:
                continue
            distance = (around[:, dy : dy + height, dx : dx + width] - guide).square().mean(0)
            padded = functional.pad(distance[None, None], (patch,) * 4, mode="replicate")
            distance = functional.avg_pool2d(padded, 2 * patch + 1, 1)[0, 0]
            weight = torch.exp(-distance / SIMILARITY**2)
            total += weight * values[:, dy : dy + height, dx : dx + width]
            weights += weight
    return total / weights


def gaussian(x: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (C, H, W), borders replicated."""
    radius, channels = math.floor(3 * sigma + 0.5), x.shape[0]
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, device=x.device, dtype=x.dtype) / sigma) ** 2)
    kernel = kernel / kernel.sum()
    padded = functional.pad(x[None], (radius, radius, 0, 0), mode="replicate")
    x = functional.conv2d(padded, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    padded = functional.pad(x, (0, 0, radius, radius), mode="replicate")
    return functional.conv2d(padded, kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)[0]
