"""What the tests of super resolution share: how an image becomes small, and the search for the picture behind it."""

from __future__ import annotations

from siren_sr.grids import resampling
from siren_sr.superres.downsample import Downsample
from siren_sr.superres.picture.search import Search
from siren_sr.training.progress import Monitor


def low(hr, size, *, kernel="bicubic"):
    """What is left of a picture (C, H, W) at ``size`` (h, w), in 8 bits."""
    down = Downsample.between(hr.shape[1:], size, kernel=kernel, like=hr)
    return (down(hr).clamp(0, 1) * 255).round() / 255


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
