"""Each module measures something with one command, which its docstring gives."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

from siren_sr import __version__


def header(device: str = "cpu", threads: int | None = None) -> str:
    """Set the number of CPU threads if it is given; return machine and versions, the first line of every benchmark."""
    if threads:
        torch.set_num_threads(threads)
    name = torch.cuda.get_device_name() if device.startswith("cuda") else _processor()
    return f"siren_sr {__version__}, torch {torch.__version__}, {name}, {device}, {torch.get_num_threads()} threads"


def reset_peak_memory() -> None:
    """Forget the most memory that this process has held so far (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> int:
    """Return the most memory that this process has held, in bytes (Linux)."""
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
