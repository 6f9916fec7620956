"""A world of another program: the state that its calls have led to, and what the episode has earned."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from selfchal.builtin_envs.mcp.schemas import OfferedTool
from selfchal.builtin_envs.mcp.server import Server
from selfchal.builtin_envs.mcp.snapshot import Snapshot, find_changes, sha256_of
from selfchal.builtin_envs.mcp.world import find_unsendable
from selfchal.builtin_envs.toolset import refused, shown
from selfchal.core.errors import SandboxError
from selfchal.core.world import Change, Json, ToolResult


class RemoteWorld:
    """Forking and resetting it are assignments; the other program is brought to a state when it is asked."""

    def __init__(
        self, server: Server, tools: Mapping[str, OfferedTool], start: Snapshot, repeats: bool
    ) -> None:
        """``repeats``: a tool that was seen to answer the same call differently is refused from then on."""
        self._repeats = repeats
        self._server, self._tools, self._start = server, tools, start
        self._state = start
        self._ended = False
        self._reward: float | None = None

    @property
    def tool_names(self) -> Sequence[str]:
        return tuple(self._tools)

    @property
    def ended(self) -> bool:
        return self._ended

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        """Raises EnvironmentDataError where the other program cannot be reached again."""
        tool = self._tools.get(name)
        if tool is None:
            return refused(f"there is no tool {name!r}; the tools are {', '.join(self._tools)}")
        arguments = tool.bind(args, kwargs)
        if isinstance(arguments, str):
            return refused(arguments)
        if fault := find_unsendable(arguments):
            return refused(f"{name}: {fault}")
        answer, after = self._server.call(
            self._state, tool.listed.name, arguments, reads=not tool.spec.writes
        )
        how = self._server.recordings.unstable.get(tool.listed.name) if self._repeats else None
        if how is not None:
            return refused(f"{name} cannot be used, because its answers cannot be relied on: {how}")
        if not tool.spec.writes and after.digest != self._state.digest:
            return refused(f"{name} is listed as a tool that only reads, and would have changed the state")
        self._state = after
        self._ended = self._ended or answer.done
        self._reward = self._reward if answer.reward is None else answer.reward
        if answer.ok:
            return ToolResult(answer.value)
        return refused(answer.value if isinstance(answer.value, str) else json.dumps(answer.value))

    def earn(self, last: tuple[str, Mapping[str, Json]] | None) -> float:
        """The reward of the episode as it stands, after a last call where its contract asks for one.

        Raises SandboxError where the other program fails.
        """
        if last is None or self._ended:
            return self._reward or 0.0
        answer = self._server.make(self._state, *last).answer
        if not answer.ok:
            raise SandboxError(f"{self._server.name} cannot say what an episode is worth: {answer.value}")
        return answer.reward or 0.0

    def show(self, result: ToolResult) -> str:
        return shown(result)

    def digest(self) -> str:
        return self._state.digest

    def canonical_sha256(self) -> str:
        return sha256_of(self._state.view)

    def difference(self) -> tuple[Change, ...]:
        return tuple(find_changes(self._start.view, self._state.view))

    def fork(self) -> RemoteWorld:
        twin = RemoteWorld(self._server, self._tools, self._start, self._repeats)
        twin._state, twin._ended, twin._reward = self._state, self._ended, self._reward
        return twin

    def reset(self) -> None:
        self._state, self._ended, self._reward = self._start, False, None
