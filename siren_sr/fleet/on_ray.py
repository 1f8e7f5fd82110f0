"""Workers as actors of a Ray cluster; without an address, as processes of this machine that Ray looks after.

Ray is an extra: ``pip install "siren-sr[ray]"``. Importing this file does not load it.
"""

from __future__ import annotations

import contextlib
import importlib
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from siren_sr.fleet.processes import Died, Failed, attempt
from siren_sr.fleet.work import described

STORE = 100 * 2**20
"""Bytes of the object store of an embedded cluster, which holds only what is on its way."""


def ray() -> Any:
    """Return the module ``ray``.

    Raises:
        ImportError: It is not installed.
    """
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise ImportError('backend="ray" needs Ray: pip install "siren-sr[ray]"') from error


@contextlib.contextmanager
def cluster(address: str | None, processors: int) -> Iterator[int]:
    """Be connected to a cluster for a while; yields how many processors it has.

    A connection that exists already is used, and is left as it is.

    Args:
        address: Of the cluster, such as "auto" or "ray://head:10001"; None starts one on this machine.
        processors: How many processors that one may use.
    """
    module = ray()
    if module.is_initialized():
        if address is not None:
            raise ValueError(f"address={address!r}, but Ray is connected already: leave address out, or ray.shutdown()")
        yield int(module.cluster_resources().get("CPU", 1))
        return
    own: dict[str, Any] = {"num_cpus": processors, "object_store_memory": STORE, "include_dashboard": False}
    chosen = own if address is None else {"address": address}
    module.init(log_to_driver=False, logging_level="ERROR", **chosen)
    try:
        yield int(module.cluster_resources().get("CPU", 1))
    finally:
        module.shutdown()


class Actor:
    """A worker somewhere in the cluster."""

    def __init__(self, *, threads: int) -> None:
        """Ask for it; the cluster starts it once it has as many free processors as the worker has threads."""
        self._ray = ray()
        # Another actor takes its place if it dies, and here it is known which image that was.
        remote = self._ray.remote(num_cpus=threads, max_restarts=0, max_task_retries=0)(_Remote)
        self._actor = remote.remote(threads, sys.path)

    def wait(self) -> None:
        """Wait until it is ready.

        Raises:
            RuntimeError: It cannot work in this cluster.
            Died: It ended, with its machine for example.
        """
        errors = self._ray.exceptions
        try:
            self._ray.get(self._actor.ready.remote())
        except errors.RayError as error:
            text = described(error)[:500]
            if isinstance(error, errors.RayActorError) and "creation task" not in text:
                raise Died(text) from None
            raise RuntimeError(
                f"a worker could not start in the cluster ({text}): the same siren_sr must be installed on all its "
                "machines"
            ) from None

    def do(self, errand: Callable[[], Any]) -> Any:
        """As `siren_sr.fleet.processes.Process.do`."""
        message = pickle.dumps(errand, pickle.HIGHEST_PROTOCOL)
        try:
            good, answer = self._ray.get(self._actor.do.remote(message))
        except self._ray.exceptions.RayError as error:
            raise Died(described(error)[:300]) from None
        if not good:
            raise Failed(answer)
        return answer

    def kill(self) -> None:
        """End it, whatever it does."""
        with contextlib.suppress(Exception):  # the cluster itself may be gone
            self._ray.kill(self._actor)


class _Remote:
    """What runs in the cluster."""

    def __init__(self, threads: int, folders: Sequence[str]) -> None:
        torch.set_num_threads(threads)
        # A task may be of a module that lies beside the script, as far as this machine sees it.
        sys.path.extend(folder for folder in folders if folder not in sys.path)

    def ready(self) -> bool:
        return True

    def do(self, message: bytes) -> tuple[bool, Any]:
        return attempt(message)
