"""Read and check what users give to `solve_poisson`: tensors have their channels first, arrays have them last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from siren_sr import arguments
from siren_sr.poisson.options import Kind, PoissonOptions
from siren_sr.signals import Origin, as_signal, check_tensor, native
from siren_sr.training import objectives

# The shapes that a target may have, by whether it is a tensor and by its kind: with channels, without channels, and as
# a batch.
_SHAPES: dict[tuple[bool, Kind], tuple[str, str, str]] = {
    (True, "gradient"): ("(C, 2, H, W)", "(2, H, W)", "(B, C, 2, H, W)"),
    (True, "laplacian"): ("(C, H, W)", "(H, W)", "(B, C, H, W)"),
    (False, "gradient"): ("(H, W, C, 2)", "(H, W, 2)", "(B, H, W, C, 2)"),
    (False, "laplacian"): ("(H, W, C)", "(H, W)", "(B, H, W, C)"),
}


def is_batch(kind: Kind, given: Any) -> bool:
    """Return whether a target is a batch, which its number of axes tells: 5 for a gradient and 4 for a Laplacian.

    Args:
        kind: What the target is, "gradient" or "laplacian".
        given: The target as the user gave it.

    Raises:
        ValueError: The batch is empty, or it is one of Laplacians with two channels, which may be a gradient.
    """
    batch = isinstance(given, (Tensor, np.ndarray)) and given.ndim == (5 if kind == "gradient" else 4)
    if batch and len(given) == 0:
        raise ValueError(f"the batch is empty: its shape is {tuple(given.shape)}")
    if batch and kind == "laplacian" and given.shape[1 if isinstance(given, Tensor) else 3] == 2:
        raise ValueError(
            f"a laplacian of shape {tuple(given.shape)} may be a gradient: pass it as gradient=, or images of two "
            "channels one by one"
        )
    return batch


def split(options: PoissonOptions, count: int) -> list[PoissonOptions]:
    """Return the options for every target of a batch.

    Args:
        options: Options of the whole batch. A condition holds for all of its targets, or is a batch itself.
        count: Number of targets.

    Raises:
        ValueError: A condition that is a batch has another number of entries.
    """
    # The number of axes tells whether a condition is a batch: of means (B, C), mean gradients (B, C, 2), or images.
    batches = {"mean": 2, "mean_gradient": 3, "boundary": 4}
    entries = {name: _entries(name, getattr(options, name), ndim, count) for name, ndim in batches.items()}
    return [replace(options, **{name: entries[name][i] for name in batches}) for i in range(count)]


def _entries(name: str, value: Any, ndim: int, count: int) -> Sequence[Any]:
    """A condition for every target of a batch."""
    if not isinstance(value, (Tensor, np.ndarray, list, tuple)) or np.ndim(value) != ndim:
        return [value] * count
    if len(value) != count:
        raise ValueError(f"{name} holds {len(value)} for a batch of {count}: give one for all, or one for each")
    return list(value)


def read_target(kind: Kind, given: Any, device: Any) -> tuple[Tensor, Origin]:
    """Read one target, and tell how the image that belongs to it is given back.

    Args:
        kind: What the target is, "gradient" or "laplacian".
        given: The target as the user gave it: a tensor (C, 2, H, W) or (2, H, W) for a gradient, (C, H, W) or (H, W)
            for a Laplacian, or an array (H, W, C, 2) or (H, W, 2), (H, W, C) or (H, W).
        device: Where to compute (default: where the tensor is, or the CPU).

    Returns:
        The target as a tensor (C, 2, H, W) or (C, H, W), in float64 for a float64 tensor and in float32 for all others,
        and the `Origin` of the image.

    Raises:
        TypeError: The target is neither tensor nor array, or is not floating point.
        ValueError: It has a wrong shape, NaN or infinite values, or its channels on the wrong side, or there is no such
            device.
    """
    if isinstance(given, Tensor):
        check_tensor(given)
    tensor = _tensor(kind, given)
    is_tensor = isinstance(given, Tensor)
    full, plain, batch = _SHAPES[is_tensor, kind]
    if not tensor.dtype.is_floating_point:
        raise TypeError(f"{kind} must be floating point (derivatives have signs), got {tensor.dtype}")
    most = 4 if kind == "gradient" else 3
    has_channels = tensor.ndim == most
    components = 2 if kind != "gradient" or tensor.ndim < 3 else tensor.shape[-3 if is_tensor else -1]
    if tensor.ndim not in (most - 1, most) or components != 2 or 0 in tensor.shape:
        hint = "" if is_tensor else f"; for an array laid out as a tensor, {_SHAPES[True, kind][0]}, torch.from_numpy"
        raise ValueError(
            f"{kind} must have shape {full} or {plain} with at least one pixel, or be a batch {batch}, "
            f"got {tuple(tensor.shape)}{hint}"
        )
    if not is_tensor and has_channels:
        channels = tensor.shape[2]
        if channels > 4 and tensor.shape[0] <= 4 and channels > tensor.shape[0]:
            raise ValueError(
                f"shape {tuple(tensor.shape)} has its channels on the wrong side: an array is {full}; "
                f"use np.moveaxis, or torch.from_numpy for {_SHAPES[True, kind][0]}"
            )
    if not bool(torch.isfinite(tensor).all()):
        raise ValueError(f"{kind} has NaN or infinite values: replace them first")
    dtype = str(tensor.dtype).removeprefix("torch.")
    home = tensor.device if is_tensor else None
    origin = Origin("tensor" if is_tensor else "array", dtype, has_channels, 2, low=0.0, high=1.0, device=home)
    compute = torch.float64 if tensor.dtype == torch.float64 and is_tensor else torch.float32
    tensor = tensor.to(device=arguments.device(device) or tensor.device, dtype=compute)
    tensor = tensor if is_tensor else _channels_first(tensor)
    return (tensor if has_channels else tensor[None]), origin


def _channels_first(tensor: Tensor) -> Tensor:
    """Move the grid's axes of (H, W), (H, W, C), (H, W, 2) or (H, W, C, 2) behind the others."""
    return tensor.movedim((0, 1), (-2, -1)).contiguous()


