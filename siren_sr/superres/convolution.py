"""What the convolutional networks of super resolution share: training, precision, draws, and the eight orientations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
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
        with monitor.interruptible():
            optimizer.param_groups[0]["lr"] = rate(i)
            with torch.enable_grad():
                value = loss()
                optimizer.zero_grad(set_to_none=True)
                value.backward()
            optimizer.step()
        if monitor.interruption is not None:
            break
        yield i
        if monitor.step():
            break


def decayed(i: int, *, highest: float, updates: int, warm_up: int, end: float) -> float:
    """The learning rate of an update, from 0: it rises for a while, and falls as a cosine to a share of its height."""
    decay = end + (1 - end) * 0.5 * (1 + math.cos(math.pi * i / updates))
    return highest * min(1.0, (i + 1) / warm_up) * decay


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


def fast_precision(like: Tensor) -> torch.dtype | None:
    """``torch.bfloat16`` where `has_fast_bfloat16`, or None."""
    return torch.bfloat16 if has_fast_bfloat16(like) else None


def draw(n: int, generator: torch.Generator) -> int:
    """A random whole number from 0 to n - 1."""
    return int(torch.randint(n, (), generator=generator))


def random_part(x: Tensor, sides: Sequence[int], generator: torch.Generator) -> Tensor:
    """A part of pictures (..., H, W) at a random place, with sides of at most so many pixels."""
    for axis, side in enumerate(sides, start=-len(sides)):
        length = min(side, x.shape[axis])
        x = x.narrow(axis, draw(x.shape[axis] - length + 1, generator), length)
    return x


def turn(x: Tensor, number: int) -> Tensor:
    """Turn pictures (..., H, W) into one of their eight orientations, 0 to 7."""
    x = x.rot90(number % 4, (-2, -1))
    return x.flip(-1) if number > 3 else x


def turn_back(x: Tensor, number: int) -> Tensor:
    """The inverse of `turn`."""
    x = x.flip(-1) if number > 3 else x
    return x.rot90(-(number % 4), (-2, -1))


def mean_of_turned(
    enlarge: Callable[[Tensor, Sequence[int]], Tensor],
    x: Tensor,
    size: Sequence[int],
    *,
    count: int = 8,
    stopped: Callable[[], bool] | None = None,
) -> Tensor:
    """The mean over orientations of what a function makes of pictures that are turned and mirrored.

    Args:
        enlarge: Function of pictures (..., h, w) and the size to bring them to.
        x: The pictures, (..., h, w).
        size: (H, W).
        count: How many orientations, from the first on.
        stopped: Whether to end with the orientations so far, at least the first; the one during which it became True is
            left out.

    Returns:
        The pictures, (..., H, W).
    """
    found = enlarge(x, size)
    done = 1
    for i in range(1, count):
        if stopped is not None and stopped():
            break
        picture = turn_back(enlarge(turn(x, i), size if i % 2 == 0 else size[::-1]), i)
        if stopped is not None and stopped():
            break
        found, done = found + picture, done + 1
    return found / done
