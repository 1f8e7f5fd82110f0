"""What the library logs of its choices, such as ω0 or where details come from, collected to be told later."""

from __future__ import annotations

import logging


class Notes(logging.Handler):
    """A context that collects what the library logs within it, each line once.

    Attributes:
        lines: What was logged, in order.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__(logging.INFO)
        self.lines: list[str] = []
        self._log = logging.getLogger("siren_sr")

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        if record.getMessage() not in self.lines:
            self.lines.append(record.getMessage())

    def __enter__(self) -> Notes:
        self._level = self._log.level
        self._log.addHandler(self)
        self._log.setLevel(logging.INFO)
        return self

    def __exit__(self, *_: object) -> None:
        self._log.removeHandler(self)
        self._log.setLevel(self._level)
