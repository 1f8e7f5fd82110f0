"""What every task asks of its arguments: one check for each kind, with an error that says what to do.

The options of a task stand in one frozen dataclass, such as `siren_sr.fitting.options.FitOptions`. Its fields hold the
defaults and the help text of the command line; its ``__post_init__`` calls the checks of this file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import numbers
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import torch

T = TypeVar("T")


def option(default: Any = None, help: str = "", **metadata: Any) -> Any:
    """A field of an options dataclass.

    Args:
        default: Value of the option when the user says nothing.
        help: What the command line says of it.
        **metadata: Anything else that readers of the field need to know.
    """
    return dataclasses.field(default=default, metadata={"help": help, **metadata})


def settle(options: Any, **values: Any) -> None:
    """Store checked values in a frozen dataclass, in its ``__post_init__``: a NumPy integer becomes Python's, say."""
    for name, value in values.items():
        object.__setattr__(options, name, value)


MOST_TOLD = 1024  # numbers of an array or a tensor; of longer ones the shape is told
NOT_TOLD = ("generator", "device", "callback", "progress", "checkpoint", "every", "max_memory", "return_fit")


def told(task: str, options: Any) -> dict[str, Any]:
    """How something was made, as plain values: the task, the seed, and every option that is not its default.

    Functions appear by their names, what is no plain value by its kind, and arrays by their numbers if these are few.
    """
    changed = {
        field.name: plain(getattr(options, field.name))
        for field in dataclasses.fields(options)
        if field.name not in NOT_TOLD and not same(getattr(options, field.name), field.default)
    }
    return {"task": task, "seed": seeded(options.generator).initial_seed(), **changed}


def same(value: Any, default: Any) -> bool:
    """Whether an option has its default, which is a plain value; an array or a function never is, but for itself."""
    return value is default or (isinstance(value, (str, int, float, bool)) and value == default)


def plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, (np.generic, np.ndarray, torch.Tensor)) and np.ndim(value) == 0:
        return value.item()
    if isinstance(value, (np.ndarray, torch.Tensor)) and math.prod(value.shape) <= MOST_TOLD:
        return value.tolist()
    shape = f" {tuple(value.shape)}" if isinstance(value, (np.ndarray, torch.Tensor)) else ""
    return getattr(value, "__name__", type(value).__name__) + shape


AUTOCAST_DEVICES = ("cpu", "cuda", "mps", "xpu")


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Leave the modes of torch that a user may be in and that would change a result.

    They are inference mode, autocast, a default device and a default dtype. All of them are back afterwards. It also
    works as a decorator of functions.
    """
    with contextlib.ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))  # which by itself would turn gradients on
            stack.enter_context(torch.no_grad())
        for name in AUTOCAST_DEVICES:
            if torch.is_autocast_enabled(name):
                stack.enter_context(torch.autocast(name, enabled=False))
        if torch.empty(0).device.type != "cpu":  # this asks faster than torch.get_default_device
            stack.enter_context(torch.device("cpu"))
        dtype = torch.get_default_dtype()
        if dtype != torch.float32:
            stack.callback(torch.set_default_dtype, dtype)
            torch.set_default_dtype(torch.float32)
        yield


def count(name: str, value: Any, *, least: int = 1) -> int:
    """A whole number, Python's or NumPy's.

    Raises:
        TypeError: Not an integer; booleans are refused.
        ValueError: Less than ``least``, or more than 64 bits hold.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer >= {least}, got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be >= {least}, got {value}")
    if value >= 2**63:
        raise ValueError(f"{name} must be less than 2**63, got a number of {int(value).bit_length()} bits")
    return int(value)


