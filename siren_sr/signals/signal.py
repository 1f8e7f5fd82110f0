"""Whatever the user holds -> a (C, *grid) tensor in [-1, 1].

A `Signal` is what every task works on: ``values`` in [-1, 1], and the `siren_sr.signals.origin.Origin` of the user's
data, which holds the range that -1 and 1 stand for and gives a result back as the data came.

| the user gives    | shape                                     |
|-------------------|-------------------------------------------|
| image tensor      | (C, H, W) or (H, W)                       |
| image array       | (H, W) or (H, W, C)                       |
| PIL image, path   | L, LA, RGB, RGBA, I;16, P, 1, I, F        |
| audio             | tensor (C, T), array (T,) or (T, C)       |
| other grids       | tensor `(C, *grid)`, array `(*grid[, C])` |

Numbers in lists and tuples are taken as arrays. `siren_sr.signals.ranges` says what becomes [-1, 1].
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from siren_sr import arguments, io
from siren_sr.signals import ranges
from siren_sr.signals.batches import is_tv_image
from siren_sr.signals.orientation import turn_upright
from siren_sr.signals.origin import Container, Origin, to_unit


@dataclass(frozen=True)
class Signal:
    """A signal on a grid, in the network's range.

    Attributes:
        values: (C, *grid), floating point, in [-1, 1].
        origin: What the user's data was, which knows how to give a result back.
    """

    values: Tensor
    origin: Origin

    @staticmethod
    def of(values: Tensor) -> Signal:
        """A (C, *grid) tensor that is in the network's range already."""
        dtype = str(values.dtype).removeprefix("torch.")
        origin = Origin("tensor", dtype, True, values.ndim - 1, low=-1.0, high=1.0, full=2.0, device=values.device)
        return Signal(values, origin)

    @property
    def shape(self) -> tuple[int, ...]:
        """The grid, without channels."""
        return tuple(self.values.shape[1:])

    @property
    def unit(self) -> Tensor:
        """The values where the usual range of the element type is [0, 1]: floats are as they came."""
        origin = self.origin
        return to_unit(self.values) * origin.contrast + origin.low / origin.full

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is known to be alpha: in PIL images and files; arrays and tensors do not say."""
        return self.origin.container in ("pil", "image file") and len(self.values) in (2, 4)

    def upright(self) -> Signal:
        """An image file's picture as it is seen, where its EXIF orientation turns it; results are turned back."""
        orientation = getattr(self.origin.info, "orientation", 1)
        if orientation == 1:
            return self
        values = turn_upright(self.values, orientation).contiguous()
        return Signal(values, replace(self.origin, turn=orientation))


def is_path(data: object) -> bool:
    """Whether ``data`` names a file."""
    return isinstance(data, (str, os.PathLike))


