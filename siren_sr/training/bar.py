"""A progress bar of a training, on a terminal and in a notebook."""

from __future__ import annotations

import contextlib
import math
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from siren_sr.training.progress import Progress


class Bar:
    """Draws what a callback is told; a bar that cannot be drawn never ends the work.

    It is drawn where tqdm finds a notebook as a widget, if ipywidgets is installed, and else as a line on stderr.
    """

    def __init__(self, file: Any = None, *, leave: bool = True) -> None:
        """Prepare a bar, which appears with the first step.

        Args:
            file: Text stream to which a line is drawn wherever this is (default: as tqdm finds best).
            leave: Whether the finished bar stays to be seen.
        """
        self._file, self._leave = file, leave
        self._bar: Any = None
        self._failed, self._images = False, 1

    def __call__(self, progress: Progress) -> None:
        """Show a step."""
        if self._failed:
            return
        try:
            self._draw(progress)
        except Exception:  # whatever is wrong with the screen
            self._failed = True

    def close(self, *, complete: bool = False) -> None:
        """End the bar; ``complete`` says that the work came to its end, if in fewer steps than were planned."""
        with contextlib.suppress(Exception):
            if self._bar is not None:
                if complete:
                    self._plan(self._bar.n)
                self._bar.close()
        self._bar = None

    def _draw(self, progress: Progress) -> None:
        step = progress.entry.step
        if self._bar is None:
            self._bar = self._opened(progress.steps)
        if step <= self._bar.n:  # the next image of a batch
            self._images += 1
            self._bar.reset(progress.steps)
        self._plan(progress.steps)
        stage = progress.stage if self._images == 1 else f"{self._images}: {progress.stage}"
        self._bar.set_description(stage, refresh=False)
        if math.isfinite(progress.entry.psnr):
            self._bar.set_postfix_str(f"{progress.entry.psnr:.2f} dB", refresh=False)
        self._bar.update(step - self._bar.n)

    def _opened(self, steps: int) -> Any:
        options: dict[str, Any] = {"total": steps, "unit": "step", "dynamic_ncols": True, "leave": self._leave}
        if self._file is not None:
            from tqdm import tqdm

            return tqdm(**options, mininterval=0.5, file=self._file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where a notebook has no widgets, a line of text will do
            from tqdm.auto import tqdm

            return tqdm(**options)

    def _plan(self, steps: int) -> None:
        """Change how many steps there are, since what a later stage has to do may be known only when it begins."""
        self._bar.total = steps
        container = getattr(self._bar, "container", None)  # of a widget, which has a total of its own
        if container is not None:
            container.children[1].max = steps
