"""``siren-sr demo`` as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

MEGABYTES = 0.3  # the largest upload


class Served:
    """A process of ``siren-sr demo``, and where its temporary files are."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.folder = folder
        environment = os.environ | {"TMPDIR": str(folder), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "siren_sr.cli", "demo", "--port", "0", "--max-upload", str(MEGABYTES), *more]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(command, **pipes, text=True, env=environment, start_new_session=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url, self.process.communicate()[1]

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def end(self) -> tuple[int, str]:
        """Ask it to end, by a signal that is heard in the background too; returns its exit code and what it said."""
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=120)
        return self.process.returncode, said