def as_signal(
    data: Any,
    *,
    sample_rate: float | None = None,
    dims: int | None = None,
    device: torch.device | str | None = None,
    part_of: ranges.Range | None = None,
) -> Signal:
    """Read what the user gave.

    Args:
        data: Tensor, torchvision ``tv_tensors.Image``, NumPy array, PIL image, path of an image or audio file, its
            content as bytes, such a file opened with "rb" (an io.BytesIO too) or read by siren_sr.io, or a `Signal`,
            which is returned as it is.
        sample_rate: In Hz; says that the data is audio.
        dims: Number of grid axes. Default: 1 for audio and for one axis, 2 otherwise; give 3 for a volume or a video.
        device: Where to compute; default: where the tensor is, or the CPU.
        part_of: The range of the data of which this is a part; default: that of these data.

    Returns:
        The signal in [-1, 1]. Computation is in float32, except for float64 tensors, which stay float64.

    Raises:
        TypeError: A kind or element type that is not supported.
        ValueError: Empty, NaN or infinite, outside its range, an axis order that is not the documented one, or a device
            that does not exist.
        OSError: A file that cannot be read.

    Examples:
        >>> signal = as_signal(np.zeros((4, 6, 3), np.uint8))
        >>> signal.values.shape, signal.origin.low, signal.origin.high
        (torch.Size([3, 4, 6]), 0.0, 255.0)
    """
    if isinstance(data, Signal):
        return data
    if isinstance(data, (list, tuple)):
        data = _array(data)
    sample_rate = None if sample_rate is None else _sample_rate(sample_rate)
    if dims is not None and (isinstance(dims, bool) or not isinstance(dims, (int, np.integer))):
        raise ValueError(f"dims must be 1, 2 or 3, got {dims!r}")
    chosen = arguments.device(device)
    container, info = _container(data), None
    if container == "image file":
        data, container, info, sample_rate = _read(data, sample_rate)
        if container == "audio file" and dims == 2:
            raise ValueError("the file holds a sound, and an image is needed: siren_sr.fit_signal takes sounds")
    if container == "pil":
        info = dict(data.info)
        data = _from_pil(data)
    if dims is None:
        dims = 1 if sample_rate is not None or data.ndim == 1 else 2
    if dims not in (1, 2, 3):
        raise ValueError(f"dims must be 1, 2 or 3, got {dims}")
    has_channels = _check_shape(data, dims, sample_rate is not None)
    home = None
    if isinstance(data, Tensor):
        data, home = data.detach().as_subclass(Tensor), data.device
        dtype_name = str(data.dtype).removeprefix("torch.")
        values = data if has_channels else data[None]
        values = values.cpu() if home.type == "mps" else values  # which has no float64
    else:
        dtype_name = data.dtype.name
        values = torch.from_numpy(native(np.moveaxis(data, -1, 0) if has_channels else data[None]))
    if values.dtype.is_floating_point and not bool(torch.isfinite(values).all()):
        bad = int((~torch.isfinite(values)).sum())
        raise ValueError(
            f"the signal has {bad} NaN or infinite values of {values.numel()}: replace them first; "
            "or, if they are the holes of an image for siren_sr.super_resolve, give numpy.ma.masked_invalid(data)"
        )
    range_ = part_of or ranges.find(
        values, dtype_name, image=dims == 2, audio=sample_rate is not None, sixteen_bits=container == "pil"
    )
    origin = Origin(
        container,
        dtype_name,
        has_channels,
        dims,
        **asdict(range_),
        sample_rate=None if sample_rate is None else float(sample_rate),
        device=home,
        info=info,
    )
    compute = torch.float64 if values.dtype == torch.float64 and isinstance(data, Tensor) else torch.float32
    values = origin.normalize(values, compute).to(home if chosen is None else chosen)
    return Signal(values.contiguous(), origin)


def _sample_rate(value: Any) -> float:
    try:
        return arguments.positive("sample_rate", value)
    except ValueError:
        raise ValueError(f"sample_rate must be a positive number of Hz, got {value!r}") from None


def _array(data: Sequence[Any]) -> np.ndarray:
    """Numbers in nested lists as an array."""
    try:
        array = np.asarray(data)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise ValueError(f"a {type(data).__name__} must hold numbers in equally long rows: {error}") from None
    if array.dtype.kind not in "iuf":
        raise TypeError(f"a {type(data).__name__} must hold numbers in equally long rows, got {array.dtype} values")
    return array


def _container(data: Any) -> Container:
    if isinstance(data, Tensor):
        check_tensor(data)
        return "tv image" if is_tv_image(data) else "tensor"
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError(
            "masked arrays are not supported, since the values under the mask would be learned: fill them, for example "
            "with data.filled(data.mean()); siren_sr.super_resolve knows what holes are"
        )
    if isinstance(data, np.ndarray):
        return "array"
    if type(data).__module__.startswith("PIL.") or hasattr(data, "getbands"):
        return "pil"
    if is_path(data) or isinstance(data, (io.ImageFile, io.AudioFile)) or io.is_stream(data):
        return "image file"  # or a sound's, which is known when it is read
    raise TypeError(
        f"expected a tensor, an array, a list of numbers, a PIL image or a path, got {type(data).__name__}: "
        "convert it first, for example with numpy.asarray"
    )