def _tensor(name: str, given: Any) -> Tensor:
    """Return a user's tensor or array as a tensor that belongs to no graph."""
    if not isinstance(given, (Tensor, np.ndarray)):
        hint = ": take siren_sr.derivatives.image_gradient or image_laplacian of an image" if name != "boundary" else ""
        raise TypeError(f"{name} must be a tensor or an array, got {type(given).__name__}{hint}")
    return given.detach() if isinstance(given, Tensor) else torch.from_numpy(native(given))


def read_condition(name: str, given: Any, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Read a condition, which is a number or whatever can be expanded to the wanted shape.

    Args:
        name: Name of the condition, which an error tells.
        given: The condition as the user gave it: a number, a sequence, an array or a tensor.
        shape: The wanted shape.
        like: Tensor whose device and dtype are used.

    Returns:
        The condition as a tensor of the wanted shape.

    Raises:
        ValueError: The condition cannot be expanded to the shape, or has NaN or infinite values.
    """
    try:
        value = torch.as_tensor(given, dtype=like.dtype, device=like.device)
        value = value.detach().expand(shape)
    except (RuntimeError, TypeError, ValueError):
        raise ValueError(f"{name} must be a number or have shape {shape}, got {given!r}") from None
    if not bool(torch.isfinite(value).all()):
        raise ValueError(f"{name} must be finite, got {given!r}")
    return value


def read_ring(given: Any, like: Tensor, origin: Origin) -> Tensor:
    """Read the image whose outermost ring holds the values on the boundary. Its other samples may be anything.

    Args:
        given: The image as the user gave it, in [0, 1]: a tensor or an array in the layout of the target, a PIL image
            or the path of an image file.
        like: The target, a tensor (C, 2, H, W) or (C, H, W), whose device and dtype are used.
        origin: The `Origin` of the image, which says whether it has an axis of channels.

    Returns:
        The image as a tensor (C, H, W) in [0, 1].

    Raises:
        TypeError: The image is of a kind or element type that is not supported.
        ValueError: The image has another shape than the target, or NaN or infinite values on its outermost ring.
        OSError: The file cannot be read.
    """
    shape = (len(like), *like.shape[-2:])
    if not isinstance(given, (Tensor, np.ndarray, int, float)):  # a PIL image or a path; as_signal refuses others
        tensor = as_signal(given, dims=2).unit
        if tuple(tensor.shape) != shape:
            raise ValueError(f"boundary must be an image of shape {shape}, as the target, got {tuple(tensor.shape)}")
        return tensor.to(device=like.device, dtype=like.dtype)
    tensor = _tensor("boundary", given)
    planar = isinstance(given, Tensor)
    wanted = (shape if planar else (*shape[1:], shape[0])) if origin.channels else shape[1:]
    if tuple(tensor.shape) != wanted:
        raise ValueError(f"boundary must have shape {wanted}, as the image, got {tuple(tensor.shape)}")
    if not tensor.dtype.is_floating_point:
        raise TypeError(f"boundary must be floating point in [0, 1], got {tensor.dtype}: divide by its maximum")
    tensor = tensor if planar else _channels_first(tensor)
    tensor = tensor.to(device=like.device, dtype=like.dtype).reshape(shape)
    if not bool(torch.isfinite(objectives.outermost(tensor)).all()):
        raise ValueError("boundary has NaN or infinite values on its outermost ring: replace them first")
    return tensor
