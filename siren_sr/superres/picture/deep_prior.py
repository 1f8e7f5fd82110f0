"""The deep image prior: what a convolutional network, here one of sines, draws easily is what pictures look like.

The network maps fixed noise to a picture. It is trained on one thing only, that its picture downsamples to the given
image (Ulyanov, Vedaldi and Lempitsky, "Deep Image Prior", CVPR 2018). No image but the given one is ever seen. The
activations are sines, which reached a given quality in fewer updates than the leaky ReLU of that work. The errors of a
deep image prior differ from those of `siren_sr.superres.picture.total_variation`, so that the mean of the two pictures
is better than either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from siren_sr.superres.convolution import CHANNELS_LAST, RunningMean, descend, reduced_precision
from siren_sr.superres.downsample import Downsample
from siren_sr.training.progress import Monitor

# These numbers were chosen on crops of the 11 DIV2K pairs and of scikit-image's photographs, reduced to half size.
WIDTHS = (16, 32, 64, 64)  # the numbers of channels on the way down, at 1/2, 1/4, 1/8 and 1/16 of the resolution
INPUTS = 8  # the number of channels of the noise that is the input
INPUT_SCALE = 0.1  # the fixed noise of the input is uniform from 0 to this number
JITTER = 0.03  # the standard deviation of the fresh noise that is added to the input in every update
RATE = 8e-3  # the learning rate of Adam after the warm-up
WARMUP = 50  # the number of updates in which the learning rate rises to RATE
MEMORY = 0.98  # the weight of the past in the running mean of the pictures, at every update
SMALLEST = 24  # the fewest pixels of a side: a smaller picture offers nothing to learn from


class Hourglass(nn.Module):
    """The network of the deep image prior, which maps noise (1, INPUTS, H, W) to a picture (1, channels, H, W).

    It goes down through convolutions of stride 2 and up again by bilinear interpolation. Its layers compute
    sin(normalise(convolve)), except for the last one, which ends in a sigmoid. Normalisation is always over the picture
    at hand.
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
        """Return the picture, with values in (0, 1)."""
        sizes = []
        for block in self.down:
            sizes.append(x.shape[-2:])
            x = block(x)
        for block, size in zip(reversed(self.up), reversed(sizes), strict=True):
            x = block(functional.interpolate(x, size=size, mode="bilinear", align_corners=False))
        return torch.sigmoid(functional.conv2d(x, self.weight, self.bias))


class _Normalise(nn.Module):
    """Normalises every channel to mean 0 and variance 1 over the picture at hand, then scales and shifts it."""

    def __init__(self, channels: int, like: Tensor) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(like.new_ones(channels)), nn.Parameter(like.new_zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return functional.batch_norm(x, None, None, self.scale, self.shift, training=True)


class _Block(nn.Module):
    """One layer sin(normalise(convolve)) from n to m channels; borders are replicated."""

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
    """Let a deep image prior draw a picture of which only one thing is asked, that it downsamples to the image.

    Args:
        image: The low-resolution image (C, h, w) in [0, 1].
        down: The downsampling D, from ``size`` to (h, w).
        size: Size (H, W) of the picture, with sides of at least SMALLEST pixels.
        updates: How many times Adam updates the weights.
        generator: CPU generator of the weights and of the noise.
        monitor: Object that is told of every update; when it answers True, the work ends with the picture so far.

    Returns:
        The running mean of the network's last pictures, a tensor (C, H, W).
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

    mean = RunningMean()
    monitor = Monitor() if monitor is None else monitor
    for _ in descend(
        network.parameters(),
        loss,
        updates=updates,
        rate=lambda i: RATE * min(1.0, (i + 1) / WARMUP),
        monitor=monitor,
        mean=mean,
        generators=[generator, fresh],
    ):
        mean.add(pictures, 1 - MEMORY)
    return mean.values[0] if mean.values else pictures[0]
