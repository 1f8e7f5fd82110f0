"""A convolutional sine network as the prior of a picture: what it finds easy to draw is what pictures look like.

A network that maps fixed noise to a picture is trained on one thing only, that its picture downsample to the given
image (Ulyanov, Vedaldi and Lempitsky, "Deep Image Prior", CVPR 2018). Here its activations are sines, which reached a
given quality in fewer updates than the leaky ReLU of that work, and no image but the given one is ever seen. What it
gets wrong differs from what `siren_sr.superres.picture.total_variation` gets wrong: the mean of the two is better than
either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from siren_sr.superres.downsample import Downsample
from siren_sr.superres.picture.convolution import CHANNELS_LAST, descend, reduced_precision
from siren_sr.training.progress import Monitor

# Chosen on crops of DIV2K's 11 pairs and of scikit-image's photographs, reduced to half their size.
WIDTHS = (16, 32, 64, 64)  # channels at full, half, ... resolution
INPUTS = 8  # channels of noise
INPUT_SCALE = 0.1
JITTER = 0.03  # fresh noise on the input of every update
RATE = 8e-3
WARMUP = 50
MEMORY = 0.98  # of the running mean of the pictures
SMALLEST = 24  # pixels of a side: below, there is nothing to learn from


class Hourglass(nn.Module):
    """Down through convolutions of stride 2 and up again, sin(normalise(convolve)) throughout; (1, n, H, W) in and out.

    Normalisation is over the picture at hand, always.
    """

    def __init__(self, channels: int, *, generator: torch.Generator, like: Tensor) -> None:
        super().__init__()

        def block(n: int, m: int, kernel: int = 3, stride: int = 1) -> _Block:
            return _Block(n, m, kernel=kernel, stride=stride, generator=generator, like=like)

        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for n, m in zip((INPUTS, *WIDTHS), WIDTHS, strict=False):
            self.down.append(nn.Sequential(block(n, m, stride=2), block(m, m)))
        for n, m in zip(WIDTHS, (WIDTHS[0], *WIDTHS), strict=False):
            self.up.append(nn.Sequential(_Normalise(n, like), block(n, m), block(m, m, kernel=1)))
        bound = 1 / math.sqrt(WIDTHS[0])
        weight = torch.empty(channels, WIDTHS[0], 1, 1).uniform_(-bound, bound, generator=generator)
        self.weight, self.bias = nn.Parameter(weight.to(like)), nn.Parameter(like.new_zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Pictures in (0, 1)."""
        sizes = []
        for block in self.down:
            sizes.append(x.shape[-2:])
            x = block(x)
        for block, size in zip(reversed(self.up), reversed(sizes), strict=True):
            x = block(functional.interpolate(x, size=size, mode="bilinear", align_corners=False))
        return torch.sigmoid(functional.conv2d(x, self.weight, self.bias))


class _Normalise(nn.Module):
    def __init__(self, channels: int, like: Tensor) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(like.new_ones(channels)), nn.Parameter(like.new_zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return functional.batch_norm(x, None, None, self.scale, self.shift, training=True)


class _Block(nn.Module):
    def __init__(self, n: int, m: int, *, kernel: int, stride: int, generator: torch.Generator, like: Tensor) -> None:
        super().__init__()
        bound = 1 / math.sqrt(n * kernel**2)
        weight = torch.empty(m, n, kernel, kernel).uniform_(-bound, bound, generator=generator)
        self.weight, self.normalise = nn.Parameter(weight.to(like)), _Normalise(m, like)
        self.stride, self.padding = stride, kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        if self.padding:
            x = functional.pad(x, (self.padding,) * 4, mode="replicate")
        return torch.sin(self.normalise(functional.conv2d(x, self.weight, stride=self.stride)))


def draw(
    image: Tensor,
    down: Downsample,
    size: Sequence[int],
    *,
    updates: int,
    generator: torch.Generator,
    monitor: Monitor | None = None,
) -> Tensor:
    """The picture that an `Hourglass` draws when all that is asked of it is to downsample to the image.

    Args:
        image: (C, h, w) in [0, 1].
        down: The downsampling D, from ``size`` to (h, w).
        size: (H, W), sides of at least SMALLEST.
        updates: How many times Adam updates the weights.
        generator: CPU generator of weights and noise.
        monitor: Told of every update; the work ends with what there is where it answers True.

    Returns:
        (C, H, W), the running mean of its last pictures.
    """
    network = Hourglass(len(image), generator=generator, like=image).to(**CHANNELS_LAST)
    fixed = (INPUT_SCALE * torch.rand(1, INPUTS, *size, generator=generator)).to(image).contiguous(**CHANNELS_LAST)
    noise, fresh = torch.empty_like(fixed), torch.Generator(image.device)
    fresh.manual_seed(int(torch.randint(2**62, (), generator=generator)))
    pictures = [image.new_zeros(len(image), *size)]

    def loss() -> Tensor:
        x = fixed.add(noise.normal_(generator=fresh), alpha=JITTER)
        with reduced_precision(image):
            picture = network(x)[0]
        picture = picture.to(image)
        pictures[0] = picture.detach()
        return (down(picture) - image).square().mean()

    mean = pictures[0]
    monitor = Monitor() if monitor is None else monitor
    for i in descend(
        network.parameters(), loss, updates=updates, rate=lambda i: RATE * min(1.0, (i + 1) / WARMUP), monitor=monitor
    ):
        mean = pictures[0].clone() if i == 0 else mean.lerp_(pictures[0], 1 - MEMORY)
    return mean
