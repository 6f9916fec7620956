"""Serves the pages on this machine's own address, until Ctrl-C."""

from __future__ import annotations

import secrets
import socket
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from selfchal.browsing.runs import find_runs
from selfchal.core.errors import SelfchalError
from selfchal.serving.asgi import serve_app
from selfchal.view.app import make_app
from selfchal.view.guard import TOKEN
from selfchal.view.library import Library

LOOPBACK = "127.0.0.1"


def serve(directories: Sequence[Path], port: int, announce: Callable[[str], None]) -> None:
    """Serve until interrupted; ``announce`` is told the address. Port 0 takes any that is free.

    Raises SelfchalError where the port cannot be had, and StoreError where a directory is missing.
    """
    find_runs(directories)
    token = secrets.token_urlsafe(24)
    with _bind(port) as listening, tempfile.TemporaryDirectory(prefix="selfchal-view-") as spare:
        library = Library(directories, Path(spare))
        announce(f"http://{LOOPBACK}:{listening.getsockname()[1]}/?{TOKEN}={token}")
        try:
            serve_app(make_app(library, token), listening)
        finally:
            library.close()


def _bind(port: int) -> socket.socket:
    # The protocol is named, for asyncio turns Nagle's algorithm off only then: it costs 40 ms a page.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
        listening.listen()  # whoever opens the address before the server runs waits, and is not refused
    except OSError as error:
        listening.close()
        raise SelfchalError(
            f"port {port} of this machine cannot be used: {error.strerror}; choose another with --port"
        ) from error
    return listening
