"""Serve the page: on this machine alone unless asked otherwise, without a word to anybody else, and leaving nothing."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from siren_sr.demo.desk import Desk
from siren_sr.demo.limits import Limits

PORT = 7860
KEPT = 3600.0  # seconds for which uploads and results can be downloaded
SWEPT = 60.0  # seconds between two looks for older ones
TRIED = 20  # ports that are tried one after the other where none is asked for
QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "GRADIO_SHARE": "False",
}
"""Variables of the environment that keep Gradio from calling others."""

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; frame-ancestors 'none'; "
    "base-uri 'self'; form-action 'self'"
)
"""The browser's policy for the page: nothing is fetched from anywhere else, even if Gradio's page asks for it."""


class Server:
    """A page that is served while this context lasts.

    Attributes:
        url: Where it is.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int | None = None, limits: Limits | None = None) -> None:
        """Prepare a page.

        Args:
            host: The address on which it listens. Whoever can reach it can use the page.
            port: The port; 0 for any free one. Default: the first free one from `PORT` on.
            limits: What it allows.

        Raises:
            ValueError: There is no such port.
        """
        if port is not None and not 0 <= port < 2**16:
            raise ValueError(f"there is no port {port}: give a number from 0, for any free one, to 65535")
        self._host, self._port, self._limits = host, port, limits or Limits()
        self._stack = contextlib.ExitStack()
        self.url = ""

    def __enter__(self) -> Server:
        """Begin to serve.

        Raises:
            ImportError: Gradio is not installed.
            OSError: The address or the port cannot be used.
        """
        port = free_port(self._host, self._port)
        with contextlib.ExitStack() as stack:
            root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="siren-sr-demo-")))
            os.environ.update(QUIET, GRADIO_TEMP_DIR=str(root / "cache"))  # Gradio reads them as it is imported
            build = _page()
            for name in ("cache", "work"):
                (root / name).mkdir()
            desk = Desk(root / "work", self._limits)
            closing = threading.Event()
            stack.callback(closing.set)
            threading.Thread(target=_sweep, args=(root / "cache", closing), name="sweep", daemon=True).start()
            stack.callback(desk.close)
            page = build(desk)
            stack.callback(page.close, verbose=False)
            self._launch(page, port)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """End, and remove all files."""
        self._stack.close()

    def wait(self) -> None:
        """Serve until this thread is interrupted."""
        threading.Event().wait()

    def _launch(self, page: Any, port: int) -> None:
        from siren_sr.demo.tabs.page import CSS, THEME

        page.launch(
            server_name=self._host,
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            inbrowser=False,
            ssr_mode=False,
            enable_monitoring=False,
            footer_links=[],
            pwa=False,
            mcp_server=False,
            max_file_size=self._limits.bytes,
            theme=THEME,
            css=CSS,
            app_kwargs={
                "middleware": _middleware(self._host),
                "docs_url": None,
                "redoc_url": None,
                "openapi_url": None,
            },
        )
        shown = "127.0.0.1" if self._host in ("0.0.0.0", "::") else self._host
        self.url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"


def _page() -> Any:
    try:
        from siren_sr.demo.tabs.page import build
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "siren_sr":
            raise
        raise ImportError(f'the demo needs {error.name}: pip install "siren-sr[demo]"') from error
    return build


def _sweep(folder: Path, closing: threading.Event) -> None:
    """Remove the files that were written more than `KEPT` seconds ago, until the server closes."""
    while not closing.wait(SWEPT):
        for path in folder.rglob("*"):
            with contextlib.suppress(OSError):
                if path.is_file() and time.time() - path.stat().st_ctime > KEPT:
                    path.unlink()


def is_local(host: str) -> bool:
    """Whether only this machine can reach what listens on an address.

    Examples:
        >>> is_local("127.0.0.1"), is_local("::1"), is_local("localhost"), is_local("0.0.0.0")
        (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def free_port(host: str, port: int | None) -> int:
    """A port on which nobody listens yet: the one asked for, or the first from `PORT` on.

    Raises:
        OSError: There is none, or the address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    problem: OSError | None = None
    for number in range(PORT, PORT + TRIED) if port is None else [port]:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As the server itself does: a port is free although connections of an earlier server are still fading.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, number))
                return probe.getsockname()[1]
            except OSError as error:
                problem = error
    what = f"port {port}" if port is not None else f"a port from {PORT} to {PORT + TRIED - 1}"
    reason = getattr(problem, "strerror", None) or problem
    raise OSError(f"cannot listen on {host}, {what}: {reason}; choose another --port, such as 0 for any free one")


def _middleware(host: str) -> list[Any]:
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from siren_sr.demo.headers import Headers

    layers = [Middleware(Headers, policy=POLICY)]
    if is_local(host):
        # Another site, whose name was made to lead to this machine, must not reach the page.
        layers.append(Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]", host]))
    return layers
