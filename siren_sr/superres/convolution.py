"""What the convolutional networks of super resolution share: training, precision, and the eight orientations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from siren_sr.training.progress import Monitor

CHANNELS_LAST: dict[str, Any] = {"memory_format": torch.channels_last}
"""The layout in which convolutions are fastest."""


def descend(
    parameters: Iterable[nn.Parameter],
    loss: Callable[[], Tensor],
    *,
    updates: int,
    rate: Callable[[int], float],
    monitor: Monitor,
) -> Iterator[int]:
    """Minimise a loss by Adam; yields the number of every update, from 0, after it was made.

    Args:
        parameters: What is updated.
        loss: Evaluates the loss at the present parameters.
        updates: Number of updates.
        rate: Learning rate of an update, by its number.
        monitor: Told of every update; the work ends where it answers True.
    """
    optimizer = torch.optim.Adam(parameters, lr=rate(0), fused=True)
    for i in range(updates):
        optimizer.param_groups[0]["lr"] = rate(i)
        with torch.enable_grad():
            value = loss()
            optimizer.zero_grad(set_to_none=True)
            value.backward()
        optimizer.step()
        yield i
        if monitor.step():
            break


def reduced_precision(like: Tensor) -> torch.autocast:
    """A context in which convolutions are computed in bfloat16, where that pays on the tensor's device."""
    # The cache of converted weights is emptied at the end of the outermost context only. Where a caller is inside
    # another context, it would hold the weights of old updates, so it is left out.
    return torch.autocast(like.device.type, torch.bfloat16, enabled=has_fast_bfloat16(like), cache_enabled=False)


def has_fast_bfloat16(like: Tensor) -> bool:
    """Whether convolutions in bfloat16 pay on a tensor's device: they take half the time there, at the same quality.

    Weights and sums over the picture stay in float32. A float64 image asks for more exactness than that.
    """
    if like.dtype != torch.float32:
        return False
    if like.device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    # PyTorch has no public name for it; without the instructions bfloat16 is many times slower.
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    # A user may have told PyTorch to do without them (ATEN_CPU_CAPABILITY).
    used = "AVX512" in torch.backends.cpu.get_cpu_capability()
    return like.device.type == "cpu" and used and supported is not None and bool(supported())


def turn(x: Tensor, number: int) -> Tensor:
    """Turn pictures (..., H, W) into one of their eight orientations, 0 to 7."""
    x = x.rot90(number % 4, (-2, -1))
    return x.flip(-1) if number > 3 else x


def turn_back(x: Tensor, number: int) -> Tensor:
    """The inverse of `turn`."""
    x = x.flip(-1) if number > 3 else x
    return x.rot90(-(number % 4), (-2, -1))
