"""A small network that tells how an image is blurred, from how its edges and its texture look.

Nothing simple tells it. The spectra of two sharp photographs differ by more than a blur that costs a decibel makes of
one of them. Edges tell it better, where there are sharp ones, and what a sharp edge looks like is best learned. So
convolutions look at the image, whose contrast has been made equal everywhere. Each of their features becomes three
numbers: its mean, its mean over the places that tell it best, and the logarithm of its energy. Two layers turn these
into the probabilities of some widths.
The network has seen pieces of photographs that were reduced by known kernels (`benchmarks.train_blur`).
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from siren_sr import io

FILE, FORMAT = "blur.safetensors", "siren_sr blur network 1"
NARROWEST, WIDEST, WIDTHS = 0.2, 1.8, 20
"""The standard deviations that are told apart, in pixels of the image: so many, evenly spaced in the logarithm."""
ROUNDING = 1 / (12 * 255**2)  # the variance of rounding to 8 bits
CONTRAST = 0.004  # a local contrast below this, which is one level of 8 bits, is not raised
SMOOTH, AROUND = (1.5, 4), (3.0, 8)  # standard deviation and radius of the means that are taken off and divided by
LITTLE = 1e-3  # energies below this count as none
SLOPE = 0.1  # of the ReLU below zero


def widths() -> Tensor:
    """The standard deviations (WIDTHS,) in pixels of the image, float32."""
    return NARROWEST * (WIDEST / NARROWEST) ** torch.linspace(0, 1, WIDTHS, dtype=torch.float32)


@dataclass(frozen=True)
class Belief:
    """What the network says of images.

    Attributes:
        logits: (B, 1 + WIDTHS): logarithms of the probabilities, up to a constant, of a reduction that blurs no more
            than bicubic interpolation does, and of a blur with each of the `widths`.
        shape: (B, 2). With the covariance [[a, c], [c, b]] of the blur, rows first: (a - b)/(a + b) and 2c/(a + b).
    """

    logits: Tensor
    shape: Tensor


class BlurNetwork(nn.Module):
    """Tell the blur of gray images.

    Args:
        channels: Features of the first convolutions.
        features: Features of the later ones.
        hidden: Features of the whole image, before the last layer.

    Examples:
        >>> network()(torch.zeros(1, 1, 64, 80), torch.zeros(1)).logits.shape
        torch.Size([1, 21])
    """

    def __init__(self, channels: int = 32, features: int = 48, hidden: int = 64) -> None:
        """Make the network with PyTorch's own initial values."""
        super().__init__()
        self._config = {"channels": channels, "features": features, "hidden": hidden}
        self.convolutions = nn.ModuleList(
            [
                nn.Conv2d(2, channels, 5, stride=2),
                nn.Conv2d(channels, channels, 3),
                nn.Conv2d(channels, features, 3, stride=2),
                nn.Conv2d(features, features, 3),
                nn.Conv2d(features, features, 1),
            ]
        )
        self.votes, self.weights = nn.Conv2d(features, features, 1), nn.Conv2d(features, features, 1)
        self.whole = nn.Linear(3 * features, hidden)
        self.answer = nn.Linear(hidden, 1 + WIDTHS + 2)

    def config(self) -> dict[str, int]:
        """What its constructor was given."""
        return dict(self._config)

    def forward(self, images: Tensor, noise: Tensor) -> Belief:
        """Look at images.

        Args:
            images: (B, 1, h, w) in [0, 1], of at least 24 pixels per side.
            noise: Standard deviation of the noise of each, (B,).
        """
        x = _even(images, noise)
        for convolution in self.convolutions:
            x = functional.leaky_relu(convolution(x), SLOPE)
        votes, weights = self.votes(x).flatten(2), self.weights(x).flatten(2)
        best = (weights.softmax(2) * votes).sum(2)
        energy = (votes.square().mean(2) + LITTLE).log()
        x = functional.leaky_relu(self.whole(torch.cat([best, votes.mean(2), energy], 1)), SLOPE)
        logits, shape = self.answer(x).split([1 + WIDTHS, 2], 1)
        return Belief(logits, shape)


def _even(images: Tensor, noise: Tensor) -> Tensor:
    """The detail of images with the same contrast everywhere, and the share of this contrast that is noise."""
    detail = images - _mean(images, *SMOOTH)
    contrast = _mean(detail.square(), *AROUND).clamp(min=0).sqrt() + CONTRAST
    floor = (noise.view(-1, 1, 1, 1).square() + ROUNDING).sqrt()
    return torch.cat([detail / contrast, (floor / contrast).clamp(max=1.5)], 1)


def _mean(images: Tensor, sigma: float, radius: int) -> Tensor:
    """The Gaussian mean around every pixel."""
    weights = torch.exp(-0.5 * (torch.arange(-radius, radius + 1.0) / sigma) ** 2).to(images)
    weights = weights / weights.sum()
    images = functional.pad(images, (radius,) * 4, mode="replicate")
    return functional.conv2d(functional.conv2d(images, weights.view(1, 1, -1, 1)), weights.view(1, 1, 1, -1))


def save(model: BlurNetwork, path: str | os.PathLike[str], *, notes: Mapping[str, Any] | None = None) -> None:
    """Write a network to a file, with numbers of 16 bits.

    Args:
        model: The network.
        path: A file name that ends in .safetensors.
        notes: What a reader should know, as plain values.

    Raises:
        ValueError: The path does not end in .safetensors.
        OSError: The folder is missing or cannot be written.
    """
    tensors = {key: value.detach().cpu().half().contiguous() for key, value in model.state_dict().items()}
    header = {"format": FORMAT, "model": model.config(), "notes": dict(notes or {})}
    io.write_tensors(path, tensors, header, what="a network")


def load(path: str | os.PathLike[str]) -> BlurNetwork:
    """Read what `save` wrote, in float32 on the CPU.

    Raises:
        OSError: Missing or unreadable file.
        ValueError: Not such a network.
    """
    header, tensors = io.read_tensors(path, format=FORMAT, what="a blur network")
    with torch.device("meta"):  # so that no initial values are drawn from the global state
        model = BlurNetwork(**header["model"])
    model.load_state_dict({key: value.float() for key, value in tensors.items()}, assign=True)
    return model.eval().requires_grad_(False)


@functools.lru_cache(maxsize=1)
def network() -> BlurNetwork:
    """The network that is installed with the package, read once."""
    with resources.as_file(resources.files("siren_sr.superres.degradation").joinpath(FILE)) as path:
        return load(path)
