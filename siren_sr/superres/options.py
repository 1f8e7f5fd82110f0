"""What a super resolution may be asked for: options validated before any work, with errors that say what to do."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
import torch

from siren_sr.fitting.task import check_steps
from siren_sr.superres.consistent import STRATEGIES
from siren_sr.superres.downsample import check_kernel
from siren_sr.superres.picture.quality import QUALITIES
from siren_sr.superres.plan import Strategy
from siren_sr.superres.published import basic, trick1, trick2

PUBLISHED = (basic, trick1, trick2)


def check_options(
    strategy: str | Strategy,
    *,
    quality: str,
    kernel: Any,
    noise: float,
    prior: Any,
    steps: Any,
    generator: Any,
    callback: Any,
) -> Strategy:
    """Validate the options of `siren_sr.super_resolve` and return the strategy.

    Raises:
        ValueError: An unknown name, a number out of range, or an option that the strategy would ignore.
        TypeError: Another kind of thing than is asked for.
    """
    if not isinstance(quality, str):
        raise TypeError(f"quality must be one of {sorted(QUALITIES)}, got {quality!r}")
    if quality not in QUALITIES:
        raise ValueError(f"quality={quality!r} is unknown: use one of {sorted(QUALITIES)}")
    if isinstance(noise, bool) or not isinstance(noise, numbers.Real):
        raise TypeError(f"noise must be a number, the standard deviation for an image in [0, 1], got {noise!r}")
    if not 0 <= noise <= 1:
        raise ValueError(
            f"noise={noise} is not in [0, 1]: it is a standard deviation for an image in [0, 1]; divide by 255 if it "
            "is in levels of 8 bit"
        )
    if prior is not None and not callable(prior):
        raise TypeError(f"prior must be a callable, (1, C, h, w) -> (1, C, H, W), got {type(prior).__name__}")
    if prior is not None and quality != "standard":
        raise ValueError(f"quality={quality!r} says how long to look for a picture, and prior= gives it: leave one out")
    if steps is not None:
        check_steps(int(steps) if isinstance(steps, np.integer) else steps)
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator, got {type(generator).__name__}")
    if generator is not None and generator.device.type != "cpu":
        raise ValueError(f"generator must be on the CPU, got one on {generator.device}: use torch.Generator()")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a callable, Progress -> bool, got {type(callback).__name__}")
    check_kernel(kernel)
    chosen = _resolve(strategy)
    if any(chosen is published for published in PUBLISHED):
        changed = {
            "quality": quality != "standard",
            "kernel": not (isinstance(kernel, str) and kernel == "bicubic"),
            "noise": noise != 0,
            "prior": prior is not None,
        }
        if any(changed.values()):
            names = ", ".join(name for name, is_set in changed.items() if is_set)
            name = getattr(chosen, "__name__", "")
            raise ValueError(f'strategy="{name}" is as published and knows no {names}: use "consistent"')
    return chosen


def _resolve(strategy: str | Strategy) -> Strategy:
    if isinstance(strategy, str):
        if strategy not in STRATEGIES:
            raise ValueError(f"strategy={strategy!r} is unknown: use one of {sorted(STRATEGIES)} or a callable")
        return STRATEGIES[strategy]
    if not callable(strategy):
        raise TypeError(f"strategy must be a name or a callable Problem -> Plan, got {type(strategy).__name__}")
    return strategy
