"""A domain of tau2-bench as an environment: its tools, its tasks, and its own rewards.

tau2 is never imported here: a Python that has it runs ``programs/tau2_domain.py``. Retail and airline need
none of this: our environments of these names have ``profile: tau2``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, Field, field_validator

from selfchal.builtin_envs.mcp.config import StateSpec
from selfchal.builtin_envs.mcp.configuration import ServerEntry
from selfchal.builtin_envs.remote.environment import RemoteConfig, RemoteEnvironment
from selfchal.builtin_envs.remote.line_connection import STATE, LineConnection, open_line_server
from selfchal.builtin_envs.remote.line_program import PROGRAMS, LineProgram

_DOMAIN = re.compile(r"[\w-]+")
_PROGRAM = PROGRAMS / "tau2_domain.py"


class Tau2Config(RemoteConfig):
    domain: str = Field(description="the domain, as tau2 calls it: telecom")
    python: Path | None = Field(None, description="a Python that has tau2 installed. Default: this one")
    tasks: Path | None = Field(
        None, description="a tasks.json that takes the place of the domain's own tasks"
    )
    most_tasks: int = Field(1_000, ge=1, le=100_000, description="most tasks that are taken")
    processes: int = Field(1, ge=1, le=64, description="how many processes play the domain side by side")

    @field_validator("domain")
    @classmethod
    def _check_domain(cls, domain: str) -> str:
        if not _DOMAIN.fullmatch(domain):
            raise ValueError("write the name of a domain, as telecom")
        return domain


class Tau2(RemoteEnvironment):
    """A domain of tau2-bench in a process of its own, without a network; the agent acts for its user too."""

    name: ClassVar[str] = "tau2"
    Config: ClassVar[type[BaseModel]] = Tau2Config

    @classmethod
    def find_obstacle(cls, config: Tau2Config) -> str:
        for option, path in (("python", config.python), ("tasks", config.tasks)):
            if path is not None and not path.expanduser().exists():
                return f"environment.{option}: there is no {path}"
        return ""

    def __init__(self, config: Tau2Config) -> None:
        """Load the domain. Raises EnvironmentDataError where it cannot be played, with what it needs."""
        state, entry = StateSpec(tool=STATE), ServerEntry(f"tau2 {config.domain}")
        server, first = open_line_server(entry, state, config, config.processes, partial(_reach, config))
        try:
            opened = first.opened
            self._solo = opened.get("solo") is True
            self._unjudged = [row["id"] for row in opened["tasks"] if row.get("unjudged")]
            told = [task for task in first.tasks if task.id not in self._unjudged]
            self._prepare(config, server, {"test": told}, first.policy, seen=True)
        except BaseException:
            server.close()
            raise

    @property
    def hidden_tools(self) -> tuple[str, ...]:
        return (STATE,)

    @property
    def notes(self) -> Sequence[str]:
        notes = [*super().notes]
        if self._solo:
            notes.append("the agent plays alone and has the user's tools too, as in tau2's solo mode")
        if self._unjudged:
            notes.append(
                f"{len(self._unjudged)} tasks are left out, since a model's opinion is part of their reward: "
                f"{', '.join(self._unjudged)[:200]}"
            )
        return notes


def _reach(config: Tau2Config, folder: Path) -> LineConnection:
    """Load the domain in a process. Raises EnvironmentDataError where it cannot be played."""
    tasks = [str(config.tasks.expanduser().resolve())] if config.tasks else []
    python = str(config.python.expanduser()) if config.python else sys.executable
    command = [python, "-I", str(_PROGRAM), config.domain, str(config.most_tasks), *tasks]
    program = LineProgram(command, folder, network=False)
    explain = partial(_explain_refusal, config)
    return LineConnection(f"the domain {config.domain}", program, config.timeout, explain)


def _explain_refusal(config: Tau2Config, why: str) -> str:
    cure = "; write python: PATH of one that has tau2" if "No module named 'tau2" in why else ""
    return f"the domain {config.domain} cannot be played: {why[:500]}{cure}"
