"""The network: convolutions at the resolution of the image, and a sine network that is asked at any point.

The convolutions turn the image, and what is known of how it came about, into features. The decoder is a `Siren`; it
reads the features around a point, where the point lies between the pixels, and how small the new pixels are, and
returns what is to be added to bicubic interpolation there. One network thus serves every scale, also another one per
axis, as in LIIF (Chen et al., CVPR 2021) and LTE (Lee and Jin, CVPR 2022).

Features also give the amplitudes of the first sines (Mehta et al., "Modulated periodic activations", ICCV 2021): where
the features are zero, nothing is added, and for small ones the result is linear in them. Without these amplitudes
training hardly begins, since a sum of sines of a place and of features must first find their products.

What the first layer needs of the features is linear in them. It is therefore computed once per pixel of the image, and
then interpolated by Keys' kernel. The place between the pixels enters as sines and cosines of whole periods per pixel,
which are the same on both sides of every border: nothing jumps, and no neighbouring results have to be blended. Along
rows and along columns these terms are separate sums, which cost nothing per point.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from siren_sr.grids import resampling
from siren_sr.init import sitzmann_
from siren_sr.network.siren import Siren
from siren_sr.superres.learned import decoding, interpolation
from siren_sr.superres.learned.conditions import Conditions

SIDE = 96  # points per side that the decoder evaluates at once: what fits the caches of a processor
TILE = 384  # pixels of the image that go through the convolutions at once, per side
MOST = 8  # times that a side may grow
DETAIL, PHASES = 4.0, 4.0  # initial gains of the first convolution, and of the point's place in the decoder


class Residual(nn.Module):
    """x + conv(relu(conv(x))), of 3x3 convolutions; the ReLU has a slope below zero, so that no unit can die."""

    def __init__(self, channels: int, slope: float) -> None:
        """Make the block with uninitialized parameters."""
        super().__init__()
        self.slope = slope
        self.first, self.second = _convolution(channels, channels), _convolution(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) -> the same."""
        return x + self.second(nn.functional.leaky_relu(self.first(x), self.slope))


