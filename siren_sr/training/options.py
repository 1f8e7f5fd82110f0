"""The options that all tasks share: how long, where, with which random numbers, and who is told."""

from __future__ import annotations

import math
import os
from typing import Any

from siren_sr import arguments


def check_options(options: Any) -> None:
    """Check the options of a task that all tasks share, and store them as Python's own numbers.

    Args:
        options: A frozen dataclass with ``steps``, ``generator``, ``device``, ``callback``, ``progress``,
            ``max_memory``, ``checkpoint`` and ``every``.

    Raises:
        TypeError: An option of another kind.
        ValueError: A number out of its range, or a device that there is not.
    """
    if options.steps is not None:
        arguments.settle(options, steps=arguments.count("steps", options.steps))
    arguments.generator(options.generator)
    arguments.device(options.device)
    arguments.optional_callable("callback", options.callback, what="a callable, Progress -> bool")
    arguments.settle(options, progress=arguments.flag("progress", options.progress))
    if options.max_memory is not None:
        arguments.settle(options, max_memory=arguments.positive("max_memory", options.max_memory))
    path, every = options.checkpoint, options.every
    if path is not None and not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"checkpoint must be the path of a .safetensors file, got {type(path).__name__}")
    seconds = arguments.real("every", every, what="a number of seconds")
    if not 0 <= seconds < math.inf:
        raise ValueError(f"every must be a finite number of seconds >= 0, got {every}")
    arguments.settle(options, every=seconds)
