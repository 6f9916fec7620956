"""The environment behind retail and airline: a database, a toolset, tasks with ground-truth calls.

The reward is tau-bench's: the final state must equal the state after the ground-truth calls (those that
fail are part of it), and every required output must have been said to the user.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from selfchal.builtin_envs.service.goals import RawTask
from selfchal.builtin_envs.service.sources import Domain, source
from selfchal.builtin_envs.tables.world import TableWorld
from selfchal.core.environment import Chat, User
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.task import TestTask
from selfchal.core.world import Json, ToolSpec
from selfchal.simulated_users.model_user import ModelUser
from selfchal.simulated_users.scripted_user import ScriptedUser

MAX_TURNS = 12  # of an oracle: fewer than the paper's 15 steps


class ServiceConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")

    profile: Literal["fixed", "compat", "tau2"] | None = Field(
        None,
        description="How the tools behave: compat is tau-bench to the byte, fixed mends its faults, tau2 is "
        "tau2-bench (needs its data). Default: fixed in our own world, compat where data is given.",
    )
    data: Path | None = Field(
        None,
        description="A checkout of tau-bench (or tau2-bench), or its data as JSON. Default: our own world.",
    )
    user: Literal["scripted", "llm", "react"] = Field(
        "scripted",
        description="Who plays the user: a script that needs no model, or a model, which thinks before it "
        "speaks with react (the paper's setting).",
    )


class ServiceEnvironment:
    """See selfchal.core.environment.Environment. Subclasses only name their domain."""

    name: ClassVar[str]
    domain: ClassVar[Domain]
    Config: ClassVar[type[BaseModel]] = ServiceConfig
    answer_required = False

    @classmethod
    def asks_model(cls, config: ServiceConfig) -> bool:
        return config.user != "scripted"

    def __init__(self, config: ServiceConfig) -> None:
        self._config = config
        self._profile = config.profile or ("compat" if config.data else "fixed")
        self._toolset = self.domain.find_toolset(self._profile)
        self._source = source(self.domain, self._profile, config.data and config.data.expanduser())
        self._targets: dict[str, str] = {}

    @property
    def tools(self) -> Sequence[ToolSpec]:
        return [tool.spec for tool in self._toolset.tools.values()]

    @property
    def policy(self) -> str:
        return self._source.policy

    def open(self, context: Mapping[str, Json]) -> TableWorld:
        """A fresh world; every context opens the same one."""
        return TableWorld(self._source.database, self._toolset)

    def initial_observation(self, context: Mapping[str, Json]) -> str:
        user_id = context.get("user_id")
        return f"The user's id is {user_id}." if user_id else ""

    def exploration_context(self, seed: int) -> dict[str, Json]:
        return {"user_id": self.domain.person(self._source.database, Random(seed))}

    def redact(self, instruction: str, context: Mapping[str, Json]) -> str:
        return self.domain.redact(instruction)

    def splits(self) -> Sequence[str]:
        return list(self._source.tasks)

    def test_tasks(self, split: str) -> Sequence[TestTask]:
        """Raises EnvironmentDataError for an unknown split."""
        if split not in self._source.tasks:
            raise EnvironmentDataError(
                f"{self.name} has no split {split!r} here; it has {', '.join(self._source.tasks)}."
            )
        return [self._find_task(split, i, row) for i, row in enumerate(self._source.tasks[split]())]

    def _find_task(self, split: str, i: int, row: RawTask) -> TestTask:
        # The context is empty: the agent must find out whom it talks to.
        truth = {"actions": row["actions"], "outputs": row["outputs"]}
        writes = sum(self._writes(action["name"]) for action in row["actions"])
        family = row.get("family") or f"{writes} write{'' if writes == 1 else 's'}"
        number = row.get("index", i)
        return TestTask(
            f"{self.name}-{self._profile}-{split}-{number}", row["instruction"], {}, truth, family
        )

    def _writes(self, name: str) -> bool:
        return name in self._toolset.tools and self._toolset.tools[name].spec.writes

    def _ends(self, name: str) -> bool:
        return name in self._toolset.tools and self._toolset.tools[name].spec.ends_episode

    def target(self, task: TestTask) -> str:
        """Digest of the state after the ground-truth calls."""
        if task.id not in self._targets:
            world = self.open(task.context)
            for action in self._list_calls(task):
                world.call(action["name"], (), action["kwargs"])
            self._targets[task.id] = world.digest()
        return self._targets[task.id]

    def _list_calls(self, task: TestTask) -> list[Mapping[str, Json]]:
        return [action for action in task.truth["actions"] if not self._ends(action["name"])]

    def grade(self, task: TestTask, world: TableWorld, answer: str | None, replies: Sequence[str]) -> bool:
        return world.digest() == self.target(task) and all(
            any(output.lower() in reply.lower().replace(",", "") for reply in replies)
            for output in task.truth["outputs"]
        )

    def oracle(self, task: TestTask) -> Sequence[str]:
        calls = [
            f"print({call['name']}({', '.join(f'{key}={value!r}' for key, value in call['kwargs'].items())}))"
            for call in self._list_calls(task)
        ]
        size = -(-len(calls) // MAX_TURNS)
        turns = ["\n".join(calls[i : i + size]) for i in range(0, len(calls), size or 1)]
        said = " ; ".join(["Done.", *task.truth["outputs"]])
        return [*(f"Action:\n{turn}\nEnd Action" for turn in turns), f"Answer: {said}"]

    def user(self, instruction: str, context: Mapping[str, Json], chat: Chat | None) -> User:
        """Raises EnvironmentDataError where a model is to play the user and there is none."""
        if self._config.user == "scripted":
            return ScriptedUser(instruction)
        if chat is None:
            raise EnvironmentDataError(
                f"environment.user is {self._config.user!r}, which needs a model to play the user, and the "
                "run has none for that; name one, or set environment.user to scripted."
            )
        return ModelUser(instruction, chat, thinks=self._config.user == "react")
