"""What a picture repeats in other places (non-local means) and at other scales: its self-similarity.

Both kinds give a target that is made of the picture's own pixels. `siren_sr.superres.picture.total_variation` draws its
solution to this target. Images are (C, H, W).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from siren_sr.grids import resampling

# These numbers were chosen on crops of the 11 DIV2K pairs and of scikit-image's photographs; around them the result
# hardly changes.
SIMILARITY = 0.04  # the distance of patches (root mean square) at which non-local means stops averaging
GUIDE_PATCH, GUIDE_BLUR = 2, 0.8  # radius of its patches, and blur of the picture that they are compared in, in pixels
SEARCH = 8  # the radius in pixels in which non-local means searches
FACTORS = (1.25, 1.5, 2.0)  # the factors by which the versions are smaller in which detail is searched
SCALE_SIMILARITY = 0.02  # the distance of patches (root mean square) at which details stop being averaged
SCALE_SEARCH = 3  # the radius, in pixels of a smaller version, in which detail is searched around the same place
# The standard deviation, in pixels per unit of scale, of the blur that divides a picture: the blurred picture is
# compared, and what the blur takes away is the detail.
DETAIL = 0.25
MINIMUM = 0.4  # the least standard deviation of this blur in pixels: a narrower one does nothing
PATCH = 3  # the radius in pixels of the patches that are compared at other scales
FEATURES = 8  # the number of principal components that stand for such a patch
SAMPLES = 20000  # about how many patches the principal components are taken from
EXACT = 512  # the most rows of a matrix whose singular vectors are all computed: those of ten channels
ITERATIONS = 4  # the steps of the subspace iteration


def nonlocal_means(x: Tensor) -> Tensor:
    """Average every pixel with those in similar surroundings (Buades, Coll and Morel, CVPR 2005).

    Surroundings are patches of (2·GUIDE_PATCH + 1)² pixels of the slightly blurred picture. Similar ones are searched
    up to SEARCH pixels away.

    Args:
        x: The picture, a tensor (C, H, W) in [0, 1].

    Returns:
        The averaged picture, a tensor (C, H, W).
    """
    height, width = x.shape[1:]
    search = SEARCH
    mode = "reflect" if search < min(height, width) else "replicate"
    guide = gaussian(x, GUIDE_BLUR)
    around, values = (functional.pad(v[None], (search,) * 4, mode=mode)[0] for v in (guide, x))
    total, weights = x.clone(), torch.ones_like(x[0])
    for dy in range(2 * search + 1):
        for dx in range(2 * search + 1):
            if dy == dx == search:
                continue
            distance = (around[:, dy : dy + height, dx : dx + width] - guide).square().mean(0)
            padded = functional.pad(distance[None, None], (GUIDE_PATCH,) * 4, mode="replicate")
            distance = functional.avg_pool2d(padded, 2 * GUIDE_PATCH + 1, 1)[0, 0]
            weight = torch.exp(-distance / SIMILARITY**2)
            total += weight * values[:, dy : dy + height, dx : dx + width]
            weights += weight
    return total / weights


def across_scales(
    x: Tensor, *, scale: float, factors: tuple[float, ...] = FACTORS, search: int = SCALE_SEARCH
) -> Tensor:
    """Return the picture with its fine detail taken from smaller versions of itself, which are sharper.

    An edge looks the same at every scale, and it is in the same place of a smaller version (Freedman and Fattal, "Image
    and Video Upscaling from Local Self-Examples", ACM TOG 30, 2011). For every pixel, the patch of the blurred picture
    is compared with patches of blurred smaller versions, around the same place. The detail that the blur took from the
    similar ones is averaged and added to the blurred picture. Patches are compared by their principal components.

    Args:
        x: The picture, a tensor (C, H, W) in [0, 1].
        scale: How many times the picture was enlarged. The finest detail that the image behind it shows is so many
            pixels wide.
        factors: Factors by which the smaller versions are smaller, > 1.
        search: How far from the same place similar patches are searched, in pixels of the smaller version.

    Returns:
        The picture with new detail, a tensor (C, H, W).
    """
    channels, height, width = x.shape
    sigma = max(MINIMUM, DETAIL * scale)
    coarse = gaussian(x, sigma)
    basis = _principal_patches(coarse)
    wanted = _project(coarse, basis)
    total, weights, difference = torch.zeros_like(x), torch.zeros_like(x[0]), torch.empty_like(wanted)
    factor = -1 / (SCALE_SIMILARITY**2 * channels * (2 * PATCH + 1) ** 2)
    for times in factors:
        small = resampling.resize(x, (max(1, round(height / times)), max(1, round(width / times))))
        blurred = gaussian(small, sigma)
        found = torch.cat([_project(blurred, basis), small - blurred])
        rows, columns = (_same_place(n, m, x.device) for n, m in zip(x.shape[1:], small.shape[1:], strict=True))
        for dx in range(-search, search + 1):
            band = found[:, :, (columns + dx).clamp(0, small.shape[2] - 1)]
            for dy in range(-search, search + 1):
                there = band[:, (rows + dy).clamp(0, small.shape[1] - 1)]
                torch.sub(wanted, there[: len(wanted)], out=difference)
                weight = torch.exp(factor * difference.square_().sum(0))
                total.addcmul_(weight, there[len(wanted) :])
                weights += weight
    # Even the best of poor matches are better than none. Only where exp underflows for all of them does the picture
    # keep its own detail.
    share = weights / (weights + 1e-12)
    return coarse + share * total / weights.clamp(min=1e-30) + (1 - share) * (x - coarse)


def _same_place(n: int, m: int, device: torch.device) -> Tensor:
    """Return which of m samples of an axis lies in the place of each of n samples of the same axis."""
    return (((torch.arange(n, device=device) + 0.5) * (m / n)) - 0.5).round().long().clamp(0, m - 1)


def _principal_patches(x: Tensor) -> Tensor:
    """Return the principal components of a picture's patches, orthonormal, (FEATURES, C, side, side).

    They are found from about SAMPLES patches, or from all if there are fewer.
    """
    side = 2 * PATCH + 1
    stride = max(1, math.isqrt(x[0].numel() // SAMPLES))
    patches = functional.unfold(_padded(x)[None], side, stride=stride)[0]
    patches = (patches - patches.mean(1, keepdim=True)).double().cpu()
    return _leading(patches, FEATURES).T.reshape(-1, len(x), side, side).to(x)


def _leading(columns: Tensor, count: int) -> Tensor:
    """Return the leading left singular vectors of a matrix (rows, n), as the columns of (rows, min(count, rows)).

    All of them are computed where there are up to `EXACT` rows. Where there are more, as for images of many channels,
    that would take longer than everything else. Subspace iteration (Halko, Martinsson and Tropp, "Finding Structure
    with Randomness", SIAM Review 53, 2011) then finds those that are wanted.
    """
    if len(columns) <= EXACT:
        _, vectors = torch.linalg.eigh(columns @ columns.T)
        return vectors[:, -count:]
    start = torch.randn(columns.shape[1], 2 * count, generator=torch.Generator().manual_seed(0), dtype=columns.dtype)
    basis = torch.linalg.qr(columns @ start).Q
    for _ in range(ITERATIONS):
        basis = torch.linalg.qr(columns @ (columns.T @ basis)).Q
    part = basis.T @ columns
    _, vectors = torch.linalg.eigh(part @ part.T)
    return (basis @ vectors)[:, -count:]


def _project(x: Tensor, basis: Tensor) -> Tensor:
    """Return the coefficients in a basis of the patch around every pixel, (len(basis), H, W)."""
    return functional.conv2d(_padded(x)[None], basis)[0]


def _padded(x: Tensor) -> Tensor:
    mode = "reflect" if min(x.shape[1:]) > PATCH else "replicate"
    return functional.pad(x[None], (PATCH,) * 4, mode=mode)[0]


def gaussian(x: Tensor, sigma: float) -> Tensor:
    """Blur a picture (C, H, W) by a Gaussian with a standard deviation of ``sigma`` pixels; borders are replicated."""
    radius, channels = math.floor(3 * sigma + 0.5), x.shape[0]
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, device=x.device, dtype=x.dtype) / sigma) ** 2)
    kernel = kernel / kernel.sum()
    padded = functional.pad(x[None], (radius, radius, 0, 0), mode="replicate")
    x = functional.conv2d(padded, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    padded = functional.pad(x, (0, 0, radius, radius), mode="replicate")
    return functional.conv2d(padded, kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)[0]
