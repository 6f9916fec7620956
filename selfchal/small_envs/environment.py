"""An environment of one's own in a few lines: a state, and functions that read or write it.

    CoffeeBar = small_environment(
        "coffee_bar", start={"menu": {"tea": 2}, "bill": 0}, reads=[menu], writes=[order], test_tasks=[…])

Each tool is a typed, documented function whose first parameter is the state, a dict of JSON values. A
held-out task names the calls that solve it: it is solved when the final state equals the state that
those calls leave (tau-bench's rule) and the answer is the expected one. For states of up to some
thousand values: a world copies its state; larger ones want a World of their own (invariant 9).
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from selfchal.core.environment import Chat, User
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.task import TestTask, task_id
from selfchal.core.world import Change, Json, ToolResult, ToolSpec
from selfchal.tools.arguments import find_mismatch
from selfchal.tools.tool import Tool, tool

State = dict[str, Any]
ToolFunction = Callable[..., Json]


@dataclass(frozen=True)
class HeldOut:
    """A held-out test task: the tool calls that solve it, and the answer where one is asked for."""

    instruction: str
    calls: Sequence[tuple[str, Mapping[str, Json]]] = ()
    answer: str | None = None
    family: str = ""


class NoOptions(BaseModel):
    """A manifest section that holds a name only."""

    model_config = ConfigDict(extra="forbid")


class SmallWorld:
    """A private copy of the state. A writing tool that raises leaves the state as it was."""

    def __init__(self, start: State, tools: Mapping[str, Tool]) -> None:
        self._start = start
        self._tools = tools
        self._state = copy.deepcopy(start)
        self._ended = False

    @property
    def tool_names(self) -> Sequence[str]:
        return tuple(self._tools)

    @property
    def ended(self) -> bool:
        return self._ended

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        if name not in self._tools:
            return ToolResult(f"no tool named {name!r}", ok=False, raises=True)
        used = self._tools[name]
        wrong = find_mismatch(used.function, used.spec, (None, *args), kwargs)  # None stands for the state
        if wrong:
            return ToolResult(wrong, ok=False, raises=True)
        state = copy.deepcopy(self._state)
        result = used.call(state, args, kwargs)
        if not result.ok:
            return result
        try:
            value = json.loads(json.dumps(result.value, allow_nan=False))
        except (TypeError, ValueError) as error:
            return ToolResult(f"the tool {name} gave no JSON value: {error}", ok=False, raises=True)
        if used.spec.writes:
            self._state = state
        self._ended = self._ended or used.spec.ends_episode
        return ToolResult(value)

    def show(self, result: ToolResult) -> str:
        return result.value if isinstance(result.value, str) else json.dumps(result.value)

    def digest(self) -> str:
        return _compute_sha256(self._state)

    def canonical_sha256(self) -> str:
        return _compute_sha256(self._state)

    def difference(self) -> tuple[Change, ...]:
        return tuple(_find_changes((), self._start, self._state))

    def fork(self) -> SmallWorld:
        twin = SmallWorld(self._start, self._tools)
        twin._state = copy.deepcopy(self._state)
        twin._ended = self._ended
        return twin

    def reset(self) -> None:
        self._state = copy.deepcopy(self._start)
        self._ended = False


def _compute_sha256(state: State) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _find_changes(path: tuple[str | int, ...], before: Json, after: Json) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from _find_changes((*path, key), before.get(key), after.get(key))
    elif json.dumps(before, sort_keys=True) != json.dumps(after, sort_keys=True):
        yield Change(path, before, after)


def small_environment(
    name: str,
    *,
    start: State,
    reads: Sequence[ToolFunction] = (),
    writes: Sequence[ToolFunction] = (),
    test_tasks: Sequence[HeldOut] = (),
    policy: str = "",
    explore: Callable[[int], Mapping[str, Json]] = lambda seed: {},
) -> type[Any]:
    """An Environment class over ``start``. ``explore`` gives a challenger's context for a seed (a member
    to serve, say), which is shown to it and to agents before their first action.

    Raises TypeError for a tool whose types have no JSON schema.
    """
    tools = {
        function.__name__: tool(function, writes=writing, bound=True)
        for writing, functions in ((False, reads), (True, writes))
        for function in functions
    }
    parts = _Parts(name, start, tools, tuple(test_tasks), policy, explore)
    made = type(_make_class_name(name), (_SmallEnvironment,), {"name": name, "parts": parts})
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


class _SmallEnvironment:
    """What ``small_environment`` fills in; fulfils the Environment protocol."""

    name: ClassVar[str]
    Config: ClassVar[type[BaseModel]] = NoOptions
    parts: ClassVar[_Parts]

    def __init__(self, config: NoOptions) -> None:
        self._truths = {task.id: task for task in map(self._make_test_task, self.parts.test_tasks)}

    @property
    def tools(self) -> Sequence[ToolSpec]:
        return [made.spec for made in self.parts.tools.values()]

    @property
    def policy(self) -> str:
        return self.parts.policy

    @property
    def answer_required(self) -> bool:
        return True

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
        return tuple(self._truths.values()) if split == "test" else ()

    def grade(self, task: TestTask, world: Any, answer: str | None, replies: Sequence[str]) -> bool:
        expected = task.truth["answer"]
        said_it = expected is None or _copy_plain(answer or "") == _copy_plain(expected)
        return said_it and world.digest() == task.truth["digest"]

    def oracle(self, task: TestTask) -> Sequence[str]:
        lines = [
            f"print({name}({', '.join(f'{key}={value!r}' for key, value in kwargs.items())}))"
            for name, kwargs in task.truth["calls"]
        ]
        action = ["Action:\n" + "\n".join(lines) + "\nEnd Action"] if lines else []
        return [*action, f"Answer: {task.truth['answer'] or 'done'}"]

    def user(self, instruction: str, context: Mapping[str, Json], chat: Chat | None) -> User | None:
        return None

    def _make_test_task(self, held_out: HeldOut) -> TestTask:
        """Replay the solving calls, so that a task which cannot be solved is found at once."""
        world = self.open({})
        for name, kwargs in held_out.calls:
            result = world.call(name, (), kwargs)
            if not result.ok:
                raise EnvironmentDataError(
                    f"{self.name}: the held-out task {held_out.instruction[:60]!r} is not solved by its own "
                    f"calls: {name}({dict(kwargs)}) gives {result.value}"
                )
        truth = {
            "calls": [(name, dict(kwargs)) for name, kwargs in held_out.calls],
            "answer": held_out.answer,
            "digest": world.digest(),
        }
        id_ = task_id({}, held_out.instruction, json.dumps(truth["calls"]), str(held_out.answer))
        return TestTask(id_, held_out.instruction, {}, truth, held_out.family)


def _copy_plain(text: str) -> str:
    """How answers are compared: without case, surrounding blanks, quotes and a final full stop."""
    return text.strip().strip("\"'").rstrip(".").casefold()