class LearnedUpscaler(nn.Module):
    """Enlarge pictures (B, 3, h, w) in [0, 1] to any size, with learned weights.

    Args:
        channels: Features per pixel.
        blocks: Residual pairs of 3x3 convolutions.
        hidden_features: Width of the decoder.
        hidden_layers: Sine layers of the decoder after its first.
        harmonics: How many whole periods per pixel the decoder is told of the point's place.
        slope: Of the convolutions' ReLU below zero.
        generator: CPU ``torch.Generator`` for the initial values; None takes a fresh, unpredictable one.

    Examples:
        >>> model = LearnedUpscaler(channels=8, blocks=1, hidden_features=8)
        >>> model(torch.zeros(1, 3, 8, 10), (12, 25)).shape
        torch.Size([1, 3, 12, 25])
    """

    def __init__(
        self,
        *,
        channels: int = 64,
        blocks: int = 6,
        hidden_features: int = 64,
        hidden_layers: int = 1,
        harmonics: int = 2,
        slope: float = 0.1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self._config = {
            "channels": channels,
            "blocks": blocks,
            "hidden_features": hidden_features,
            "hidden_layers": hidden_layers,
            "harmonics": harmonics,
            "slope": slope,
        }
        self.channels, self.harmonics = channels, harmonics
        self.head = _convolution(3 + len(fields(Conditions)), channels)
        self.body = nn.ModuleList(Residual(channels, slope) for _ in range(blocks))
        self.tail = _convolution(channels, channels)
        # ω0 = 1: the layers' initial frequencies are in their weights, and one learning rate suits all parameters.
        self.decoder = Siren(
            channels + decoding.places(harmonics),
            3,
            hidden_features=hidden_features,
            hidden_layers=hidden_layers,
            first_omega_0=1.0,
            hidden_omega_0=1.0,
            first_init=_hidden_sitzmann_,
        )
        self.amplitude: nn.Linear = nn.utils.skip_init(  # pyright: ignore[reportAttributeAccessIssue]
            nn.Linear, channels, hidden_features
        )
        self.reset_parameters(generator)
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Initialize every parameter anew, in place; what is added to bicubic interpolation starts as zero."""
        if generator is None:
            generator = torch.Generator()
            generator.seed()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                bound = 1 / math.sqrt(module.weight[0].numel())
                module.weight.copy_(torch.empty(module.weight.shape).uniform_(-bound, bound, generator=generator))
                module.bias.zero_()  # pyright: ignore[reportOptionalMemberAccess]
        # Features start as derivatives of the image, which bicubic interpolation misses most, not as its brightness.
        weight = self.head.weight
        weight.copy_(DETAIL * (weight - weight.mean((2, 3), keepdim=True)))
        self.decoder.reset_parameters(generator)
        self.decoder.layers[0].weight[:, self.channels :] *= PHASES  # pyright: ignore[reportIndexIssue]
        bound = 1 / math.sqrt(self.channels)
        self.amplitude.weight.copy_(
            torch.empty(self.amplitude.weight.shape).uniform_(-bound, bound, generator=generator)
        )
        self.amplitude.bias.zero_()
        self.decoder.output.weight.zero_()
        self.decoder.output.bias.zero_()

    def config(self) -> dict[str, Any]:
        """The constructor's arguments as plain values."""
        return dict(self._config)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.head.weight.device

    @property
    def reach(self) -> int:
        """How many pixels of the image away a feature still depends on it."""
        return 2 + 2 * len(self.body)

    def forward(
        self,
        image: Tensor,
        size: Sequence[int],
        *,
        conditions: Conditions | Tensor | None = None,
        precision: torch.dtype | None = None,
        tile: int = TILE,
        stop: Callable[[], bool] | None = None,
    ) -> Tensor:
        """Enlarge images.

        Args:
            image: (B, 3, h, w), RGB in [0, 1].
            size: (H, W), each from 1 to 8 times the image's.
            conditions: How the images came about: the same for all, or a row of three numbers for each, (B, 3), as
                `Conditions.tensor` gives them. None means MATLAB's bicubic and nothing else.
            precision: ``torch.bfloat16`` computes the products in it, None in float32.
            tile: Pixels of the image, per side, that are worked on at once; memory grows with it, and the result is the
                same.
            stop: Asked after every one of `tiles`; once it answers True, the rest is interpolated only.

        Returns:
            (B, 3, H, W), not clamped.

        Raises:
            ValueError: The image has another shape, or the size is out of range.
        """
        _check(image, size)
        rows, columns = (resampling.centres(m, n) for m, n in zip(size, image.shape[2:], strict=True))
        cell = [m / n for m, n in zip(size, image.shape[2:], strict=True)]
        stopped, strips = False, []
        for part in _parts(rows, image.shape[2], tile):
            strip = []
            for other in _parts(columns, image.shape[3], tile):
                if stopped:
                    strip.append(interpolation.on_grid(image, part, other))
                    continue
                strip.append(self.on_grid(image, part, other, cell, conditions=conditions, precision=precision))
                stopped = stop is not None and stop()
            strips.append(torch.cat(strip, 3))
        return torch.cat(strips, 2)

    def on_grid(
        self,
        image: Tensor,
        rows: Tensor,
        columns: Tensor,
        cell: Sequence[float],
        *,
        conditions: Conditions | Tensor | None = None,
        precision: torch.dtype | None = None,
    ) -> Tensor:
        """Values at a rectangle of positions, from the part of the images that they depend on.

        Args:
            image: (B, 3, h, w), RGB in [0, 1].
            rows: Float64 positions (m,), counted in pixels of the image from the centre of the first one, ascending.
            columns: Positions (n,).
            cell: How many times finer than the image's the pixels are that are asked for, along rows and columns.
            conditions: As in `forward`.
            precision: As in `forward`.

        Returns:
            (B, 3, m, n), not clamped.
        """
        device = image.device.type
        told = _told(image, conditions)
        down, across = (self._seen(p, n) for p, n in zip((rows, columns), image.shape[2:], strict=True))
        with torch.autocast(device, enabled=False):
            base = interpolation.on_grid(image, rows, columns)
        # Inside another context, autocast would go on with the weights of old updates (`reduced_precision` says more).
        chosen = {"dtype": precision or torch.bfloat16, "enabled": precision is not None, "cache_enabled": False}
        with torch.autocast(device, **chosen):
            first = self.features(image[:, :, down, across], told)
            ends = [(-part.start, n) for part, n in zip((down, across), image.shape[2:], strict=True)]
            decode = functools.partial(decoding.on_grid, self.decoder, first, cell=cell, harmonics=self.harmonics)
            rows, columns = rows - down.start, columns - across.start
            # Gradients need all of it anyway.
            side = max(len(rows), len(columns)) if torch.is_grad_enabled() else SIDE
            strips = [
                torch.cat([decode(part, other, ends=ends) for other in columns.split(side)], 2)
                for part in rows.split(side)
            ]
        return base + torch.cat(strips, 1).permute(0, 3, 1, 2).to(base)

    def at_points(
        self,
        image: Tensor,
        points: Tensor,
        *,
        scale: float | Sequence[float],
        conditions: Conditions | Tensor | None = None,
    ) -> Tensor:
        """Values at any points, which can be differentiated with respect to the points.

        Args:
            image: (B, 3, h, w), RGB in [0, 1].
            points: (N, 2) in [-1, 1], x first, as `siren_sr.grids.coordinates` counts.
            scale: How many times finer than the image's the pixels are that are asked for, or (rows, columns).
            conditions: As in `forward`.

        Returns:
            (B, N, 3), not clamped.
        """
        cell = (scale, scale) if isinstance(scale, int | float) else tuple(scale)
        columns, rows = ((points[:, i] + 1) / 2 * n - 0.5 for i, n in enumerate((image.shape[3], image.shape[2])))
        with torch.autocast(image.device.type, enabled=False):
            features = self.features(image, _told(image, conditions))
            base = interpolation.at_points(image.permute(0, 2, 3, 1), rows, columns)
            return base + decoding.at_points(self.decoder, features, rows, columns, cell=cell, harmonics=self.harmonics)

    def features(self, image: Tensor, conditions: Tensor) -> Tensor:
        """What the decoder's first layer needs of every pixel: shifts and amplitudes of its sines, (B, h, w, 2·K)."""
        planes = conditions[:, :, None, None].expand(len(image), -1, *image.shape[2:])
        x = torch.cat([image - 0.5, planes], 1).contiguous(memory_format=torch.channels_last)
        x = start = self.head(x)
        for block in self.body:
            x = block(x)
        x = (self.tail(x) + start).permute(0, 2, 3, 1)
        weight, _, omega_0 = self.decoder.affine_maps()[0]
        shifts = nn.functional.linear(x, omega_0 * weight[:, : self.channels])
        return torch.cat([shifts, self.amplitude(x)], -1)

    def _seen(self, positions: Tensor, n: int) -> slice:
        """The pixels of n that the values at some positions depend on."""
        entries = resampling.mirrored(interpolation.span(positions), n)
        return slice(max(0, int(entries.min()) - self.reach), min(n, int(entries.max()) + 1 + self.reach))


def _told(image: Tensor, conditions: Conditions | Tensor | None) -> Tensor:
    return conditions.to(image) if isinstance(conditions, Tensor) else (conditions or Conditions()).tensor(image)


def _check(image: Tensor, size: Sequence[int]) -> None:
    if image.ndim != 4 or image.shape[1] != 3 or 0 in image.shape:
        raise ValueError(f"image must have shape (B, 3, h, w), got {tuple(image.shape)}")
    if len(size) != 2 or not all(n <= m <= MOST * n for n, m in zip(image.shape[2:], size, strict=True)):
        raise ValueError(
            f"size must be (H, W), each from 1 to {MOST} times the image's {tuple(image.shape[2:])}, "
            f"got {tuple(size)}: resize the result further"
        )


def tiles(shape: Sequence[int], tile: int = TILE) -> int:
    """Return the number of tiles in which images of (h, w) are worked on."""
    return math.prod(math.ceil(n / tile) for n in shape)


def _parts(positions: Tensor, n: int, tile: int) -> Iterator[Tensor]:
    """Split positions into equal runs, each over about ``tile`` of n pixels at the most."""
    count = max(1, math.ceil(n / tile))
    yield from positions.tensor_split(min(count, len(positions)))


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3x3 convolution with uninitialized parameters: the constructor would draw from the global generator."""
    return nn.utils.skip_init(nn.Conv2d, inputs, outputs, 3, padding=1)  # pyright: ignore[reportReturnType]


def _hidden_sitzmann_(weight: Tensor, *, omega_0: float, is_first: bool, generator: torch.Generator | None) -> Tensor:
    """Initialize a first layer that reads features, not coordinates, as Sitzmann's hidden layers are."""
    return sitzmann_(weight, omega_0=omega_0, is_first=False, generator=generator)
