"""A verifiers package as an environment: its tools, its tasks, and the rewards of its own rubric.

The package is never imported here: a Python that has it runs ``programs/verifiers_tasks.py``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, Field, field_validator

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
from selfchal.builtin_envs.remote.environment import RemoteConfig, RemoteEnvironment
from selfchal.builtin_envs.remote.line_program import PROGRAMS, LineProgram
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Json

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_LOAD_SECONDS = 300.0  # verifiers alone takes half a minute on a cold disk
_PROGRAM = PROGRAMS / "verifiers_tasks.py"


class VerifiersConfig(RemoteConfig):
    package: str = Field(description="the package's module, as `vf-eval` takes it")
    python: Path | None = Field(
        None, description="a Python that has verifiers 0.4 and the package installed. Default: this one"
    )
    path: Path | None = Field(
        None, description="a folder in which the package lies, where it is not installed"
    )
    network: bool = Field(False, description="let the package use the network, to load its tasks for one")
    processes: int = Field(1, ge=1, le=64, description="how many processes play the package side by side")
    tasks: int = Field(1_000, ge=1, le=100_000, description="most tasks that are taken from the package")

    @field_validator("package")
    @classmethod
    def _check_package(cls, package: str) -> str:
        module = package.rsplit("/", 1)[-1].split("@", 1)[0].replace("-", "_")
        if not _MODULE.fullmatch(module):
            raise ValueError("write the name of a module, as gsm8k")
        return module


class VerifiersConnection:
    """See selfchal.builtin_envs.mcp.connection.Connection: a process that plays episode after episode."""

    def __init__(self, config: VerifiersConfig, folder: Path) -> None:
        """Load the package in a process. Raises EnvironmentDataError where it cannot be played."""
        where = [str(config.path.expanduser().resolve())] if config.path else []
        python = str(config.python.expanduser()) if config.python else sys.executable
        command = [python, "-I", str(_PROGRAM), config.package, str(config.tasks)]
        self._timeout = config.timeout
        self._program = LineProgram([*command, *where], folder, config.network)
        try:
            opened = self._program.ask({"do": "open"}, max(_LOAD_SECONDS, config.timeout))
            if opened.get("ok") is False:
                raise EnvironmentDataError(_explain_refusal(config, str(opened.get("value"))))
            self.tools = [_read_tool(tool) for tool in opened["tools"]]
            self.tasks = [_read_task(i, row) for i, row in enumerate(opened["tasks"])]
            self.policy = str(opened["tasks"][0].get("policy", ""))
        except BaseException as error:
            self._program.close()
            if isinstance(error, ServerDiedError | ServerTimeoutError | LookupError | TypeError | ValueError):
                raise EnvironmentDataError(
                    f"the package {config.package} cannot be played: {error}"
                ) from error
            raise

    @property
    def pid(self) -> int:
        return self._program.pid

    def call(self, tool: str, arguments: Mapping[str, Json]) -> Answer:
        if tool in (RESET, GRADE):
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


class Verifiers(RemoteEnvironment):
    """The tools and tasks of a verifiers package, in a process of its own."""

    name: ClassVar[str] = "verifiers"
    Config: ClassVar[type[BaseModel]] = VerifiersConfig

    @classmethod
    def find_obstacle(cls, config: VerifiersConfig) -> str:
        for option, path in (("python", config.python), ("path", config.path)):
            if path is not None and not path.expanduser().exists():
                return f"environment.{option}: there is no {path}"
        return ""

    def __init__(self, config: VerifiersConfig) -> None:
        """Load the package. Raises EnvironmentDataError where it cannot be played, with what it needs."""
        first: list[VerifiersConnection] = []

        def reach(entry: ServerEntry, folder: Path, timeout: float) -> VerifiersConnection:
            first[:] = [VerifiersConnection(config, folder)]
            return first[0]

        server = Server(ServerEntry(config.package), None, None, config.timeout, config.processes, reach)
        try:
            self._prepare(config, server, {"test": first[0].tasks}, first[0].policy, seen=False)
        except BaseException:
            server.close()
            raise


def _explain_refusal(config: VerifiersConfig, why: str) -> str:
    cure = "" if config.network else "; a package that loads its tasks from elsewhere needs network: true"
    if "No module named 'verifiers" in why:
        cure = "; write python: PATH of one that has verifiers 0.4 and the package"
    return f"the package {config.package} cannot be played: {why[:500]}{cure}"


def _read_tool(row: Mapping[str, Json]) -> ListedTool:
    return ListedTool(str(row["name"]), str(row["description"]), dict(row["input_schema"]), None, None)


def _read_task(index: int, row: Mapping[str, Json]) -> RemoteTask:
    return RemoteTask(f"{row['id']}"[:200], str(row["instruction"]), {"index": index})
