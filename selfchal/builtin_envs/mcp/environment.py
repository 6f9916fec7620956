"""The environment: the declared servers of an mcpServers JSON, their tools, and worlds over their state."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from selfchal.builtin_envs.mcp.config import McpConfig
from selfchal.builtin_envs.mcp.held_out import grade, read_held_out, write_oracle
from selfchal.builtin_envs.mcp.inspecting import Inspected, inspect_file
from selfchal.builtin_envs.mcp.opening import open_servers, release_servers
from selfchal.builtin_envs.mcp.world import McpWorld
from selfchal.core.environment import Chat, User
from selfchal.core.requirement import Requirement
from selfchal.core.task import TestTask
from selfchal.core.world import Json, ToolSpec, World

TEST = "test"


class Mcp:
    """The tools of your own MCP servers, over private copies of what they keep.

    Environments of one config share the servers, which run until the last of them is closed, or this Python
    ends.
    """

    name: ClassVar[str] = "mcp"
    Config: ClassVar[type[BaseModel]] = McpConfig
    requires: ClassVar[tuple[Requirement, ...]] = (Requirement("mcp", "selfchal[mcp]"),)

    @classmethod
    def asks_model(cls, config: McpConfig) -> bool:
        return False

    def __init__(self, config: McpConfig) -> None:
        """Start the declared servers and try their tools on private copies. Raises EnvironmentDataError."""
        self._policy = config.policy
        self._opened = open_servers(config)
        self._closed = False
        self._start = {name: server.start for name, server in self._opened.servers.servers.items()}
        path = config.test_tasks
        try:
            self._test_tasks = read_held_out(path, lambda: self.open({})) if path else ()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the servers, unless another environment uses them too."""
        if not self._closed:
            self._closed = True
            release_servers(self._opened)

    @staticmethod
    def inspect(path: Path, tries: Collection[str], contacts: Collection[str]) -> Sequence[Inspected]:
        """What each server of an mcpServers JSON could be declared as; for ``selfchal mcp inspect``."""
        return inspect_file(path, tries, contacts)

    @property
    def notes(self) -> Sequence[str]:
        """What is not offered, and why: servers, and tools."""
        return self._opened.notes

    @property
    def tools(self) -> Sequence[ToolSpec]:
        return [tool.spec for tool in self._opened.servers.tools.values()]

    @property
    def policy(self) -> str:
        return self._policy

    @property
    def answer_required(self) -> bool:
        return True

    def open(self, context: Mapping[str, Json]) -> McpWorld:
        """All worlds begin alike, whatever the context."""
        return McpWorld(self._opened.servers, self._start)

    def initial_observation(self, context: Mapping[str, Json]) -> str:
        return ""

    def exploration_context(self, seed: int) -> dict[str, Json]:
        return {}

    def redact(self, instruction: str, context: Mapping[str, Json]) -> str:
        return instruction

    def splits(self) -> Sequence[str]:
        return (TEST,)

    def test_tasks(self, split: str) -> Sequence[TestTask]:
        return self._test_tasks if split == TEST else ()

    def grade(self, task: TestTask, world: World, answer: str | None, replies: Sequence[str]) -> bool:
        return grade(task, world, answer)

    def oracle(self, task: TestTask) -> Sequence[str]:
        return write_oracle(task)

    def user(self, instruction: str, context: Mapping[str, Json], chat: Chat | None) -> User | None:
        return None
