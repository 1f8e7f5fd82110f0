"""What the user's data was, and how a (C, *grid) tensor in [-1, 1] is given back as the same kind of thing.

`siren_sr.signals.signal` reads the data and notes down an `Origin`; here is the way back, slab by slab. The user's
range is mapped in this file only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from siren_sr.signals.orientation import turn_back
from siren_sr.signals.ranges import Range

Container = Literal["tensor", "tv image", "array", "planar array", "pil", "image file", "audio file"]
"""What held the data: a tensor, a ``torchvision.tv_tensors.Image``, an array, a PIL image, or a file.
A planar array has its channels first; fits that were saved before may come from one."""


SLAB = 2**18  # values that are mapped at a time


@dataclass(frozen=True)
class Origin:
    """What the user's data was.

    Attributes:
        container: What held it; tensors have their channels first, images and arrays have them last.
        dtype: Name of its element type, e.g. "uint8".
        channels: Whether it has a channel axis.
        dims: Number of its grid axes (1 for sounds, 2 for images, 3 for volumes).
        low: Value of the data that -1 stands for.
        high: Value of the data that 1 stands for; data that are constant have low == high, and come back exactly.
        floor: The smallest value that a result may have: less is impossible, as are negative levels.
        ceiling: The largest value that a result may have.
        full: Length of the range that the element type is usually meant with: 255 for uint8, 1 for floats.
        turn: EXIF orientation that the image had before it was turned upright, and is to have again.
        sample_rate: In Hz, for sounds.
        device: Device of the user's tensor, None if it was none.
        info: What else the container carried (Pillow's ``info``, or the ``ImageFile`` or ``AudioFile`` that was read).
    """

    container: Container
    dtype: str
    channels: bool
    dims: int
    low: float
    high: float
    floor: float = -math.inf
    ceiling: float = math.inf
    full: float = 1.0
    turn: int = 1
    sample_rate: float | None = None
    device: torch.device | None = None
    info: Any = field(default=None, repr=False, compare=False)

    @property
    def channels_first(self) -> bool:
        """Whether the channel axis is the first one."""
        return self.container in ("tensor", "tv image", "planar array")

    @property
    def range(self) -> Range:
        """The range of the data, for what is a part of them."""
        return Range(self.low, self.high, self.floor, self.ceiling, self.full)

    @property
    def limits(self) -> tuple[float, float]:
        """Between what values a picture of an image lies where the image has -1 to 1.

        Integers keep to their range. That of floats is what the image has, not what it shows: of stars the brightest
        pixel is less bright than the star.
        """
        if not self._floating:
            return -1.0, 1.0
        span = self.high - self.low
        least, most = ((2 * (x - self.low) / span - 1) if span else x for x in (self.floor, self.ceiling))
        return least, most

    @property
    def _floating(self) -> bool:
        return self.dtype.startswith(("float", "bfloat"))

    @property
    def contrast(self) -> float:
        """The length of the data's own range, where that of the element type has length 1."""
        return (self.high - self.low) / self.full

    @property
    def shown(self) -> tuple[float, float]:
        """What -1 and 1 are where a picture is looked at: floats in [0, 1] as they are, others from 0 to 1."""
        as_they_are = self._floating and (self.floor, self.ceiling) == (0.0, 1.0)
        return (self.low, self.high) if as_they_are else (0.0, 1.0)

    def normalize(self, values: Tensor, dtype: torch.dtype = torch.float64) -> Tensor:
        """[low, high] -> [-1, 1], in float64: levels of 16 bits are not exact in float32 after an affine map.

        This is done a slab at a time, so that it takes little memory beside the result, which has the given type.
        """
        if self.low == self.high:
            return torch.zeros(values.shape, dtype=dtype, device=values.device)
        result = torch.empty(values.shape, dtype=dtype, device=values.device)
        rows = max(1, SLAB // values[:, :1].numel())
        for start in range(0, values.shape[1], rows):
            slab = values[:, start : start + rows].to(torch.float64) - self.low
            result[:, start : start + rows] = slab.mul_(2 / (self.high - self.low)).sub_(1)
        return result

    def denormalize(self, values: Tensor) -> Tensor:
        """[-1, 1] -> [low, high], clipped to what is possible."""
        if not self._ordinary:
            values = values.cpu().double()  # not every device has float64
        result = (values + 1) * ((self.high - self.low) / 2) + self.low
        bounded = self.floor > -math.inf or self.ceiling < math.inf
        return result.clamp(self.floor, self.ceiling) if bounded else result

    @property
    def _ordinary(self) -> bool:
        """Whether float32 is exact enough on the way back: most data are far from its limits, and have no more bits."""
        if self.dtype in ("int32", "int64", "uint32", "uint64"):
            return False
        largest, span = max(abs(self.low), abs(self.high)), self.high - self.low
        return 1e-30 < span < 1e30 and largest <= 2 * span

    def restore(self, values: Tensor) -> Any:
        """Give a (C, *grid) tensor in [-1, 1], of any grid size, back as the kind of thing that the user gave."""
        channels, *size = values.shape
        result = Assembly(self, channels, tuple(size))
        result.put(0, values)
        return result.package()


def to_unit(values: Tensor) -> Tensor:
    """[-1, 1] -> [0, 1]: an image as pictures and metrics have it, whatever the user's range."""
    return (values + 1) / 2


def from_unit(values: Tensor) -> Tensor:
    """[0, 1] -> [-1, 1]."""
    return values * 2 - 1


class Assembly:
    """A result in the user's own type and layout, filled slab by slab along the first grid axis.

    Nothing but the result itself is as large as the result.
    """

    def __init__(self, origin: Origin, channels: int, size: tuple[int, ...]) -> None:
        """Allocate a result of ``channels`` channels on a grid of ``size``."""
        self._origin, first = origin, origin.channels_first
        dtype = getattr(torch, origin.dtype)
        self._levels = None if dtype.is_floating_point else torch.iinfo(dtype)
        shape = (channels, *size) if first else (*size, channels)
        self._data = torch.empty(shape, dtype=dtype, device=origin.device if first else None)

    def put(self, start: int, values: Tensor) -> None:
        """Write values (C, rows, ...) in [-1, 1] at rows ``start`` onwards."""
        user = self._origin.denormalize(values.detach())
        if self._levels is not None:
            # A sound's interval is symmetric, an integer type's is not: the highest level must not wrap around. That of
            # 64 bits is no float64 either.
            most = self._levels.max - 1023 if self._levels.bits == 64 else self._levels.max
            user = user.round().clamp(self._levels.min, most)
        stop = start + values.shape[1]
        if self._origin.channels_first:
            self._data[:, start:stop] = user.to(self._data)
        else:
            self._data[start:stop] = user.movedim(0, -1).to(self._data)

    def package(self) -> Any:
        """The finished result."""
        data, origin = self._data, self._origin
        if not origin.channels:
            data = data[0] if origin.channels_first else data[..., 0]
        if origin.turn != 1:
            rows, columns = (-2, -1) if origin.channels_first or not origin.channels else (0, 1)
            data = turn_back(data, origin.turn, rows=rows, columns=columns)
        if origin.container == "tensor":
            return data
        if origin.container == "tv image":
            from torchvision import tv_tensors

            return tv_tensors.Image(data)
        array = data.numpy()
        if origin.container == "pil" or (origin.container == "image file" and _pil_can_hold(array)):
            return _to_pil(array, origin.info)
        return array


def _pil_can_hold(array: np.ndarray) -> bool:
    return array.dtype == np.uint8 or array.ndim == 2


def _to_pil(array: np.ndarray, info: Any) -> Any:
    from PIL import Image

    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    image = Image.fromarray(array)
    if isinstance(info, dict):
        # A palette's transparency means nothing in the RGB(A) result.
        image.info.update({k: v for k, v in info.items() if k not in ("transparency", "background", "gamma")})
    elif info is not None:
        carried = {"exif": info.exif, "icc_profile": info.icc_profile, "dpi": info.dpi, "xmp": info.xmp}
        image.info.update({k: v for k, v in carried.items() if v is not None})
    return image
