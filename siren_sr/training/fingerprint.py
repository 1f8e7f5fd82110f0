"""Whether two calls ask for the same: a text that is equal for equal data and options, in every process."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import types
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

DEEPEST = 6  # of what functions hold functions that hold values


def fingerprint(*values: Any) -> str:
    """Return a hash of values.

    Tensors and arrays count with all that they hold, functions with their code, their defaults and the plain values
    that they have closed over, and objects that are nothing of this kind with the name of their class only.
    """
    return hashlib.sha256(_told(values, DEEPEST).encode("utf-8", "surrogatepass")).hexdigest()


def _told(value: Any, depth: int) -> str:
    if depth < 0 or value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        return repr(value) if depth >= 0 else ""
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, Tensor):
        return _array(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy(), value.shape, value.dtype)
    if isinstance(value, np.ndarray) and value.dtype != object:
        return _array(np.ascontiguousarray(value), value.shape, value.dtype)
    if isinstance(value, torch.Generator):
        return _told(value.get_state(), depth)
    if isinstance(value, (torch.dtype, torch.device)):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(sorted(f"{_told(k, depth)}:{_told(v, depth)}" for k, v in value.items())) + "}"
    if isinstance(value, (set, frozenset)):
        return "{" + ",".join(sorted(_told(v, depth) for v in value)) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_told(v, depth) for v in value) + "]"
    if isinstance(value, functools.partial):
        return f"partial({_told([value.func, value.args, value.keywords], depth)})"
    if isinstance(value, types.MethodType):
        return f"method({_told([value.__func__, value.__self__], depth - 1)})"
    if isinstance(value, types.FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
        held = [value.__code__, value.__defaults__, value.__kwdefaults__, cells]
        return f"{value.__module__}.{value.__qualname__}({_told(held, depth - 1)})"
    if isinstance(value, types.CodeType):
        return f"code({value.co_code.hex()},{value.co_names},{_told(value.co_consts, depth - 1)})"
    if isinstance(value, (type, types.BuiltinFunctionType)):
        return f"{value.__module__}.{value.__qualname__}"
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if dataclasses.is_dataclass(value):
        held = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return f"{kind}({_told(held, depth - 1)})"
    return kind


def _array(data: np.ndarray, shape: Any, dtype: Any) -> str:
    return f"{dtype}{tuple(shape)}{hashlib.sha256(data.data).hexdigest() if data.size else ''}"


def _is_filled(cell: types.CellType) -> bool:
    """Whether a variable that a function has closed over has a value yet."""
    try:
        return cell.cell_contents is not None or True
    except ValueError:
        return False
