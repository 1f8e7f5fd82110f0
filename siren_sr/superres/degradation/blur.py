"""The Gaussian that made an image small, from the image itself.

A network tells how probable each of some widths is (`siren_sr.superres.degradation.blur_network`). A kernel that is too
wide costs several times as much as one that is too narrow, since it makes the search invent ringing. So what is chosen
is not the most probable width but the one that is expected to cost least, and it is the narrower, the less is known.

What lies out of focus is blurred too, and nothing tells this from a blur by the reduction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from siren_sr.superres.degradation import blur_network

# What it costs, in dB of PSNR, to assume a Gaussian where another one blurred the image: a parabola in the difference
# of log √(σ² + EQUAL²), for kernels that are too wide and too narrow. It was fitted to all pairs of eleven kernels, ×2,
# on two photographs. The narrower the kernels are, the less they differ.
EQUAL = 0.4
WIDER, NARROWER = (18.0, 25.0), (10.6, -6.8)
BICUBIC = 0.3  # the Gaussian that bicubic reduction is nearest to
OTHER = 0.4  # what else it costs to confuse the two
# The network has seen all widths equally often, and one piece in four that is not blurred. Most images were reduced by
# bicubic or the like, and others are asked about since they are soft. Both numbers were chosen on seven held-out
# photographs, none of which may be taken for blurred where bicubic reduced it.
CAUTION, DOUBT = 2.5, 0.5  # so many times as probable are reductions that do not blur, and Gaussians that hardly do
HARDLY = 0.36  # standard deviations below, in pixels of the image, hardly blur
ROUND = 2.0  # with a smaller ratio of the larger variance to the smaller one, the Gaussian counts as round
LONGEST = 0.9  # the most that the shape may differ from round, where 1 is a line
NARROWEST = 0.3  # the narrowest Gaussian that a kernel may be, in pixels of the picture
SMALLEST = 48  # pixels per side of an image that tells anything
FLAT = 2 / 255  # an image whose standard deviation is smaller tells nothing
STRONGEST = 12 / 255  # the strongest noise that the network has seen
WINDOW, WINDOWS = 256, 3  # pixels per side of parts of a large image, and how many of them are looked at per axis
REACH = 4  # standard deviations to which the weights of a Gaussian are computed


@dataclass(frozen=True)
class Found:
    """What an image tells of its blur.

    Attributes:
        chances: (1 + WIDTHS,): the probabilities of a reduction that does not blur, and of the `blur_network.widths`.
        shape: (2,), as `blur_network.Belief` has it.
    """

    chances: Tensor
    shape: Tensor


def estimate(image: Tensor, size: Sequence[float], *, noise: float = 0.0) -> str | float | Tensor:
    """Estimate the kernel of the downsampling that made an image.

    Motion and other kernels that are no Gaussian are told as a Gaussian of about the same variances.

    Args:
        image: (C, h, w) in [0, 1].
        size: The size (H, W) of the picture that it is to be enlarged to.
        noise: Standard deviation of the noise in it.

    Returns:
        A kernel as `siren_sr.superres.kernels.check_kernel` takes it, in pixels of the picture: "bicubic" where the
        image is not surely more blurred than that, the standard deviation of a Gaussian, or weights (n, m), float64 of
        sum 1.
    """
    found = look(image, noise=noise)
    if found is None:
        return "bicubic"
    prior = torch.where(blur_network.widths() < HARDLY, DOUBT, 1.0).float()
    chances = found.chances * torch.cat([prior.new_tensor([CAUTION]), prior])
    chosen = int((chances.double() @ _costs()).argmin())
    if chosen == 0:
        return "bicubic"
    sigma = float(blur_network.widths()[chosen - 1])
    times = torch.tensor([n / m for n, m in zip(size, image.shape[1:], strict=True)], dtype=torch.float64)
    long = min(LONGEST, float(found.shape.norm()))
    if 1 + long <= ROUND * (1 - long):
        if bool((times == times[0]).all()):
            return max(NARROWEST, float(sigma * times[0]))
        long = 0.0
    direction = found.shape.double() / found.shape.norm().clamp(min=1e-9) * long
    shape = torch.stack([1 + direction[0], direction[1], direction[1], 1 - direction[0]]).view(2, 2)
    return gaussian(times.diag() @ (sigma**2 * shape) @ times.diag())


@torch.no_grad()
def look(image: Tensor, *, noise: float = 0.0) -> Found | None:
    """What an image tells of its blur, or None where it tells nothing; arguments are those of `estimate`."""
    if min(image.shape[1:]) < SMALLEST:
        return None
    gray = image.detach().to("cpu", torch.float32).mean(0)
    # The mean of so many channels has that share of the variance of each.
    noise = noise / math.sqrt(len(image))
    if noise > STRONGEST or float(gray.std()) < max(FLAT, 2 * noise):
        return None
    model, level = blur_network.network(), gray.new_tensor([noise])
    # The work is small: beside a busy program, waiting for a second thread takes a hundred times as long.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _seen(gray, model, level)
    finally:
        torch.set_num_threads(threads)


def _seen(gray: Tensor, model: blur_network.BlurNetwork, level: Tensor) -> Found:
    """What the parts of a gray image (h, w) tell together; the noise's level is (1,)."""
    logarithms, shapes = [], []
    for rows in _parts(gray.shape[0]):
        for columns in _parts(gray.shape[1]):
            part = gray[None, None, rows, columns]
            # Mirrored and turned images have the same width and a mirrored and turned shape. Their mean is steadier.
            for seen, signs in (
                (part, (1.0, 1.0)),
                (part.flip(3), (1.0, -1.0)),
                (part.mT, (-1.0, 1.0)),
                (part.mT.flip(3), (-1.0, -1.0)),
            ):
                told = model(seen.contiguous(), level)
                logarithms.append(told.logits[0].log_softmax(0))
                shapes.append(told.shape[0] * gray.new_tensor(signs))
    return Found(torch.stack(logarithms).mean(0).softmax(0), torch.stack(shapes).mean(0))


