"""Who does the work: how many workers, of which kind, with how many threads and how much memory each."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from siren_sr import arguments, io
from siren_sr.fleet import on_ray, processes
from siren_sr.fleet.crew import Worker

Backend = Literal["processes", "ray"]
BACKENDS = ("processes", "ray")


@dataclass(frozen=True)
class Staff:
    """Who does the work.

    Attributes:
        workers: How many workers at most; 0 for as many as a cluster has processors for.
        threads: Of each.
        memory: Bytes that each may use; None for its share of the machine's, if ``on_cpu``.
        backend: One of `BACKENDS`.
        address: Of a Ray cluster.
        on_cpu: Whether the work is done on processors only.
    """

    workers: int
    threads: int
    memory: int | None
    backend: str
    address: str | None
    on_cpu: bool

    @staticmethod
    def of(
        options: Mapping[str, Any],
        workers: int | None,
        threads: int,
        memory: int | None,
        backend: str,
        address: str | None,
    ) -> Staff:
        """Check the arguments, and fill in the defaults.

        Args:
            options: Of the task, whose ``device`` decides about the defaults.
            workers: How many; None for one per processor and thread, or one on other devices.
            threads: Of each worker.
            memory: Of each worker, in bytes, or None.
            backend: One of `BACKENDS`.
            address: Of a Ray cluster, or None.

        Raises:
            ValueError: A number that is too small, an unknown backend, or arguments of the other one.
            TypeError: Not a whole number.
        """
        arguments.choice("backend", backend, BACKENDS)
        threads = arguments.count("threads", threads)
        on_cpu = str(options.get("device") or "cpu").startswith("cpu")
        if backend != "ray" and address is not None:
            raise ValueError(f'address={address!r} is that of a Ray cluster: give backend="ray" too')
        if backend == "ray" and memory is not None:
            raise ValueError('memory= is for backend="processes": Ray limits the memory of its workers itself')
        if workers is not None:
            workers = arguments.count("workers", workers)
        elif address is not None:
            workers = 0  # as many as the cluster has processors for
        else:
            workers = max(1, processes.processors() // threads) if on_cpu else 1
        if memory is not None:
            memory = arguments.count("memory", memory)
        return Staff(workers, threads, memory, backend, address, on_cpu)

    @contextlib.contextmanager
    def hire(self, jobs: int) -> Iterator[tuple[Callable[[], Worker], int]]:
        """Yield what starts a worker, and how many there may be."""
        if self.backend == "ray":
            with on_ray.cluster(self.address, (self.workers or 1) * self.threads) as processors:
                count = self.workers or max(1, processors // self.threads)
                yield functools.partial(on_ray.Actor, threads=self.threads), min(count, jobs)
        else:
            processes.prepare()
            count, memory = min(self.workers, jobs), self.memory
            if memory is None and self.on_cpu and (whole := io.total_memory()):
                memory = whole // count
            yield functools.partial(processes.Process, threads=self.threads, memory=memory), count
