"""Starts a server, or reaches it by its address."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from selfchal.builtin_envs.mcp.configuration import ServerEntry
from selfchal.builtin_envs.mcp.connection import Connection
from selfchal.builtin_envs.mcp.pipes import PipeConnection
from selfchal.builtin_envs.mcp.streamable_http import HttpConnection

Reach = Callable[[ServerEntry, Path, float], Connection]  # raises EnvironmentDataError


def connect(entry: ServerEntry, folder: Path, timeout: float) -> Connection:
    """Raises EnvironmentDataError where the server does not come up.

    ``entry`` has its variables filled in; ``folder`` is the server's own, and is removed at its end.
    """
    if entry.url:
        return HttpConnection(entry, timeout)
    return PipeConnection(entry, folder, timeout)