def gaussian(spread: Tensor) -> Tensor:
    """Return the weights of a Gaussian on an array of even sides, float64 of sum 1.

    Args:
        spread: Its covariance (2, 2) in squared pixels of the picture, rows before columns, float64.
    """
    half = [max(1, math.ceil(REACH * math.sqrt(float(variance)))) for variance in spread.diag()]
    rows, columns = (torch.arange(2 * n, dtype=torch.float64) - n + 0.5 for n in half)
    places = torch.stack(torch.broadcast_tensors(rows[:, None], columns[None]), -1)
    weights = torch.exp(-0.5 * torch.einsum("hwi,ij,hwj->hw", places, torch.linalg.inv(spread), places))
    return weights / weights.sum()


def _costs() -> Tensor:
    """What it costs to assume one kernel (columns) where another made the image (rows), bicubic first."""
    sigma = torch.cat([torch.tensor([BICUBIC], dtype=torch.float64), blur_network.widths().double()])
    place = 0.5 * (sigma.square() + EQUAL**2).log()
    wider = (place - place[:, None]).clamp(min=0)
    narrower = (place[:, None] - place).clamp(min=0, max=-NARROWER[0] / (2 * NARROWER[1]))
    costs = WIDER[0] * wider + WIDER[1] * wider**2 + NARROWER[0] * narrower + NARROWER[1] * narrower**2
    costs[0, 1:] += OTHER
    costs[1:, 0] += OTHER
    return costs


def _parts(n: int) -> list[slice]:
    """Return the parts of an axis that are looked at: all of it, or evenly spaced windows."""
    if n <= WINDOWS * WINDOW:
        return [slice(0, n)]
    return [slice(start, start + WINDOW) for start in (round(i * (n - WINDOW) / (WINDOWS - 1)) for i in range(WINDOWS))]
