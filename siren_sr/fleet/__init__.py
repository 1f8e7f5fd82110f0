"""Many images on many processors and machines, and no work lost: `run`.

One image that is too large for one process is worked on in windows.
"""

from siren_sr.fleet.report import Interrupted, Progress, Report, Result
from siren_sr.fleet.task import run

__all__ = ["Interrupted", "Progress", "Report", "Result", "run"]
