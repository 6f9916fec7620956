"""The kit passes what keeps the contract, and each case fails for a plugin that breaks its rule."""

from __future__ import annotations

import dataclasses
import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from selfchal.core.world import ToolResult
from selfchal.plugins import load_plugins
from selfchal.small_envs.environment import small_environment
from selfchal.small_envs.held_out import HeldOut
from selfchal.small_envs.world import SmallWorld
from selfchal.testing.conformance import Case, environment_cases, sandbox_cases


def look(state: dict[str, Any]) -> int:
    """How many there are."""
    count: int = state["count"]
    return count


def add(state: dict[str, Any], number: int) -> str:
    """Add some.

    Args:
        number: How many.
    """
    if not isinstance(number, int) or abs(number) > 1_000:
        raise ValueError("a small whole number, please")
    state["count"] += number
    return "ok"


TASKS = [
    HeldOut("Add three.", [("add", {"number": 3})]),
    HeldOut("How many are there?", [("look", {})], answer="5"),
]


def counter() -> type[Any]:
    return small_environment("counter", start={"count": 5}, reads=[look], writes=[add], test_tasks=TASKS)


@pytest.mark.parametrize("case", environment_cases(counter(), calls=100), ids=str)
def test_a_sound_environment_passes(case: Case) -> None:
    case()


# The attacks, which are the last of them, are tried in test_attacks.py.
@pytest.mark.parametrize("case", sandbox_cases(load_plugins().find("sandbox", "process"))[:-1], ids=str)
def test_the_process_sandbox_passes(case: Case) -> None:
    case()


def _world(**changes: Any) -> type[Any]:
    """The counter, its worlds changed."""
    broken = type("BrokenWorld", (SmallWorld,), changes)
    cls = counter()
    cls.open = lambda self, context: broken(self.parts.start, self.parts.tools)
    return cls


def _environment(**changes: Any) -> type[Any]:
    """The counter, the environment itself changed."""
    return type("Broken", (counter(),), changes)


def _made(**changes: Any) -> type[Any]:
    """The counter with other tools."""
    parts = {"start": {"count": 5}, "reads": [look], "writes": [add], "test_tasks": TASKS}
    return small_environment("counter", **{**parts, **changes})


def _shared() -> type[Any]:
    cls = counter()
    world = cls(cls.Config()).open({})
    cls.open = lambda self, context: world
    return cls


def _raise(self: Any, name: str, args: Any, kwargs: Any) -> ToolResult:
    if "nonsense" in kwargs:
        raise TypeError("an argument that nobody knows")
    return SmallWorld.call(self, name, args, kwargs)


def _read_that_writes(self: Any, name: str, args: Any, kwargs: Any) -> ToolResult:
    if name == "look":
        self._state = {"count": self._state["count"] + 1}
        self._digest = None
    return SmallWorld.call(self, name, args, kwargs)


def _fork_that_shares(self: Any) -> Any:
    twin = type(self)(self._start, self._tools)
    twin.__dict__ = self.__dict__
    return twin


def _read_now_and_then(state: dict[str, Any], by: int) -> int:
    """Look, and count as one does."""
    state["count"] += by if state["count"] > 6 else 0
    count: int = state["count"]
    return count


def _dice(state: dict[str, Any]) -> float:
    """Throw dice."""
    return random.random()


_LOG: list[int] = []


def _log(state: dict[str, Any], number: int) -> int:
    """Write a number down, in a global."""
    _LOG.append(number)
    return len(_LOG)


def _notes(state: dict[str, Any], number: int) -> int:
    """Write a number down, in an attribute of the function."""
    seen = vars(_notes).setdefault("seen", [])
    seen.append(number)
    return len(seen)


def _slip(state: dict[str, Any], number: int) -> str:
    """Add some, with a slip where the number is large."""
    if number > 2:
        return undefined  # type: ignore[name-defined,no-any-return]  # noqa: F821 — what is tested
    return "ok"


def _never(state: dict[str, Any], number: int) -> str:
    """Add some, or so it says."""
    raise KeyError("nubmer")


def _only_says_so(state: dict[str, Any], number: int) -> str:
    """Add some, or so it says."""
    return "ok"


def _test_tasks_of_today(self: Any, split: str) -> Any:
    return [dataclasses.replace(task, id=uuid.uuid4().hex) for task in self._tasks.values()]


def _grade_by_length(self: Any, task: Any, world: Any, answer: str | None, replies: Any) -> bool:
    long_enough = len(answer or "") >= len(str(task.truth["answer"] or ""))
    return long_enough and bool(world.digest() == task.truth["digest"])


def _idle_task() -> type[Any]:
    return _made(test_tasks=[HeldOut("Do nothing.")])


# Wrong in one way each, and the rule that each of them breaks.
BROKEN: dict[str, tuple[str, Callable[[], type[Any]]]] = {
    "a call raises": ("no call raises, whatever its arguments", lambda: _world(call=_raise)),
    "all share one world": ("worlds do not touch each other", _shared),
    "a fork is its origin": ("a fork does not touch its origin", lambda: _world(fork=lambda self: self)),
    "a fork shares the state": ("a fork does not touch its origin", lambda: _world(fork=_fork_that_shares)),
    "a fork loses the state": (
        "a fork goes on from its origin",
        lambda: _world(fork=lambda self: SmallWorld(self._start, self._tools)),
    ),
    "reset does nothing": ("reset leads back to the start", lambda: _world(reset=lambda self: None)),
    "the difference is empty": ("digest and difference agree", lambda: _world(difference=lambda self: ())),
    "reading writes": ("tools that read change nothing", lambda: _world(call=_read_that_writes)),
    "a writer is listed as a reader": (
        "tools that read change nothing",
        lambda: _made(reads=[look, _read_now_and_then]),
    ),
    "answers are random": (
        "equal calls on fresh worlds give equal answers",
        lambda: _made(reads=[look, _dice]),
    ),
    "state in a global": (
        "equal calls on fresh worlds give equal answers",
        lambda: _made(writes=[add, _log]),
    ),
    "state in an attribute of the function": (
        "equal calls on fresh worlds give equal answers",
        lambda: _made(writes=[add, _notes]),
    ),
    "every call raises": ("tools work", lambda: _made(writes=[add, _never])),
    "a slip in a tool": ("tools work", lambda: _made(writes=[add, _slip])),
    "no writer writes": ("tools work", lambda: _made(writes=[_only_says_so], test_tasks=[TASKS[1]])),
    "test tasks have new ids each time": (
        "test tasks have ids of their own, always the same",
        lambda: _environment(test_tasks=_test_tasks_of_today),
    ),
    "any longer answer is right": (
        "nonsense solves no test task, however long it is",
        lambda: _environment(grade=_grade_by_length),
    ),
    "doing nothing is right": ("the oracle solves test tasks, doing nothing does not", _idle_task),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_each_broken_rule_is_found(fault: str) -> None:
    rule, make = BROKEN[fault]
    (case,) = [case for case in environment_cases(make(), calls=100) if case.rule == rule]
    with pytest.raises(AssertionError):
        case()


def test_a_held_out_task_that_its_own_calls_do_not_solve_is_found_when_the_environment_is_made() -> None:
    from selfchal.core.errors import EnvironmentDataError

    cls = small_environment(
        "counter", start={"count": 5}, writes=[add], test_tasks=[HeldOut("Add.", [("add", {"number": "x"})])]
    )
    with pytest.raises(EnvironmentDataError, match=r"not solved by its own calls: add"):
        cls(cls.Config())
