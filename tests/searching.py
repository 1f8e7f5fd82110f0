"""What the tests of the search for a picture share."""

from __future__ import annotations

from siren_sr.grids import resampling
from siren_sr.superres.downsample import Downsample
from siren_sr.superres.picture.search import Search
from siren_sr.training.progress import Monitor


def solve(lr, size, effort, *, calls=None, stop=None, **options):
    """The picture of ``size`` behind an image (C, h, w).

    Every step's number is appended to ``calls``, and the work is stopped at step ``stop``. A search that is not stopped
    must make as many steps as it announced.
    """
    seen = [] if calls is None else calls

    def callback(progress):
        seen.append(progress.entry.step)
        return stop is not None and progress.entry.step >= stop

    monitor = Monitor(callback)
    down = Downsample.between(size, lr.shape[1:], like=lr)
    search = Search(lr, down, resampling.resize(lr, size), effort, monitor=monitor, **options)
    result = search.picture()
    assert monitor.done == search.steps or stop is not None
    return result
