"""Two pieces of work side by side, each with half of the threads.

Small operations that several threads share end at a barrier, at which each waits for the slowest. Where another program
wants a processor too, one of them is suspended for milliseconds again and again, and everything waits: beside one busy
program, two threads took thirty times as long. Two independent pieces of work, with a thread each on two processors,
wait for nothing, and on an idle machine they are as quick as one after the other with both threads, or quicker.
"""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from siren_sr.training.progress import Monitor

T = TypeVar("T")
WAIT = 0.05  # seconds between two looks at whether the other piece has ended


class Steps(Protocol):
    """What a piece of work tells its steps: a `Monitor`, or an `Aside`."""

    @property
    def stopped(self) -> bool:
        """Whether to end."""
        ...

    def step(self) -> bool:
        """Tell a step; returns whether to end."""
        ...


class Aside:
    """Stands for a monitor in the other thread: it ends when the monitor does, and keeps the steps until they are told.

    A user's callback is called in the thread in which the user called.
    """

    def __init__(self, monitor: Monitor) -> None:
        """Stand for this monitor."""
        self._monitor, self.given_up, self.steps = monitor, False, queue.SimpleQueue[None]()

    @property
    def stopped(self) -> bool:
        """Whether to end."""
        return self.given_up or self._monitor.stopped

    def step(self) -> bool:
        """Keep a step; returns whether to end."""
        self.steps.put(None)
        return self.stopped


def possible(like: Tensor) -> bool:
    """Whether there are two threads for work on a tensor's device."""
    return like.device.type == "cpu" and torch.get_num_threads() > 1


@contextlib.contextmanager
def beside(work: Callable[[Steps], T], monitor: Monitor) -> Iterator[Callable[[], T]]:
    """A context in which a piece of work goes on in another thread; `possible` must be true.

    Args:
        work: Function that does it, and tells its steps to what it is given.
        monitor: Is told these steps once the result is asked for. It must not be used by the function.

    Yields:
        Function that waits for the result and returns it. If it is not called, the work is given up at the end.
    """
    threads, aside = torch.get_num_threads(), Aside(monitor)
    half = max(1, threads // 2)
    torch.set_num_threads(half)  # of this thread; each has a number of its own
    try:
        with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(half,)) as pool:
            try:
                future = pool.submit(work, aside)

                def wait() -> T:
                    ended = False
                    while not ended:
                        # The whole waiting is inside, since Ctrl-C may come between two steps as well.
                        with monitor.interruptible():
                            while not (future.done() and aside.steps.empty()):
                                with contextlib.suppress(queue.Empty):
                                    aside.steps.get(timeout=WAIT)
                                    monitor.step()
                            ended = True
                    return future.result()

                yield wait
            finally:
                aside.given_up = True  # the pool waits for it, wherever Ctrl-C came
    finally:
        torch.set_num_threads(threads)
