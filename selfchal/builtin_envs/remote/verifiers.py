"""A verifiers package as an environment: its tools, its tasks, and the rewards of its own rubric.

The package is never imported here: a Python that has it runs ``programs/verifiers_tasks.py``.
"""

from __future__ import annotations

import re
import sys
from functools import partial
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, Field, field_validator

from selfchal.builtin_envs.mcp.configuration import ServerEntry
from selfchal.builtin_envs.remote.environment import RemoteConfig, RemoteEnvironment
from selfchal.builtin_envs.remote.line_connection import LineConnection, open_line_server
from selfchal.builtin_envs.remote.line_program import PROGRAMS, LineProgram

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
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


def _reach(config: VerifiersConfig, folder: Path) -> LineConnection:
    """Load the package in a process. Raises EnvironmentDataError where it cannot be played."""
    where = [str(config.path.expanduser().resolve())] if config.path else []
    python = str(config.python.expanduser()) if config.python else sys.executable
    command = [python, "-I", str(_PROGRAM), config.package, str(config.tasks), *where]
    program = LineProgram(command, folder, config.network)
    package = f"the package {config.package}"
    return LineConnection(package, program, config.timeout, partial(_explain_refusal, config))


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
        entry = ServerEntry(config.package)
        server, first = open_line_server(entry, None, config, config.processes, partial(_reach, config))
        try:
            self._prepare(config, server, {"test": first.tasks}, first.policy, seen=False)
        except BaseException:
            server.close()
            raise


def _explain_refusal(config: VerifiersConfig, why: str) -> str:
    cure = "" if config.network else "; a package that loads its tasks from elsewhere needs network: true"
    if "No module named 'verifiers" in why:
        cure = "; write python: PATH of one that has verifiers 0.4 and the package"
    return f"the package {config.package} cannot be played: {why[:500]}{cure}"
