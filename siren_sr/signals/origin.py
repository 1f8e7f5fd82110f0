"""What the user's data was, and how a (C, *grid) tensor in [-1, 1] is given back as the same kind of thing.

`siren_sr.signals.signal` reads the data and notes down an `Origin`; here is the way back, slab by slab. The user's
range is mapped in this file only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from siren_sr.signals.orientation import turn_back

Container = Literal["tensor", "tv image", "array", "planar array", "pil", "image file", "audio file"]
"""What held the data: a tensor, a ``torchvision.tv_tensors.Image``, an array, a PIL image, or a file.
A planar array has its channels first; fits that were saved before may come from one."""


@dataclass(frozen=True)
class Origin:
    """What the user's data was.

    Attributes:
        container: What held it; tensors have their channels first, images and arrays have them last.
        dtype: Name of its element type, e.g. "uint8".
        channels: Whether it has a channel axis.
        dims: Number of its grid axes (1 for sounds, 2 for images, 3 for volumes).
        clip: Whether values outside [low, high] are impossible (images, integers).
        low: Value of the data that -1 stands for.
        high: Value of the data that 1 stands for.
        turn: EXIF orientation that the image had before it was turned upright, and is to have again.
        sample_rate: In Hz, for sounds.
        device: Device of the user's tensor, None if it was none.
        info: What else the container carried (Pillow's ``info``, or the ``ImageFile`` or ``AudioFile`` that was read).
    """

    container: Container
    dtype: str
    channels: bool
    dims: int
    clip: bool
    low: float
    high: float
    turn: int = 1
    sample_rate: float | None = None
    device: torch.device | None = None
    info: Any = field(default=None, repr=False, compare=False)

    @property
    def channels_first(self) -> bool:
        """Whether the channel axis is the first one."""
        return self.container in ("tensor", "tv image", "planar array")

    def normalize(self, values: Tensor) -> Tensor:
        """[low, high] -> [-1, 1], in float64: levels of 16 bits are not exact in float32 after an affine map."""
        return (values.to(torch.float64) - self.low) * (2 / (self.high - self.low)) - 1

    def denormalize(self, values: Tensor) -> Tensor:
        """[-1, 1] -> [low, high], clipped where other values are impossible."""
        result = (values + 1) * ((self.high - self.low) / 2) + self.low
        return result.clamp(self.low, self.high) if self.clip else result

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
            # A sound's interval is symmetric, an integer type's is not: the highest level must not wrap around.
            if self._levels.bits > 16:  # the highest level is no float32
                user = user.cpu().double()  # not every device has float64
            user = user.round().clamp(self._levels.min, self._levels.max)
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
        carried = {"exif": info.exif, "icc_profile": info.icc_profile, "dpi": info.dpi}
        image.info.update({k: v for k, v in carried.items() if v is not None})
    return image
