"""Many images on many processors and machines, and no work lost: `run`.

One image that takes one process too long is worked on in windows: `super_resolve_windows`.
"""

from siren_sr.fleet.report import Interrupted, Progress, Report, Result
from siren_sr.fleet.task import run
from siren_sr.fleet.windows import super_resolve_windows

__all__ = ["Interrupted", "Progress", "Report", "Result", "run", "super_resolve_windows"]
