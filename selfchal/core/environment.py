"""The environment contract: tools, policy text, how worlds open, held-out test tasks, a simulated user."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel

from selfchal.core.model import Message
from selfchal.core.task import TestTask
from selfchal.core.world import Json, ToolSpec, World

ExampleCalls = Sequence[tuple[str, Mapping[str, Json]]]  # tools with arguments by name
Chat = Callable[[Sequence[Message]], str]  # a model's answer to a conversation; raises PromptRefusedError


class User(Protocol):
    """A simulated user, one an episode."""

    def open(self) -> str:
        """The user's first message."""

    def reply(self, said: str) -> str | None:
        """What the user answers to the agent; None when the user is done (``###STOP###``)."""


class Environment(Protocol):
    """Tools and the worlds that they act upon, with held-out test tasks."""

    name: ClassVar[str]
    Config: ClassVar[type[BaseModel]]

    def __init__(self, config: Any) -> None:
        """Load the tables once. Raises EnvironmentDataError."""

    @property
    def tools(self) -> Sequence[ToolSpec]: ...

    @property
    def policy(self) -> str:
        """What every agent is told about its work here, beside the tools; may be empty."""

    @property
    def answer_required(self) -> bool:
        """True where an episode ends with the agent's answer (``evaluate(answer)``), False where the
        agent talks to a user and the final state counts."""

    def open(self, context: Mapping[str, Json]) -> World:
        """A fresh world. ``{}`` is always a valid context."""

    def initial_observation(self, context: Mapping[str, Json]) -> str:
        """What is seen before the first action (a landing page, a user id); may be empty."""

    def exploration_context(self, seed: int) -> dict[str, Json]:
        """The context that a challenger explores from (a sampled user id, a landing page)."""

    def redact(self, instruction: str, context: Mapping[str, Json]) -> str:
        """The instruction without what an agent must find out itself (retail: order numbers)."""

    def splits(self) -> Sequence[str]:
        """Names of the held-out splits; the first is the default of ``evaluation``."""

    def test_tasks(self, split: str) -> Sequence[TestTask]: ...

    def grade(self, task: TestTask, world: World, answer: str | None, replies: Sequence[str]) -> bool:
        """Is the test task solved, given the final world, the final answer and what was said to the user?"""

    def oracle(self, task: TestTask) -> Sequence[str]:
        """The agent turns (actions as code, then the answer or reply) that solve the test task."""

    def user(self, instruction: str, context: Mapping[str, Json], chat: Chat | None) -> User | None:
        """The simulated user who wants this; None where the instruction goes to the agent itself."""


@runtime_checkable
class ClosableEnvironment(Protocol):
    """An environment that holds what does not end by itself, processes for one."""

    def close(self) -> None:
        """End it, also where it is in use; may be called again. Whoever made the environment calls it."""


@runtime_checkable
class NotedEnvironment(Protocol):
    """An environment that found out something about itself that a user should know before a run."""

    @property
    def notes(self) -> Sequence[str]:
        """A sentence each: which tools it leaves out, and why, for one."""


@runtime_checkable
class PartlyCheckedEnvironment(Protocol):
    """An environment whose worlds show less than a check of the judge needs."""

    @property
    def unchecked(self) -> Mapping[str, str]:
        """By the name of a check that is left out here: why."""


def close_environment(environment: Environment) -> None:
    """Close it, where it is one that can be closed."""
    if isinstance(environment, ClosableEnvironment):
        environment.close()


def list_unchecked(environment: Environment) -> Mapping[str, str]:
    """The judge's checks that cannot be made here, by name, each with the reason; mostly none."""
    return environment.unchecked if isinstance(environment, PartlyCheckedEnvironment) else {}


def list_notes(environment: Environment) -> Sequence[str]:
    """What it says of itself; nothing where it says nothing."""
    return environment.notes if isinstance(environment, NotedEnvironment) else ()
