"""A package that a ``LineProgram`` plays episode after episode: opened, then called as any server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from selfchal.builtin_envs.mcp.config import StateSpec
from selfchal.builtin_envs.mcp.configuration import ServerEntry
from selfchal.builtin_envs.mcp.connection import (
    Answer,
    ListedTool,
    ServerDiedError,
    ServerTimeoutError,
    read_answer,
)
from selfchal.builtin_envs.mcp.server import Server
from selfchal.builtin_envs.remote.contract import GRADE, RESET, RemoteTask
from selfchal.builtin_envs.remote.environment import RemoteConfig
from selfchal.builtin_envs.remote.line_program import LineProgram
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Json

STATE = "::state"  # shows the state, in programs that can
_OWN = (RESET, GRADE, STATE)  # calls that are no tools
_LOAD_SECONDS = 300.0  # such a package alone takes half a minute on a cold disk


class LineConnection:
    """See selfchal.builtin_envs.mcp.connection.Connection."""

    def __init__(
        self, package: str, program: LineProgram, timeout: float, explain: Callable[[str], str]
    ) -> None:
        """Load the package. ``explain`` makes a sentence of why it refuses.

        Raises EnvironmentDataError where it cannot be played."""
        self._program, self._timeout = program, timeout
        try:
            opened = program.ask({"do": "open"}, max(_LOAD_SECONDS, timeout))
            if opened.get("ok") is False:
                raise EnvironmentDataError(explain(str(opened.get("value"))))
            self.tools = [_read_tool(tool) for tool in opened["tools"]]
            self.tasks = [_read_task(i, row) for i, row in enumerate(opened["tasks"])]
            self.policy = str(opened.get("policy") or "")
            self.opened = opened
        except BaseException as error:
            program.close()
            if isinstance(error, ServerDiedError | ServerTimeoutError | LookupError | TypeError | ValueError):
                raise EnvironmentDataError(f"{package} cannot be played: {error}") from error
            raise

    @property
    def pid(self) -> int:
        return self._program.pid

    def call(self, tool: str, arguments: Mapping[str, Json]) -> Answer:
        if tool in _OWN:
            request = {"do": tool.removeprefix("::"), **arguments}
        else:
            request = {"do": "call", "tool": tool, "arguments": dict(arguments)}
        answered = self._program.ask(request, self._timeout)
        if isinstance(answered.get("result"), dict):
            return read_answer(answered["result"])
        reward = answered.get("reward")
        known = float(reward) if isinstance(reward, int | float) else None
        return Answer(answered.get("value"), answered.get("ok") is not False, known)

    def kill(self) -> None:
        self._program.kill()

    def close(self) -> None:
        self._program.close()


def open_line_server(
    entry: ServerEntry,
    state: StateSpec | None,
    config: RemoteConfig,
    processes: int,
    reach: Callable[[Path], LineConnection],
) -> tuple[Server, LineConnection]:
    """A server whose processes ``reach`` starts, each in a folder of its own; and the first of them, which
    says what there is. Raises what ``reach`` raises."""
    first: list[LineConnection] = []

    def reach_one(entry: ServerEntry, folder: Path, timeout: float) -> LineConnection:
        connection = reach(folder)
        first[:] = first or [connection]
        return connection

    return Server(entry, state, None, config.timeout, processes, reach_one), first[0]


def _read_tool(row: Mapping[str, Json]) -> ListedTool:
    reads = True if row.get("reads") is True else None
    return ListedTool(str(row["name"]), str(row["description"]), dict(row["input_schema"]), None, reads)


def _read_task(index: int, row: Mapping[str, Json]) -> RemoteTask:
    return RemoteTask(f"{row['id']}"[:200], str(row["instruction"]), {"index": index})
