"""An OpenEnv server as an environment: its tools, its held-out tasks, and its rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, Field, field_validator

from selfchal.builtin_envs.mcp.config import READ_ONLY, RESTART, StateSpec
from selfchal.builtin_envs.mcp.configuration import ServerEntry
from selfchal.builtin_envs.mcp.connection import Connection
from selfchal.builtin_envs.mcp.server import Server
from selfchal.builtin_envs.remote.environment import RemoteConfig, RemoteEnvironment
from selfchal.builtin_envs.remote.openenv_addresses import OpenEnvAddresses
from selfchal.builtin_envs.remote.openenv_connection import OpenEnvConnection
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.requirement import Requirement
from selfchal.core.world import Json


class OpenEnvConfig(RemoteConfig):
    url: str = Field(description="where the server is: http://127.0.0.1:8000")
    state: StateSpec | Literal["read_only"] | None = Field(
        None,
        description="{tool: NAME, arguments: {…}} that shows the state, or read_only where nothing changes. "
        "Without it the state cannot be seen, and the judge leaves out the checks that need it",
    )
    answer_tool: str | None = Field(
        None,
        description="the tool that takes the final answer, by its only parameter; agents do not see it. "
        "Default: submit_answer or end_episode where the server has one of them, as ours have",
    )
    sessions: int = Field(1, ge=1, le=64, description="how many sessions of the server are used side by side")

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("write an address that begins with http:// or https://")
        return url.rstrip("/")

    @field_validator("state")
    @classmethod
    def _check_state(cls, state: StateSpec | str | None) -> StateSpec | str | None:
        if isinstance(state, StateSpec) and state.tool is None:
            raise ValueError("a server elsewhere has no file or directory here; name a tool")
        return state


_ANSWER_TOOLS = ("submit_answer", "end_episode")  # those of `selfchal env serve --openenv`


class OpenEnv(RemoteEnvironment):
    """The tools of an OpenEnv server, and its held-out tasks with their rewards."""

    name: ClassVar[str] = "openenv"
    Config: ClassVar[type[BaseModel]] = OpenEnvConfig
    requires: ClassVar[tuple[Requirement, ...]] = (Requirement("websockets", "selfchal[openenv]"),)

    @classmethod
    def find_unreachable(cls, config: OpenEnvConfig) -> str:
        try:
            OpenEnvAddresses(config.url).find_action()
        except EnvironmentDataError as error:
            return str(error)
        return ""

    def __init__(self, config: OpenEnvConfig) -> None:
        """Open a session. Raises EnvironmentDataError where there is no server."""
        addresses = OpenEnvAddresses(config.url)
        action = addresses.find_action()

        def reach(entry: ServerEntry, folder: Path, timeout: float) -> Connection:
            return OpenEnvConnection(entry.url, timeout, action)

        entry = ServerEntry(config.url, url=config.url)
        server = Server(
            entry,
            config.state,
            None if config.state == READ_ONLY else RESTART,
            config.timeout,
            config.sessions,
            reach,
        )
        try:
            self._answer_tool = _find_answer_tool(config.answer_tool, server)
            tasks, policy = addresses.list_tasks(), addresses.read_policy()
            self._prepare(config, server, tasks, policy, seen=config.state is not None)
        except BaseException:
            server.close()
            raise

    @property
    def hidden_tools(self) -> tuple[str, ...]:
        return (self._answer_tool[0],) if self._answer_tool else ()

    def _make_last_call(self, answer: str | None) -> tuple[str, Mapping[str, Json]] | None:
        if self._answer_tool is None:
            return None
        tool, parameter = self._answer_tool
        return tool, {parameter: answer or ""}

    @property
    def notes(self) -> Sequence[str]:
        if any(self._tasks.values()):
            return super().notes
        return (*super().notes, "the server lists no tasks, so there are none that are held out")


def _find_answer_tool(wanted: str | None, server: Server) -> tuple[str, str] | None:
    """The tool that takes the answer, and its parameter. Raises EnvironmentDataError."""
    listed = {tool.name: list(tool.schema.get("properties", {})) for tool in server.tools}
    name = wanted or next((one for one in _ANSWER_TOOLS if one in listed), None)
    if name is None:
        return None
    if name not in listed:
        raise EnvironmentDataError(f"answer_tool: there is no tool {name!r}; there are {', '.join(listed)}")
    if len(listed[name]) != 1:
        raise EnvironmentDataError(
            f"answer_tool: {name} has {len(listed[name])} parameters, and one is needed"
        )
    return name, listed[name][0]
