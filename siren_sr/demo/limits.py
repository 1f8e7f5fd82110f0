"""What the page allows: how large files, how long and how many pieces of work."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one page allows all its visitors together.

    Attributes:
        upload: The largest file, in MB (10^6 bytes), > 0.
        seconds: How long one piece of work may take, > 0. It then ends after its present step, with what was reached.
        jobs: How many pieces of work go on at once, >= 1; others wait.

    Raises:
        ValueError: A number is out of its range.

    Examples:
        >>> Limits(upload=1.5).bytes
        1500000
    """

    upload: float = 32.0
    seconds: float = 600.0
    jobs: int = 1

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name, what in (("upload", "a number of MB"), ("seconds", "a number of seconds")):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise ValueError(f"{name} must be {what} above 0, got {value:g}")
        if self.jobs < 1:
            raise ValueError(f"jobs must be a whole number from 1 on, got {self.jobs}")

    @property
    def bytes(self) -> int:
        """The largest file in bytes."""
        return max(1, round(self.upload * 1e6))
