"""State of any shape as tensors and JSON, and back: what optimizers and schedulers keep, with nothing to unpickle.

Tensors come back with their element type, device and strides. The strides matter: a product of matrices that lie in
memory in another order can have other last bits.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

PLAIN = (str, int, float, bool, type(None))


def pack(state: Any, tensors: dict[str, Tensor], *, what: str) -> Any:
    """Return a state as JSON can hold it; its tensors go into ``tensors``, without being copied.

    Args:
        state: Tensors and plain values in dicts, lists, tuples, sets and deques.
        tensors: Where the tensors are put, under names that stand in their places in the result.
        what: Whose state it is, for the error's text.

    Raises:
        TypeError: Something of another kind.
    """
    if isinstance(state, (bool, np.bool_)):
        return bool(state)
    if isinstance(state, np.number):
        return state.item()
    if type(state) in PLAIN or isinstance(state, (str, int, float)):
        return state
    if isinstance(state, Tensor):
        name = str(len(tensors))
        tensors[name] = state.detach()
        return {"tensor": name, "stride": list(state.stride()), "device": str(state.device)}
    if isinstance(state, torch.dtype):
        return {"dtype": str(state).removeprefix("torch.")}
    if isinstance(state, Mapping):
        pairs = [[pack(k, tensors, what=what), pack(v, tensors, what=what)] for k, v in state.items()]
        return {"dict": pairs, "counter": isinstance(state, collections.Counter)}
    for name, (kind, _) in SEQUENCES.items():
        if isinstance(state, kind):
            items = sorted(state) if isinstance(state, (set, frozenset)) else state
            found: dict[str, Any] = {name: [pack(item, tensors, what=what) for item in items]}
            return {**found, "maxlen": state.maxlen} if isinstance(state, collections.deque) else found
    raise TypeError(
        f"{what} holds {type(state).__module__}.{type(state).__qualname__}, which a checkpoint cannot store: leave "
        "checkpoint= out, or keep tensors, numbers and texts only, in dicts and lists"
    )


def unpack(packed: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return the state of which `pack` made this.

    Raises:
        ValueError: It was not made by `pack`.
    """
    if not isinstance(packed, dict):
        if isinstance(packed, PLAIN):
            return packed
        raise ValueError("this is no state that was packed")
    if "tensor" in packed:
        return _laid_out(tensors[packed["tensor"]], packed["stride"]).to(packed["device"])
    if "dtype" in packed:
        return getattr(torch, packed["dtype"])
    if "dict" in packed:
        found = {unpack(k, tensors): unpack(v, tensors) for k, v in packed["dict"]}
        return collections.Counter(found) if packed["counter"] else found
    for name, (_, make) in SEQUENCES.items():
        if name in packed:
            items = [unpack(item, tensors) for item in packed[name]]
            return collections.deque(items, packed["maxlen"]) if name == "deque" else make(items)
    raise ValueError("this is no state that was packed")


def _laid_out(tensor: Tensor, stride: list[int]) -> Tensor:
    """A copy of a tensor with the strides that it had, if they fill their memory, and aligned as PyTorch aligns."""
    empty = torch.empty_strided(tensor.shape, stride, dtype=tensor.dtype)
    dense = sorted(zip(stride, tensor.shape, strict=True))
    step = 1
    for found, n in dense:
        if n > 1 and found != step:
            return tensor.clone(memory_format=torch.contiguous_format)
        step *= n
    return empty.copy_(tensor)


def snapshot(state: Any) -> Any:
    """Return a state whose tensors are copies, so that it stays as it is."""
    if isinstance(state, Tensor):
        return state.detach().clone()
    if isinstance(state, dict):
        return {k: snapshot(v) for k, v in state.items()}
    return type(state)(snapshot(v) for v in state) if type(state) in (list, tuple) else state


SEQUENCES: dict[str, tuple[type, Callable[[list[Any]], Any]]] = {
    "list": (list, list),
    "tuple": (tuple, tuple),
    "set": (set, set),
    "frozenset": (frozenset, frozenset),
    "deque": (collections.deque, collections.deque),
}
"""What may hold several values: its type, and how a list becomes one."""