# The element types of tensors that can be read.
READABLE = (
    *(torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
)


def check_tensor(data: Tensor) -> None:
    """Refuse tensors that hold no plain numbers."""
    if data.layout != torch.strided or data.is_nested:
        raise TypeError(f"a tensor of layout {data.layout} is not supported: use its to_dense()")
    if data.device.type == "meta":
        raise ValueError("a tensor on the device meta has no values: make it on the CPU")
    if data.is_quantized:
        raise TypeError(f"{data.dtype} tensors are not supported: use dequantize()")
    if data.dtype not in READABLE:
        name = str(data.dtype).removeprefix("torch.")
        raise TypeError(f"{name} values are not supported: use uint8, uint16 or float32")


def _read(source: Any, sample_rate: float | None) -> tuple[np.ndarray, Container, Any, float | None]:
    """A path, an open file, or a file read before, as (array, container, file, sample rate)."""
    if io.is_stream(source) or is_path(source):
        source = io.read_stream(source)
    if isinstance(source, io.AudioFile):
        return source.samples, "audio file", source, sample_rate or source.sample_rate
    return source.pixels, "image file", source, sample_rate


def _check_shape(data: Tensor | np.ndarray, dims: int, audio: bool) -> bool:
    """Validate element type, axes and emptiness; returns whether there is a channel axis."""
    tensor = isinstance(data, Tensor)
    shape = tuple(data.shape)
    grid = {1: "T", 2: "H, W", 3: "D, H, W"}[dims]
    wanted = f"({grid}) or (C, {grid})" if tensor else f"({grid}) or ({grid}, C)"
    if data.ndim not in (dims, dims + 1):
        hint = "pass dims=3 for a volume or a video" if data.ndim > 3 else "see dims= and sample_rate="
        raise ValueError(
            f"{'a tensor' if tensor else 'an array'} with {dims} grid ax{'i' if dims == 1 else 'e'}s must have shape "
            f"{wanted}, got {shape}: {hint}"
        )
    if 0 in shape:
        raise ValueError(f"the signal is empty: its shape is {shape}, every axis must have at least one sample")
    has_channels = data.ndim == dims + 1
    if has_channels:
        channels, other = (shape[0], shape[-1]) if tensor else (shape[-1], shape[0])
        if channels > 4 and other <= 4 and channels > other:
            swap = "data.movedim(-1, 0)" if tensor else "np.moveaxis(data, 0, -1)"
            raise ValueError(
                f"shape {shape} has its channels on the wrong side: {'a tensor' if tensor else 'an array'} is "
                f"{wanted}; use {swap}"
            )
        if audio and channels > 64:
            raise ValueError(f"shape {shape} means {channels} audio channels: audio is {wanted}; transpose it")
    return has_channels


def native(array: np.ndarray) -> np.ndarray:
    """What ``torch.from_numpy`` accepts: native byte order, positive strides, supported types."""
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        raise TypeError(f"{array.dtype} values are not supported: use uint8, uint16 or float32")
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    return array if array.flags.writeable else array.copy()


# Modes of Pillow that are read as another one, which says the same: bits, and colours that alpha was multiplied into.
PIL_READ_AS = {"1": "L", "La": "LA", "RGBa": "RGBA", "PA": "RGBA"}


def _from_pil(image: Any) -> np.ndarray:
    try:
        image.load()
    except ValueError as error:  # its file was closed before its pixels were read
        raise ValueError(f"the PIL image cannot be read ({error}): open it again") from None
    if 0 in image.size:
        raise ValueError(f"the image is empty: its size is {image.size}")
    transparent = "transparency" in image.info  # of a palette entry, or of one colour
    if image.mode in PIL_READ_AS:
        image = image.convert(PIL_READ_AS[image.mode])
    elif image.mode == "P":
        image = image.convert("RGBA" if transparent else "RGB")
    elif image.mode in ("L", "RGB") and transparent:
        image = image.convert(image.mode + "A")
    elif image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode not in ("L", "LA", "RGB", "RGBA", "I", "F"):
        raise ValueError(
            f'PIL mode {image.mode} is not supported: use image.convert("RGB"), or one of L, LA, RGB, RGBA, I;16, I, F'
        )
    return np.asarray(image)
