"""Tensors in a file: safetensors, with everything else as JSON in the header; nothing is unpickled."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from .atomic import check_folder, write_to
from .names import PathLike, check_name, shown

if TYPE_CHECKING:  # reading an image must not wait for PyTorch
    from torch import Tensor

KEY = "siren_sr"  # of the header's entry that holds the JSON


def checksum(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of the names, types, shapes and bytes of tensors."""
    import torch

    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def check_tensors_path(path: PathLike | BinaryIO, *, what: str) -> None:
    """Raise, before the computing, what `write_tensors` would raise after it.

    Args:
        path: The file to be written, or one that is open for writing bytes.
        what: What it will hold, for the error's text, such as "a fit".

    Raises:
        ValueError: The path does not end in .safetensors.
        OSError: The folder is missing or cannot be written.
    """
    if not isinstance(path, (str, os.PathLike)) and callable(getattr(path, "write", None)):
        return
    if not check_name(path).endswith(".safetensors"):
        raise ValueError(f"{what} is saved as .safetensors, got {shown(check_name(path))!r}: change the extension")
    check_folder(check_name(path))


def write_tensors(
    path: PathLike | BinaryIO, tensors: Mapping[str, Tensor], header: Mapping[str, Any], *, what: str
) -> None:
    """Write tensors and a header of plain values, atomically; errors as `check_tensors_path`."""
    from safetensors.torch import save

    check_tensors_path(path, what=what)
    data = save(dict(tensors), metadata={KEY: json.dumps(header)})
    write_to(path, data)


def read_tensors(
    path: PathLike, *, format: str | tuple[str, ...], what: str
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read what `write_tensors` wrote.

    Args:
        path: The file.
        format: What the header's "format" must be, or several formats that it may be, the present one first.
        what: What the file should hold, for the error's text.

    Returns:
        The header and the tensors, on the CPU.

    Raises:
        OSError: Missing or unreadable file.
        ValueError: A damaged file, or one of another format.
    """
    from safetensors import SafetensorError, safe_open

    name = shown(path)
    if not os.path.isfile(check_name(path)):
        raise FileNotFoundError(f"no such file: {name!r}")
    try:
        with _openable(os.fspath(path)) as place, safe_open(place, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get(KEY, "{}"))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, json.JSONDecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"{name!r} is damaged or not a safetensors file: {error}") from None
    found = header.get("format") if isinstance(header, dict) else None
    known = (format,) if isinstance(format, str) else format
    if found not in known:
        raise ValueError(f"{name!r} is not {what} of siren_sr (format {found!r}, expected {known[0]!r})")
    return header, tensors


@contextlib.contextmanager
def _openable(name: str) -> Iterator[str]:
    """Yield a name for a library written in Rust, which knows only UTF-8: else that of the open file."""
    try:
        name.encode()
    except UnicodeEncodeError:
        with open(name, "rb") as file:
            yield f"/dev/fd/{file.fileno()}"
    else:
        yield name