def choice(name: str, value: Any, allowed: Iterable[str]) -> str:
    """One of some names.

    Raises:
        TypeError: Not a string.
        ValueError: An unknown name.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be one of {sorted(allowed)}, got {value!r}")
    if value not in allowed:
        raise ValueError(f"{name}={value!r} is unknown: use one of {sorted(allowed)}")
    return value


def resolve(name: str, value: Any, known: Mapping[str, T], *, what: str) -> T:
    """What a name stands for, or the user's own callable.

    Args:
        name: Name of the argument.
        value: What the user gave.
        known: The built-in ones by name.
        what: What a callable is, for the error's text.

    Raises:
        ValueError: An unknown name.
        TypeError: Neither a name nor callable.
    """
    if isinstance(value, str):
        if value not in known:
            raise ValueError(f"{name}={value!r} is unknown: use one of {sorted(known)} or {what}")
        return known[value]
    if not callable(value):
        raise TypeError(f"{name} must be a name or {what}, got {type(value).__name__}")
    return value  # pyright: ignore[reportReturnType]


def optional_callable(name: str, value: Any, *, what: str) -> Any:
    """A callable, or None where nothing is given.

    Raises:
        TypeError: Neither.
    """
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be {what}, got {type(value).__name__}")
    return value


def flag(name: str, value: Any) -> bool:
    """True or False.

    Raises:
        TypeError: Anything else, such as "yes" or 1.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def real(name: str, value: Any, *, what: str) -> float:
    """A real number of any type.

    Raises:
        TypeError: Anything else; booleans are refused.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be {what}, got {value!r}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} must be {what}, got a number that no float can hold") from None


def positive(name: str, value: Any) -> float:
    """A number > 0 that is finite.

    Raises:
        ValueError: Anything else.
    """
    try:
        value = value.detach() if isinstance(value, torch.Tensor) else value
        odd = isinstance(value, (bool, np.bool_, str, bytes)) or value is np.ma.masked
        number = math.nan if odd else float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # RuntimeError: a tensor that has no number
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(f"{name} must be a positive finite number, got {value!r}")
    return number


FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""The element types of tensors that can be computed with."""


def tensor(name: str, value: Any, shape: str, *, axes: int, hint: str = "") -> torch.Tensor:
    """A tensor of plain floating-point numbers with at least so many axes.

    Args:
        name: Name of the argument.
        value: What the user gave.
        shape: The shape that is asked for, for the error's text.
        axes: The least number of axes.
        hint: What to do about a wrong shape, for the error's text.

    Returns:
        The tensor. One that was made in inference mode is copied, since no gradient can flow through it.

    Raises:
        TypeError: Not a tensor, or one that is sparse, nested, quantized or of another element type.
        ValueError: Too few axes.
    """
    if not isinstance(value, torch.Tensor):
        how = "torch.from_numpy(numpy.asarray(...)), channels first and in floating point"
        raise TypeError(f"{name} must be a tensor {shape}, got {type(value).__name__}: convert it first, with {how}")
    if value.is_nested or value.layout != torch.strided:
        kind = "a nested tensor" if value.is_nested else f"one of layout {value.layout}"
        raise TypeError(f"{name} must be a dense tensor {shape}, got {kind}: use to_dense(), or one at a time")
    if value.dtype not in FLOATING:
        kind = str(value.dtype).removeprefix("torch.")
        raise TypeError(f"{name} must hold float16, bfloat16, float32 or float64 values, got {kind}: use .float()")
    if value.ndim < axes:
        raise ValueError(f"{name} must have shape {shape}, got {tuple(value.shape)}{hint}")
    return value.clone() if value.is_inference() and not torch.is_inference_mode_enabled() else value


def generator(value: Any) -> torch.Generator | None:
    """A generator of random numbers on the CPU, or None.

    Raises:
        TypeError: Not a generator.
        ValueError: One of another device.
    """
    if value is None:
        return None
    if not isinstance(value, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator, got {type(value).__name__}")
    if value.device.type != "cpu":
        raise ValueError(f"generator must be on the CPU, got one on {value.device}: use torch.Generator()")
    return value


def seeded(value: torch.Generator | None) -> torch.Generator:
    """The given generator, or one with seed 0, so that a call repeats itself."""
    return torch.Generator().manual_seed(0) if value is None else value


def device(value: Any) -> torch.device | None:
    """A device that can compute; None stays None.

    Raises:
        ValueError: There is no such device, or it cannot compute.
        TypeError: Not the name of a device.
    """
    if value is None:
        return None
    if not isinstance(value, (str, torch.device)):
        raise TypeError(f'device must be a name, such as "cpu" or "cuda", or a torch.device, got {value!r}')
    try:
        found = torch.device(value)
        torch.zeros(1, device=found).cpu()
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as error:
        # Unknown names, builds without CUDA, and devices that only pretend, such as "meta", in this order.
        reason = str(error).splitlines()[0].rstrip(".")
        raise ValueError(f'device="{value}" cannot be used here ({reason}): use "cpu"') from None
    return found
