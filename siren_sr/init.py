"""Initializers of sine layers: plain functions ``f(weight, *, omega_0, is_first, generator=None) -> weight``.

Each fills a weight of shape ``(out_features, in_features)`` in place and returns it, like the functions of
``torch.nn.init``. Only weights are initialized so: biases keep PyTorch's default, U(-1/√fan_in, 1/√fan_in), as in the
paper's code. To add an initializer, write one such function, and pass it to `siren_sr.Siren` or add it to
`INITIALIZERS`.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from siren_sr import arguments

Initializer = Callable[..., Tensor]
"""A function ``f(weight, *, omega_0, is_first, generator=None) -> weight`` that works in place."""

InitializerLike = Literal["sitzmann", "xavier", "he"] | str | Initializer
"""An initializer, or the name of one in `INITIALIZERS`."""


@torch.no_grad()
def sitzmann_(
    weight: Tensor, *, omega_0: float, is_first: bool, generator: torch.Generator | None = None, c: float = 6.0
) -> Tensor:
    """Initialize as SIREN does: these weights alone make the pre-activations of every hidden layer close to N(0, 1).

    The first layer gets U(-1/fan_in, 1/fan_in), and every other layer U(-b, b) with b = √(c/fan_in)/ω0.

    Args:
        weight: Tensor of shape (out_features, in_features), overwritten.
        omega_0: The layer's ω0 > 0.
        is_first: Whether the layer reads coordinates.
        generator: Source of randomness; None draws from PyTorch's global one.
        c: The constant of Sitzmann et al.; 6 gives the pre-activations unit variance.

    Returns:
        ``weight``.

    Raises:
        TypeError: ``weight`` is no tensor of floating-point numbers, or ``generator`` is none.
        ValueError: ``weight`` has another shape, or ``omega_0`` is not positive.

    Source: Sitzmann et al., "Implicit Neural Representations with Periodic Activation Functions", NeurIPS 2020,
    section 3.2. (The super-resolution paper prints √(c/(ω0·fan_in)); its code, like Sitzmann's, uses √(c/fan_in)/ω0.)

    Examples:
        >>> w = sitzmann_(torch.empty(256, 2), omega_0=30.0, is_first=True, generator=torch.Generator())
        >>> bool(w.abs().max() <= 0.5)
        True
    """
    _check(weight, generator)
    omega_0 = arguments.positive("omega_0", omega_0)
    bound = 1 / fan_in(weight) if arguments.flag("is_first", is_first) else math.sqrt(c / fan_in(weight)) / omega_0
    if not bound < torch.finfo(weight.dtype).max / 2:
        raise ValueError(f"omega_0 of {omega_0:g} is too small: its weights would be beyond what {weight.dtype} holds")
    return weight.uniform_(-bound, bound, generator=generator)


@torch.no_grad()
def xavier_(weight: Tensor, *, omega_0: float, is_first: bool, generator: torch.Generator | None = None) -> Tensor:
    """Initialize by Glorot's uniform rule, U(-b, b) with b = √(6/(fan_in + fan_out)).

    The rule ignores ω0 (paper, section 4.2).

    Args:
        weight: Tensor of shape (out_features, in_features), overwritten.
        omega_0: Unused, since the paper studies what happens without it.
        is_first: Unused.
        generator: Source of randomness; None draws from PyTorch's global one.

    Returns:
        ``weight``.
    """
    _check(weight, generator)
    bound = math.sqrt(6 / (weight.shape[0] + weight.shape[1]))
    return weight.uniform_(-bound, bound, generator=generator)


@torch.no_grad()
def he_(weight: Tensor, *, omega_0: float, is_first: bool, generator: torch.Generator | None = None) -> Tensor:
    """Initialize by He's normal rule, N(0, 2/fan_in), which ignores ω0 (paper, section 4.2).

    Args:
        weight: Tensor of shape (out_features, in_features), overwritten.
        omega_0: Unused.
        is_first: Unused.
        generator: Source of randomness; None draws from PyTorch's global one.

    Returns:
        ``weight``.
    """
    _check(weight, generator)
    return weight.normal_(0.0, math.sqrt(2 / fan_in(weight)), generator=generator)


@torch.no_grad()
def default_bias_(bias: Tensor, in_features: int, *, generator: torch.Generator | None = None) -> Tensor:
    """Fill a bias as PyTorch's ``nn.Linear`` does, U(-1/√fan_in, 1/√fan_in), but from an explicit generator."""
    bound = 1 / math.sqrt(in_features)
    return bias.uniform_(-bound, bound, generator=generator)


def _check(weight: Tensor, generator: torch.Generator | None) -> None:
    """Refuse what cannot be filled."""
    arguments.tensor("weight", weight, "(out_features, in_features)", axes=2)
    if 0 in weight.shape:
        raise ValueError(f"weight must have shape (out_features, in_features), got {tuple(weight.shape)}")
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator, got {type(generator).__name__}")


def fan_in(weight: Tensor) -> int:
    """Return the number of inputs of a weight of shape (out_features, in_features)."""
    return weight.shape[1]


def resolve(initializer: InitializerLike, *, name: str = "init") -> Initializer:
    """Turn a name of `INITIALIZERS` or a callable into an initializer.

    Raises:
        ValueError: The name is unknown.
        TypeError: ``initializer`` is neither a name nor a callable, or it does not take ``omega_0``, ``is_first`` and
            ``generator``.
    """
    if isinstance(initializer, str):
        if initializer not in INITIALIZERS:
            raise ValueError(f"{name}={initializer!r} is unknown: use one of {sorted(INITIALIZERS)} or a callable")
        return INITIALIZERS[initializer]
    if not callable(initializer):
        raise TypeError(
            f"{name} must be a name or a callable f(weight, *, omega_0, is_first, generator=None), "
            f"got {type(initializer).__name__}"
        )
    try:
        parameters = inspect.signature(initializer).parameters
    except (TypeError, ValueError):  # a builtin may have no signature: then the call itself decides
        return initializer
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        missing = [key for key in ("omega_0", "is_first", "generator") if key not in parameters]
        if missing:
            raise TypeError(
                f"{name}: {getattr(initializer, '__name__', initializer)!s} does not accept {', '.join(missing)}; "
                "an initializer is called as f(weight, omega_0=..., is_first=..., generator=...). "
                "Wrap it: lambda w, *, omega_0, is_first, generator=None: "
                "torch.nn.init.orthogonal_(w, generator=generator)"
            )
    return initializer


def known_by_name(name: str) -> Initializer:
    """Return an initializer in place of a user's own, of which only the name is known.

    It leaves zeros where weights will be loaded.
    """

    @torch.no_grad()
    def zeros_(weight: Tensor, *, omega_0: float, is_first: bool, generator: torch.Generator | None = None) -> Tensor:
        return weight.zero_()

    zeros_.__name__ = name
    return zeros_


INITIALIZERS: dict[str, Initializer] = {"sitzmann": sitzmann_, "xavier": xavier_, "he": he_}
