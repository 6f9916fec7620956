"""A world: one saved state for each server, and the saved state that each began with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selfchal.builtin_envs.mcp.connection import Answer
from selfchal.builtin_envs.mcp.schemas import OfferedTool
from selfchal.builtin_envs.mcp.server import Server
from selfchal.builtin_envs.mcp.snapshot import Snapshot, find_changes, sha256_of
from selfchal.builtin_envs.toolset import refused, shown
from selfchal.core.world import Change, Json, ToolResult


@dataclass(frozen=True)
class Servers:
    """What all worlds of an environment share: the servers, and the tools by the names that agents use."""

    servers: Mapping[str, Server]
    tools: Mapping[str, OfferedTool]

    def call(
        self, states: Mapping[str, Snapshot], name: str, args: Sequence[Json], kwargs: Mapping[str, Json]
    ) -> tuple[ToolResult, str, Snapshot | None]:
        """The result, the server that was asked, and its state afterwards (None: as before)."""
        tool = self.tools.get(name)
        if tool is None:
            return refused(f"there is no tool {name!r}; the tools are {', '.join(self.tools)}"), "", None
        arguments = tool.bind(args, kwargs)
        if isinstance(arguments, str):
            return refused(arguments), "", None
        if fault := find_unsendable(arguments):
            return refused(f"{name}: {fault}"), "", None
        server, before = self.servers[tool.server], states[tool.server]
        answer, after = server.call(before, tool.listed.name, arguments, reads=not tool.spec.writes)
        if how := server.recordings.unstable.get(tool.listed.name):
            return refused(f"{name} cannot be used, because its answers cannot be relied on: {how}"), "", None
        if not tool.spec.writes and after.digest != before.digest:
            wrote = f"{name} is listed as a tool that only reads, and would have changed the state"
            return refused(wrote), "", None
        return _make_result(answer), tool.server, after


class McpWorld:
    """Forking and resetting it are assignments: a saved state never changes."""

    def __init__(self, servers: Servers, start: Mapping[str, Snapshot]) -> None:
        self._servers, self._start = servers, start
        self._states = dict(start)

    @property
    def tool_names(self) -> Sequence[str]:
        return tuple(self._servers.tools)

    @property
    def ended(self) -> bool:
        """No tool of a server ends an episode."""
        return False

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        """Raises EnvironmentDataError where a server does not start again, whatever is called."""
        result, server, after = self._servers.call(self._states, name, args, kwargs)
        if after is not None:
            self._states[server] = after
        return result

    def show(self, result: ToolResult) -> str:
        return shown(result)

    def digest(self) -> str:
        return "-".join(state.digest for state in self._states.values())

    def canonical_sha256(self) -> str:
        return sha256_of(self._view(self._states))

    def difference(self) -> tuple[Change, ...]:
        return tuple(find_changes(self._view(self._start), self._view(self._states)))

    def fork(self) -> McpWorld:
        twin = McpWorld(self._servers, self._start)
        twin._states = dict(self._states)
        return twin

    def reset(self) -> None:
        self._states = dict(self._start)

    def _view(self, states: Mapping[str, Snapshot]) -> Json:
        """What is seen of all servers; of a single one without its name."""
        views = {name: state.view for name, state in states.items()}
        return next(iter(views.values())) if len(views) == 1 else views


def _make_result(answer: Answer) -> ToolResult:
    return ToolResult(answer.value) if answer.ok else refused(_as_text(answer.value))


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def find_unsendable(arguments: Mapping[str, Json]) -> str | None:
    """Why the arguments cannot be sent as JSON text; None where they can."""
    try:
        json.dumps(arguments, allow_nan=False, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return "a text in its arguments has half of a surrogate pair, which no text may have"
    except (TypeError, ValueError, RecursionError) as error:
        return f"its arguments are not JSON: {error}"
    return None
