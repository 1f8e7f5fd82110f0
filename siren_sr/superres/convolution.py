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


class RunningMean:
    """A mean of tensors that change, in which the latest have a given share.

    Attributes:
        values: The mean so far; empty before there is any.
    """

    def __init__(self, tensors: Iterable[Tensor] = ()) -> None:
        """Begin with these tensors, if there are any."""
        self.values = [tensor.detach().clone() for tensor in tensors]

    def add(self, tensors: Iterable[Tensor], share: float) -> None:
        """Give the present tensors their share; the first ones are the mean."""
        now = [tensor.detach() for tensor in tensors]
        if not self.values:
            self.values = [tensor.clone() for tensor in now]
        for mean, tensor in zip(self.values, now, strict=True):
            mean.lerp_(tensor, share)


def descend(
    parameters: Iterable[nn.Parameter],
    loss: Callable[[], Tensor],
    *,
    updates: int,
    rate: Callable[[int], float],
    monitor: Monitor,
    mean: RunningMean,
    generators: Sequence[torch.Generator],
) -> Iterator[int]:
    """Minimise a loss by Adam; yields the number of every update, from 0, after it was made.

    Args:
        parameters: What is updated.
        loss: Evaluates the loss at the present parameters.
        updates: Number of updates.
        rate: Learning rate of an update, by its number.
        monitor: Told of every update; the work ends where it answers True.
        mean: What whoever asks for the updates makes of them. A checkpoint holds it too.
        generators: All that the loss draws from.
    """
    work = _Descent(parameters, rate(0), mean, generators)
    with monitor.part("updates", work.state) as saved:
        if saved is not None:
            work.restore(saved)
        for i in range(work.made, updates):
            with monitor.interruptible():
                work.update(loss, rate(i))
            if monitor.interruption is not None:
                break
            yield i
            if monitor.step():
                break


class _Descent:
    """Updates under way.

    Attributes:
        made: How many there were.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], rate: float, mean: RunningMean, generators: Sequence[torch.Generator]
    ) -> None:
        self._weights, self._mean, self._generators = list(parameters), mean, generators
        self._optimizer = torch.optim.Adam(self._weights, lr=rate, fused=True)
        self.made = 0

    def update(self, loss: Callable[[], Tensor], rate: float) -> None:
        """Make one update."""
        self._optimizer.param_groups[0]["lr"] = rate
        with torch.enable_grad():
            value = loss()
            self._optimizer.zero_grad(set_to_none=True)
            value.backward()
        self._optimizer.step()
        self.made += 1

    def state(self) -> dict[str, Any]:
        """What `restore` needs, of tensors and plain values."""
        return {
            "weights": [weight.detach() for weight in self._weights],
            "optimizer": self._optimizer.state_dict(),
            "mean": self._mean.values,
            "generators": [generator.get_state() for generator in self._generators],
            "made": self.made,
        }

    @torch.no_grad()
    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a `state`."""
        for weight, saved in zip(self._weights, state["weights"], strict=True):
            weight.copy_(saved)
        self._optimizer.load_state_dict(state["optimizer"])
        self._mean.values, self.made = state["mean"], state["made"]
        for generator, drawn in zip(self._generators, state["generators"], strict=True):
            generator.set_state(drawn)


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
    first: int = 0,
    stopped: Callable[[], bool] | None = None,
) -> Tensor:
    """The mean over orientations of what a function makes of pictures that are turned and mirrored.

    Args:
        enlarge: Function of pictures (..., h, w) and the size to bring them to.
        x: The pictures, (..., h, w).
        size: (H, W).
        count: How many orientations.
        first: Number of the first of them, see `turn`.
        stopped: Whether to end with the orientations so far, at least the first; the one during which it became True is
            left out.

    Returns:
        The pictures, (..., H, W).
    """

    def seen(number: int) -> Tensor:
        return turn_back(enlarge(turn(x, number), size if number % 2 == 0 else size[::-1]), number)

    found, done = seen(first), 1
    for i in range(first + 1, first + count):
        if stopped is not None and stopped():
            break
        picture = seen(i)
        if stopped is not None and stopped():
            break
        found, done = found + picture, done + 1
    return found / done
