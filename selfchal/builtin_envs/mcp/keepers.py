"""How the state of a server is saved and brought back, one class for each kind of state.

A keeper belongs to a server and serves all of its processes; what is a process's own is in ``LiveServer``.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from selfchal.builtin_envs.mcp.config import RESTART, Reset, ResetSpec, State, StateSpec
from selfchal.builtin_envs.mcp.configuration import ServerEntry
from selfchal.builtin_envs.mcp.connection import Answer, suggest
from selfchal.builtin_envs.mcp.disk import Content, PrivateCopy, load, snapshot_of
from selfchal.builtin_envs.mcp.live import LiveServer
from selfchal.builtin_envs.mcp.snapshot import Snapshot, make_snapshot, sha256_of
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Json

_NOTHING = make_snapshot("", None, None)


@dataclass(frozen=True)
class Made:
    """A call that was made and answered. ``reads``: its tool is known to only read."""

    tool: str
    arguments: Mapping[str, Json]
    ok: bool
    reads: bool


class StateKeeper(Protocol):
    """Saves and restores. Both may raise ServerDiedError and ServerTimeoutError."""

    def make(self, entry: ServerEntry, timeout: float) -> LiveServer:
        """A process, not started yet."""

    def start(self, live: LiveServer) -> Snapshot:
        """The state that every world begins with. Raises EnvironmentDataError where it cannot be had."""

    def restore(self, live: LiveServer, wanted: Snapshot) -> None:
        """Bring the server to this state, whatever it is in."""

    def save(self, live: LiveServer, before: Snapshot, made: Made) -> Snapshot:
        """The state after this call, which was made on the state before it."""


def make_keeper(entry: ServerEntry, state: State | None, reset: Reset | None) -> StateKeeper:
    """The keeper of what is declared; ``entry`` has its variables filled in."""
    if state is None:
        return KeptInside(None, {}, reset)
    if not isinstance(state, StateSpec):
        return NothingKept()
    if state.path is not None:
        return KeptOnDisk(state, restarts=reset == RESTART)
    assert state.tool is not None, "validation sees to it that there is a path or a tool"
    return KeptInside(state.tool, state.arguments, reset, state.ignore)


@dataclass(frozen=True)
class NothingKept:
    """A server that only reads: every world is in the one state that there is."""

    def make(self, entry: ServerEntry, timeout: float) -> LiveServer:
        return LiveServer(entry, timeout)

    def start(self, live: LiveServer) -> Snapshot:
        return _NOTHING

    def restore(self, live: LiveServer, wanted: Snapshot) -> None:
        live.current = wanted

    def save(self, live: LiveServer, before: Snapshot, made: Made) -> Snapshot:
        return before


@dataclass(frozen=True)
class KeptOnDisk:
    """A file or a directory, of which each process has a private copy. ``restarts``: the server reads it only
    when it starts, so it is started anew for every other state."""

    state: StateSpec
    restarts: bool

    @property
    def is_file(self) -> bool:
        return self.state.file is not None

    @property
    def name(self) -> str:
        return Path(str(self.state.path)).name

    def make(self, entry: ServerEntry, timeout: float) -> LiveServer:
        live = LiveServer(entry, timeout)

        def adapt(entry: ServerEntry, folder: Path) -> ServerEntry:
            """The entry with the private path, at which the state is put first."""
            path = folder / "state" / self.name
            path.parent.mkdir() if self.is_file else path.mkdir(parents=True)
            copy = PrivateCopy(path, self.is_file)
            copy.write(live.pending if live.pending is not None else self._load())
            live.copy, live.paths = copy, (str(path), str(self.state.path))
            return entry.substituted(str(self.state.path), str(path))

        live.adapt = adapt
        return live

    def start(self, live: LiveServer) -> Snapshot:
        live.pending = self._load()
        live.current = self._snapshot(live.pending)
        return live.current

    def restore(self, live: LiveServer, wanted: Snapshot) -> None:
        if live.current is not None and live.current.key == wanted.key and live.running:
            return
        if self.restarts or not live.running:
            live.stop()
            live.pending = wanted.content
            assert live.connection is not None, "asking for the connection starts the server"
        else:
            assert live.copy is not None, "a process that runs has its copy"
            live.copy.write(wanted.content)
        live.current = wanted

    def save(self, live: LiveServer, before: Snapshot, made: Made) -> Snapshot:
        assert live.copy is not None, "a process that answered has its copy"
        content = live.copy.read()
        return before if content == before.content else self._snapshot(content)

    def _load(self) -> Content:
        return load(Path(str(self.state.path)).expanduser(), self.is_file)

    def _snapshot(self, content: Content) -> Snapshot:
        return snapshot_of(content, self.name, self.is_file, self.state.ignore)


_Log = tuple[tuple[str, Mapping[str, Json]], ...]  # the calls since the start


@dataclass(frozen=True)
class KeptInside:
    """A state inside the server, which one of its tools shows. It is brought back by a reset, and by making
    the calls again that led there. Where no tool shows it, these calls are all that is seen of it; without a
    reset the first of them begins everything anew."""

    tool: str | None
    arguments: Mapping[str, Json]
    reset: Reset | None
    ignore: tuple[str, ...] = ()

    def make(self, entry: ServerEntry, timeout: float) -> LiveServer:
        return LiveServer(entry, timeout)

    def start(self, live: LiveServer) -> Snapshot:
        self._check_tools(live)
        self._reset(live)
        answer = self._look(live, ())
        if not answer.ok:
            raise EnvironmentDataError(
                f"server {live.entry.name!r}: the tool {self.tool} does not show its state: {answer.value}"
            )
        start = self._snapshot((), answer.value)
        live.current = start
        return start

    def restore(self, live: LiveServer, wanted: Snapshot) -> None:
        calls: _Log = wanted.content
        if live.current is not None and live.running:
            made: _Log = live.current.content
            if calls[: len(made)] == made:
                self._replay(live, calls[len(made) :])
                live.current = wanted
                return
        self._reset(live)
        self._replay(live, calls)
        live.current = wanted

    def save(self, live: LiveServer, before: Snapshot, made: Made) -> Snapshot:
        """What was called successfully may have changed more than is seen, so it will be made again."""
        if made.reads or (self.tool is None and not made.ok):
            return before
        calls = (*before.content, (made.tool, made.arguments))
        after = self._snapshot(calls, self._look(live, calls).value)
        return after if made.ok or after.digest != before.digest else before

    def _check_tools(self, live: LiveServer) -> None:
        """Raises EnvironmentDataError where the server has no tool of a name that is declared."""
        listed = [tool.name for tool in live.connection.tools]
        resets = self.reset.tool if isinstance(self.reset, ResetSpec) else None
        for section, name in (("state", self.tool), ("reset", resets)):
            if name is not None and name not in listed:
                raise EnvironmentDataError(
                    f"{section}: server {live.entry.name!r} has no tool {name!r}; {suggest(name, listed)}"
                )

    def _look(self, live: LiveServer, calls: _Log) -> Answer:
        if self.tool is None:
            return Answer([[tool, dict(arguments)] for tool, arguments in calls])
        return live.call(self.tool, self.arguments)

    def _replay(self, live: LiveServer, calls: _Log) -> None:
        live.current = None
        for tool, arguments in calls:
            live.call(tool, arguments)

    def _reset(self, live: LiveServer) -> None:
        live.current = None
        if self.reset is None:
            return
        if not isinstance(self.reset, ResetSpec):
            live.stop()
        elif self.reset.argument is not None:
            live.session = {self.reset.argument: uuid.uuid4().hex}
        else:
            assert self.reset.tool is not None, "a reset has a tool or an argument"
            answer = live.call(self.reset.tool, self.reset.arguments)
            if not answer.ok:
                raise EnvironmentDataError(
                    f"server {live.entry.name!r}: its reset {self.reset.tool} fails: {answer.value}"
                )

    def _snapshot(self, calls: _Log, view: Json) -> Snapshot:
        key = sha256_of([[tool, dict(arguments)] for tool, arguments in calls])
        return make_snapshot(key, view, calls, self.ignore)
