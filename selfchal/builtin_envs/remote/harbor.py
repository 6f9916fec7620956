"""Harbor task directories as an environment: one tool, commands in a container, and the task's verifier."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, Field

from selfchal.builtin_envs.mcp.configuration import ServerEntry
from selfchal.builtin_envs.mcp.connection import Answer, ListedTool, ServerDiedError, ServerTimeoutError
from selfchal.builtin_envs.mcp.server import Server
from selfchal.builtin_envs.remote.contract import GRADE, RESET, RemoteTask
from selfchal.builtin_envs.remote.environment import RemoteConfig, RemoteEnvironment
from selfchal.core.errors import EnvironmentDataError, SandboxUnavailableError
from selfchal.core.requirement import Requirement
from selfchal.core.world import Json
from selfchal.strangers.containers import BuildError, ContainerEngine, TaskContainer, open_engine
from selfchal.strangers.harbor_tasks import (
    Texts,
    explain_not_run,
    list_task_folders,
    read_context,
    read_texts,
    run_verifier,
)

_TOOL = ListedTool(
    "run_command",
    "Run a shell command in your container. Gives its exit code and its output.",
    {
        "type": "object",
        "properties": {"command": {"type": "string", "description": "What `sh -c` runs."}},
        "required": ["command"],
    },
    None,
    None,
)


class HarborConfig(RemoteConfig):
    tasks: Path = Field(description="a task's directory (with task.toml), or one with such directories in it")
    network: bool = Field(False, description="give image builds and containers a network, to strangers")
    containers: int = Field(
        4, ge=1, le=64, description="how many are kept open: as many episodes go on without beginning anew"
    )


class HarborConnection:
    """See selfchal.builtin_envs.mcp.connection.Connection. Each episode has a container of its own."""

    def __init__(self, tasks: Mapping[int, tuple[Path, Texts]], network: bool, timeout: float) -> None:
        """Raises SandboxUnavailableError where no engine answers."""
        self._tasks, self._timeout = tasks, timeout
        self._numbers = list(tasks)
        self.tools = [_TOOL]
        self._opened = ExitStack()
        self._engine: ContainerEngine = self._opened.enter_context(open_engine(network))
        self._images: dict[int, str] = {}
        self._episode = ExitStack()
        self._container: TaskContainer | None = None
        self._texts: Texts = {}

    @property
    def pid(self) -> int | None:
        return None

    def call(self, tool: str, arguments: Mapping[str, Json]) -> Answer:
        """Raises ServerDiedError where the engine fails, ServerTimeoutError."""
        from docker.errors import DockerException

        try:
            if tool == RESET:
                return self._reset(arguments)
            if self._container is None:
                raise ServerDiedError("no episode has begun")
            if tool == GRADE:
                reward = run_verifier(self._container, self._texts)
                return (
                    Answer("", reward=reward) if reward is not None else Answer("no reward is written", False)
                )
            return self._run(self._container, str(arguments["command"]))
        except DockerException as error:
            raise ServerDiedError(str(error)) from error

    def kill(self) -> None:
        """The container ends with ``close``; a command in it ends by its own time limit."""

    def close(self) -> None:
        self._episode.close()
        self._container = None
        self._opened.close()

    def _reset(self, context: Mapping[str, Json]) -> Answer:
        self._episode.close()
        self._container = None
        number = context.get("index", self._numbers[context.get("seed", 0) % len(self._numbers)])
        folder, self._texts = self._tasks[number]
        try:
            if number not in self._images:
                built = self._engine.build(read_context(folder), self._texts["environment/Dockerfile"] or "")
                self._images[number] = self._opened.enter_context(built)
            self._container = self._episode.enter_context(self._engine.open(self._images[number]))
        except BuildError as error:
            return Answer(str(error), ok=False)
        return Answer("")

    def _run(self, container: TaskContainer, command: str) -> Answer:
        answered = container.ask(["sh", "-c", command], self._timeout)
        if answered is None:
            raise ServerTimeoutError("the command ran too long")
        code, output = answered
        return Answer({"exit_code": code, "output": output})


class Harbor(RemoteEnvironment):
    """Harbor tasks of anybody, held out, in containers without a network."""

    name: ClassVar[str] = "harbor"
    Config: ClassVar[type[BaseModel]] = HarborConfig
    repeats: ClassVar[bool] = False  # commands show times and process ids
    requires: ClassVar[tuple[Requirement, ...]] = (Requirement("docker", "selfchal[docker]"),)

    @classmethod
    def find_obstacle(cls, config: HarborConfig) -> str:
        found = config.tasks.expanduser().is_dir()
        return "" if found else f"environment.tasks: there is no folder {config.tasks}"

    @classmethod
    def find_unreachable(cls, config: HarborConfig) -> str:
        try:
            with open_engine(config.network):
                return ""
        except SandboxUnavailableError as error:
            return str(error)

    def __init__(self, config: HarborConfig) -> None:
        """Read the tasks. Raises EnvironmentDataError where none can run, SandboxUnavailableError where no
        container engine answers."""
        folders, left_out = _read_tasks(config.tasks.expanduser())

        def reach(entry: ServerEntry, folder: Path, timeout: float) -> HarborConnection:
            return HarborConnection(folders, config.network, timeout)

        server = Server(ServerEntry(str(config.tasks)), None, None, config.timeout, config.containers, reach)
        try:
            tasks = [_describe(number, folder, texts) for number, (folder, texts) in folders.items()]
            self._prepare(config, server, {"test": tasks}, "", seen=False)
        except BaseException:
            server.close()
            raise
        self._notes += left_out
        if any("mcp_servers" in (texts.get("task.toml") or "") for _, texts in folders.values()):
            self._notes.append("the MCP servers that some of these tasks name are not offered, only commands")


def _read_tasks(root: Path) -> tuple[dict[int, tuple[Path, Texts]], list[str]]:
    """The tasks that can run by their number, and a sentence for each other. Raises EnvironmentDataError."""
    found: dict[int, tuple[Path, Texts]] = {}
    left_out = []
    try:
        for number, folder in enumerate(list_task_folders(root)):
            texts = read_texts(folder)
            why = explain_not_run(texts) or (
                "" if texts.get("instruction.md") else "it has no instruction.md"
            )
            if why:
                left_out.append(f"the task {folder.name} is left out: {why}")
            else:
                found[number] = (folder, texts)
    except OSError as error:
        raise EnvironmentDataError(f"tasks: {root} cannot be read: {error.strerror}") from error
    if not found:
        raise EnvironmentDataError(
            f"tasks: {root} holds no Harbor task that can run here. {' '.join(left_out)}"
        )
    return found, left_out


def _describe(number: int, folder: Path, texts: Texts) -> RemoteTask:
    return RemoteTask(folder.name, (texts["instruction.md"] or "").strip(), {"index": number})
