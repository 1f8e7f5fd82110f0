"""Several images in one tensor or array: taken apart for a task, and their results put together again."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


def is_batch(data: object, dims: int | None = None) -> bool:
    """Whether ``data`` is several images: a tensor (B, C, H, W) or an array (B, H, W, C).

    Raises:
        ValueError: A batch of no image.
    """
    batch = isinstance(data, (Tensor, np.ndarray)) and data.ndim == 4 and dims in (None, 2)
    if batch and len(data) == 0:  # pyright: ignore[reportArgumentType]
        raise ValueError(f"the batch is empty: its shape is {tuple(data.shape)}")  # pyright: ignore
    return batch


def members(batch: Tensor | np.ndarray) -> Iterator[Any]:
    """The images of a batch, of the same kind as it: an image of torchvision, taken apart, gives plain tensors."""
    for one in batch:
        yield sys.modules["torchvision.tv_tensors"].Image(one) if is_tv_image(batch) else one


def stacked(results: Sequence[Any], batch: Tensor | np.ndarray) -> Any:
    """The results for the members of a batch, as a batch of the same kind."""
    if not isinstance(batch, Tensor):
        return np.stack(results)
    result = torch.stack(list(results))
    return sys.modules["torchvision.tv_tensors"].Image(result) if is_tv_image(batch) else result


def is_tv_image(data: object) -> bool:
    """Whether a tensor is torchvision's class of images; where that was never loaded, none can be."""
    module = sys.modules.get("torchvision.tv_tensors")
    return module is not None and isinstance(data, module.Image)
