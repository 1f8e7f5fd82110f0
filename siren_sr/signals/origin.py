"""Give a (C, *grid) tensor in [-1, 1] back as the kind of thing that the user gave, slab by slab.

`siren_sr.signals` reads; a `Kind` is what it leaves for the way back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from siren_sr.signals.orientation import turn_back


@dataclass(frozen=True)
class Kind:
    """How a result is given back; plain values, so that it can be saved with a fit.

    Attributes:
        container: "tensor", "array", "planar array" (channels first), "pil", "image file" or "audio file".
        dtype: Name of the user's element type, e.g. "uint8".
        channels: Whether the user's data has a channel axis.
        dims: Number of grid axes (1 audio, 2 image, 3 volume).
        clip: Whether values outside [low, high] are impossible (images, integers).
        turn: EXIF orientation that the user's image had before it was turned upright, and is to have again.
    """

    container: str
    dtype: str
    channels: bool
    dims: int
    clip: bool
    turn: int = 1


def denormalize(values: Tensor, low: float, high: float, *, clip: bool) -> Tensor:
    """[-1, 1] -> [low, high]."""
    result = (values + 1) * ((high - low) / 2) + low
    return result.clamp(low, high) if clip else result


def restore(
    values: Tensor,
    *,
    low: float,
    high: float,
    kind: Kind,
    device: torch.device | None = None,
    info: Any = None,
) -> Any:
    """The inverse of `siren_sr.signals.as_signal` for a (C, *grid) tensor in [-1, 1] of any grid size."""
    channels, *size = values.shape
    result = Assembly(channels, tuple(size), low=low, high=high, kind=kind, device=device)
    result.put(0, values)
    return result.package(info)


class Assembly:
    """A result in the user's own type and layout, filled slab by slab along the first grid axis.

    Nothing but the result itself is as large as the result.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        low: float,
        high: float,
        kind: Kind,
        device: torch.device | None = None,
    ) -> None:
        """Allocate a result of ``channels`` channels on a grid of ``size``, on ``device`` if it is a tensor."""
        self._low, self._high, self._kind = low, high, kind
        self._first = kind.container in ("tensor", "planar array")  # where the channel axis is
        shape = (channels, *size) if self._first else (*size, channels)
        self._integer = not kind.dtype.startswith(("float", "bfloat"))
        if self._integer:
            self._levels = torch.iinfo(getattr(torch, kind.dtype))
        self._data = torch.empty(shape, dtype=getattr(torch, kind.dtype), device=device if self._first else None)

    def put(self, start: int, values: Tensor) -> None:
        """Write values (C, rows, ...) in [-1, 1] at rows ``start`` onwards."""
        user = denormalize(values.detach(), self._low, self._high, clip=self._kind.clip)
        if self._integer:
            # A sound's interval is symmetric, an integer type's is not: the highest level must not wrap around.
            if self._levels.bits > 16:  # the highest level is no float32
                user = user.cpu().double()  # not every device has float64
            user = user.round().clamp(self._levels.min, self._levels.max)
        stop = start + values.shape[1]
        if self._first:
            self._data[:, start:stop] = user.to(self._data)
        else:
            self._data[start:stop] = user.movedim(0, -1).to(self._data)

    def package(self, info: Any = None) -> Any:
        """The finished result; ``info`` is what a container carried."""
        data = self._data
        if not self._kind.channels:
            data = data[0] if self._first else data[..., 0]
        if self._kind.turn != 1:
            rows, columns = (-2, -1) if self._first or not self._kind.channels else (0, 1)
            data = turn_back(data, self._kind.turn, rows=rows, columns=columns)
        if self._kind.container == "tensor":
            return data
        array = data.numpy()
        if self._kind.container == "pil" or (self._kind.container == "image file" and _pil_can_hold(array)):
            return _to_pil(array, info)
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
