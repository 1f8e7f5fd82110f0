"""The network as a file: weights as safetensors, everything else as text in its header; nothing is unpickled."""

from __future__ import annotations

import json
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
    from safetensors.torch import save as to_bytes

    if not os.fspath(path).endswith(".safetensors"):
        raise ValueError(f"a network is saved as .safetensors, got {os.fspath(path)!r}: change the extension")
    tensors = {key: value.detach().cpu().to(dtype).contiguous() for key, value in model.state_dict().items()}
    header = {"format": FORMAT, "model": model.config(), "notes": dict(notes or {})}
    data = to_bytes(tensors, metadata={"siren_sr": json.dumps(header)})
    io.atomic_write(path, lambda file: file.write(data))


def load(path: str | os.PathLike[str]) -> tuple[LearnedUpscaler, dict[str, Any]]:
    """Read what `save` wrote: the network, in float32 on the CPU, and the notes.

    Raises:
        OSError: Missing or unreadable file.
        ValueError: Not a network of this library.
    """
    from safetensors import SafetensorError, safe_open

    if not os.path.isfile(path):
        raise FileNotFoundError(f"no such file: {os.fspath(path)!r}")
    try:
        with safe_open(os.fspath(path), framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("siren_sr", "{}"))
            tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, json.JSONDecodeError) as error:
        raise ValueError(f"{os.fspath(path)!r} is damaged or not a safetensors file: {error}") from None
    found = header.get("format") if isinstance(header, dict) else None
    if found != FORMAT:
        raise ValueError(
            f"{os.fspath(path)!r} is not a learned upscaler of siren_sr (format {found!r}, expected {FORMAT!r})"
        )
    try:
        model = LearnedUpscaler(**header["model"], generator=torch.Generator())
        model.load_state_dict(tensors)
    except (LookupError, TypeError, RuntimeError) as error:
        text = " ".join(str(error).split())
        raise ValueError(f"{os.fspath(path)!r} is damaged: {type(error).__name__}: {text}") from error
    return model.eval(), header["notes"]
