"""One process of a server, with what it needs to be brought to a saved state: the connection, and the private
copy on disk. It is started when it is first needed, and again when it died."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from selfchal.builtin_envs.mcp.background import background
from selfchal.builtin_envs.mcp.configuration import ServerEntry
from selfchal.builtin_envs.mcp.connect import Reach, connect
from selfchal.builtin_envs.mcp.connection import Answer, Connection
from selfchal.builtin_envs.mcp.disk import PrivateCopy
from selfchal.builtin_envs.mcp.snapshot import Snapshot
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Json


@dataclass
class LiveServer:
    """Whoever holds ``lock`` may call it.

    ``adapt`` gives the entry with private paths for a folder, ``pending`` is what shall lie there when it is
    started. ``current`` is the state that it is in, None where nobody knows. ``session`` is the value of the
    argument that separates states, where there is one. ``paths`` are the private path of its state and the
    user's own: callers see and give the latter, whatever process answers. ``reach`` starts it, or connects.
    """

    entry: ServerEntry
    timeout: float
    adapt: Callable[[ServerEntry, Path], ServerEntry] = lambda entry, folder: entry
    copy: PrivateCopy | None = None
    pending: Mapping[str, bytes] | None = None
    current: Snapshot | None = None
    session: Mapping[str, Json] = field(default_factory=dict)
    paths: tuple[str, str] = ("", "")
    starts: int = 0
    closed: bool = False
    reach: Reach = connect
    lock: threading.Lock = field(default_factory=threading.Lock)
    _connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        """Raises EnvironmentDataError where the server does not start, or is closed."""
        if self.closed:
            raise EnvironmentDataError(
                f"the server {self.entry.name} is closed, as its environment is; open the environment again"
            )
        if self._connection is None:
            folder = background().make_folder()
            entry = self.adapt(self.entry, folder)
            self._connection = self.reach(entry, folder, self.timeout)
            self.starts += 1
        return self._connection

    @property
    def running(self) -> bool:
        return self._connection is not None

    def call(self, tool: str, arguments: Mapping[str, Json]) -> Answer:
        """Raises ServerDiedError, ServerTimeoutError, and EnvironmentDataError where it does not start."""
        connection = self.connection  # which sets the paths where it starts the server
        private, own = self.paths
        given = make_private({**arguments, **self.session}, own, private)
        answer = connection.call(tool, given)
        return replace(answer, value=_substitute(answer.value, private, own))

    def close(self) -> None:
        """End the process for good. Whoever is in a call sees it end."""
        self.closed = True
        running = self._connection
        if running is not None:
            running.kill()
        with self.lock:
            self.stop()

    def stop(self) -> None:
        """End the process; what it kept in memory is gone. The next call starts another."""
        if self._connection is not None:
            self._connection.kill()
            self._connection.close()
        self._connection = None
        self.current = None


def make_private(value: Json, own: str, private: str) -> Json:
    """Arguments in which the user's path stands become those for the private copy: texts that are a path, not
    those that mention one, since they may be written into the state."""
    if isinstance(value, str):
        inside = own and (value == own or value.startswith(f"{own.rstrip('/')}/"))
        return private + value[len(own.rstrip("/")) :] if inside else value
    if isinstance(value, list):
        return [make_private(inner, own, private) for inner in value]
    if isinstance(value, dict):
        return {name: make_private(inner, own, private) for name, inner in value.items()}
    return value


def _substitute(value: Json, path: str, other: str) -> Json:
    """The value with another path in the place of this one, in all of its texts."""
    if not path:
        return value
    if isinstance(value, str):
        return value.replace(path, other)
    if isinstance(value, list):
        return [_substitute(inner, path, other) for inner in value]
    if isinstance(value, dict):
        return {name.replace(path, other): _substitute(inner, path, other) for name, inner in value.items()}
    return value
