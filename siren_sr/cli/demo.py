"""``siren-sr demo``: try the library on a page in the browser."""

from __future__ import annotations

import argparse
from typing import Any

from siren_sr.cli.arguments import command
from siren_sr.cli.screen import say, show
from siren_sr.demo.limits import Limits

LIMITS = Limits()


def add(commands: Any) -> None:
    """Add the command."""
    p = command(commands, "demo", run, "try it on a local page in the browser", "--open")
    p.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on; the usual one is this machine alone (default: %(default)s)",
    )
    p.add_argument("--port", type=int, help="port, or 0 for any free one (default: the first free one from 7860 on)")
    p.add_argument(
        "--max-upload",
        type=float,
        default=LIMITS.upload,
        metavar="MB",
        help="largest file, in MB (default: %(default)s)",
    )
    p.add_argument(
        "--max-seconds",
        type=float,
        default=LIMITS.seconds,
        metavar="S",
        help="how long one piece of work may take (default: %(default)s)",
    )
    p.add_argument(
        "--jobs", type=int, default=LIMITS.jobs, metavar="N", help="pieces of work at once (default: %(default)s)"
    )
    p.add_argument("--open", action=argparse.BooleanOptionalAction, help="open the page in the browser")


def run(a: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from siren_sr.demo.server import Server, is_local

    with Server(host=a.host, port=a.port, limits=Limits(a.max_upload, a.max_seconds, a.jobs)) as server:
        show(server.url)
        if not is_local(a.host):
            say("whoever can reach this machine can use the page: give --host 127.0.0.1 for yourself alone", 0)
        say("press Ctrl-C to end", 0)
        if a.open:
            import webbrowser

            webbrowser.open(server.url)
        server.wait()
    return 0
