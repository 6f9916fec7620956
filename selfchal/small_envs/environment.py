"""An environment of one's own in a few lines: a state, and functions that read or write it.

    CoffeeBar = small_environment(
        "coffee_bar", start={"menu": {"tea": 2}, "bill": 0}, reads=[menu], writes=[order], test_tasks=[…])

Each tool is a typed, documented function whose first parameter is the state, a dict of JSON values. A
held-out task names the calls that solve it: it is solved when the final state equals the state that
those calls leave (tau-bench's rule) and the answer is the expected one. For states of up to some
thousand values: a call copies the state; larger ones want a World of their own (CONTRIBUTING.md#invariant-9).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from selfchal.core.environment import Chat, ExampleCalls, User
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.task import TestTask
from selfchal.core.world import Json, ToolSpec, World
from selfchal.small_envs.checks import (
    ToolFunction,
    check_arguments,
    check_example_calls,
    check_explore,
    check_start,
    make_tools,
    try_readers,
)
from selfchal.small_envs.held_out import HeldOut, make_test_task, write_oracle
from selfchal.small_envs.matching import is_in_reply, is_match
from selfchal.small_envs.users import USER_KINDS, MakeUser, UserKind, make_user
from selfchal.small_envs.world import SmallWorld, State
from selfchal.tools.tool import Tool


class NoOptions(BaseModel):
    """A manifest section that holds a name only."""

    model_config = ConfigDict(extra="forbid")


def small_environment(
    name: str,
    *,
    start: State,
    reads: Sequence[ToolFunction] = (),
    writes: Sequence[ToolFunction] = (),
    test_tasks: Sequence[HeldOut] = (),
    policy: str = "",
    explore: Callable[[int], Mapping[str, Json]] = lambda seed: {},
    user: UserKind | MakeUser | None = None,
    example_calls: ExampleCalls = (),
) -> type[Any]:
    """An Environment class over ``start``.

    ``explore`` gives a challenger's context for a seed (a member to serve, say), which is shown to it and to
    agents before their first action. With a ``user`` the agent talks to somebody who wants what the
    instruction says: ``scripted`` (needs no model), ``llm`` or ``react`` (played by a model), or a function
    of instruction, context and model that makes one. The expected answer must then be said to the user.
    ``example_calls`` are calls that work at the start, as ``("lend", {"title": "Emma"})``, of tools that no
    held-out task uses: ``selfchal plugins check`` makes them.

    Raises EnvironmentDataError for what can be seen to be wrong now: a state that is no JSON, a parameter
    without a type, a tool that is listed as a reader and changes the state.
    """
    check_arguments(name, reads, writes, test_tasks, policy, explore)
    if user is not None and not callable(user) and user not in USER_KINDS:
        raise EnvironmentDataError(
            f"{name}: user={user!r} is none of {', '.join(USER_KINDS)}, nor a function that makes a user"
        )
    tools = make_tools(name, reads, writes)
    parts = _Parts(name, check_start(name, start), tools, tuple(test_tasks), policy, explore, user)
    try_readers(name, parts.start, tools)
    check_explore(name, explore)
    made = type(
        _make_class_name(name),
        (_SmallEnvironment,),
        {"name": name, "parts": parts, "example_calls": check_example_calls(name, example_calls, tools)},
    )
    made.__doc__ = policy.partition("\n")[0] or f"The environment {name}."
    return made


def _make_class_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.replace("-", "_").split("_"))


@dataclass(frozen=True)
class _Parts:
    name: str
    start: State
    tools: Mapping[str, Tool]
    test_tasks: tuple[HeldOut, ...]
    policy: str
    explore: Callable[[int], Mapping[str, Json]]
    user: UserKind | MakeUser | None


class _SmallEnvironment:
    """What ``small_environment`` fills in; fulfils the Environment protocol."""

    name: ClassVar[str]
    Config: ClassVar[type[BaseModel]] = NoOptions
    parts: ClassVar[_Parts]
    example_calls: ClassVar[ExampleCalls] = ()

    @classmethod
    def asks_model(cls, config: NoOptions) -> bool | None:
        """Not known of a user that its author makes, who may be given a model and need none."""
        return None if callable(cls.parts.user) else cls.parts.user in ("llm", "react")

    def __init__(self, config: NoOptions) -> None:
        self._tasks: dict[str, TestTask] = {}
        self._held_out: dict[str, HeldOut] = {}
        for held_out in self.parts.test_tasks:
            task = make_test_task(self.name, self.open({}), held_out)
            if task.id in self._tasks:
                raise EnvironmentDataError(
                    f"{self.name}: two held-out tasks are the same: {held_out.instruction[:60]!r}"
                )
            self._tasks[task.id], self._held_out[task.id] = task, held_out

    @property
    def tools(self) -> Sequence[ToolSpec]:
        return [made.spec for made in self.parts.tools.values()]

    @property
    def policy(self) -> str:
        return self.parts.policy

    @property
    def answer_required(self) -> bool:
        return self.parts.user is None

    def open(self, context: Mapping[str, Json]) -> SmallWorld:
        return SmallWorld(self.parts.start, self.parts.tools)

    def initial_observation(self, context: Mapping[str, Json]) -> str:
        return "\n".join(f"{key}: {value}" for key, value in context.items())

    def exploration_context(self, seed: int) -> dict[str, Json]:
        return dict(self.parts.explore(seed))

    def redact(self, instruction: str, context: Mapping[str, Json]) -> str:
        return instruction

    def splits(self) -> Sequence[str]:
        return ("test",)

    def test_tasks(self, split: str) -> Sequence[TestTask]:
        return tuple(self._tasks.values()) if split == "test" else ()

    def grade(self, task: TestTask, world: World, answer: str | None, replies: Sequence[str]) -> bool:
        if world.digest() != task.truth["digest"]:
            return False
        held_out = self._held_out[task.id]
        if not held_out.asks:
            return True
        if self.parts.user is None:
            return is_match(held_out.answer, answer or "", held_out.match)
        return any(is_in_reply(held_out.answer, reply, held_out.match) for reply in replies)

    def oracle(self, task: TestTask) -> Sequence[str]:
        return write_oracle(task)

    def user(self, instruction: str, context: Mapping[str, Json], chat: Chat | None) -> User | None:
        if self.parts.user is None:
            return None
        return make_user(self.name, self.parts.user, instruction, context, chat)
