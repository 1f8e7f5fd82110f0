"""``siren-sr --version``: what a report of a problem should say, the versions and the devices that can be used."""

from __future__ import annotations

import argparse
import platform
from typing import Any

import torch

from siren_sr.cli.screen import PROGRAM, one_line
from siren_sr.version import __version__


class Version(argparse.Action):
    """Print the version, what the library runs on, and end; devices are looked for only when somebody asks."""

    def __init__(self, option_strings: list[str], dest: str, **more: Any) -> None:
        """Take no value."""
        super().__init__(option_strings, dest, nargs=0, **more)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print it, the library's own version alone in the first line, and end."""
        print(f"{PROGRAM} {__version__}")
        system = f"{platform.system()} {platform.machine()}"
        print(f"PyTorch {torch.__version__}, Python {platform.python_version()}, {system}")
        print("devices: " + ", ".join(devices()))
        parser.exit()


def devices() -> list[str]:
    """The devices that ``--device`` takes on this machine, the default first."""
    threads = torch.get_num_threads()
    found = [f"cpu ({threads} thread{'s' * (threads > 1)})"]
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        found += [f"cuda:{index} ({one_line(name)})" for index, name in enumerate(names)]
    if torch.backends.mps.is_available():
        found.append("mps")
    return found
