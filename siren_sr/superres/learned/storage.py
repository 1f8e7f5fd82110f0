"""The network as a file: weights as safetensors, everything else as text in its header; nothing is unpickled."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch

from siren_sr import io
from siren_sr.superres.learned.network import LearnedUpscaler

FORMAT = "siren_sr learned upscaler 1"


def save(
    model: LearnedUpscaler,
    path: str | os.PathLike[str],
    *,
    notes: Mapping[str, Any] | None = None,
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write a network to a file, by default with numbers of 16 bits.

    Args:
        model: The network.
        path: A file name that ends in .safetensors.
        notes: What a reader should know, as plain values: where the training pictures are credited, the licence, the
            version of the library, how long it was trained.
        dtype: Type of the numbers in the file.

    Raises:
        ValueError: The path does not end in .safetensors.
        OSError: The folder is missing or cannot be written.
    """
    tensors = {key: value.detach().cpu().to(dtype).contiguous() for key, value in model.state_dict().items()}
    header = {"format": FORMAT, "model": model.config(), "notes": dict(notes or {})}
    io.write_tensors(path, tensors, header, what="a network")


def load(path: str | os.PathLike[str]) -> tuple[LearnedUpscaler, dict[str, Any]]:
    """Read what `save` wrote: the network, in float32 on the CPU, and the notes.

    Raises:
        OSError: Missing or unreadable file.
        ValueError: Not a network of this library.
    """
    header, tensors = io.read_tensors(path, format=FORMAT, what="a learned upscaler")
    try:
        model = LearnedUpscaler(**header["model"], generator=torch.Generator())
        model.load_state_dict({key: value.float() for key, value in tensors.items()})
    except (LookupError, TypeError, RuntimeError) as error:
        text = " ".join(str(error).split())
        raise ValueError(f"{os.fspath(path)!r} is damaged: {type(error).__name__}: {text}") from error
    return model.eval(), header["notes"]
