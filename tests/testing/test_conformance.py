"""The kit passes what keeps the contract, and each case fails for a plugin that breaks its rule."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from selfchal.core.judge import Finding, Stage
from selfchal.core.world import ToolResult
from selfchal.plugins import load_plugins
from selfchal.small_envs.environment import small_environment
from selfchal.small_envs.held_out import HeldOut
from selfchal.small_envs.world import SmallWorld
from selfchal.testing.conformance import Case, check_cases, environment_cases, sandbox_cases


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


@pytest.mark.parametrize("case", sandbox_cases(load_plugins().find("sandbox", "process")), ids=str)
def test_the_process_sandbox_passes(case: Case) -> None:
    case()


def _world(**changes: Callable[..., Any]) -> type[Any]:
    """The counter, its worlds changed."""
    broken = type("BrokenWorld", (SmallWorld,), changes)
    cls = counter()
    cls.open = lambda self, context: broken(self.parts.start, self.parts.tools)
    return cls


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
        self._state["count"] += 1
    return SmallWorld.call(self, name, args, kwargs)


def _idle_task() -> type[Any]:
    return small_environment(
        "counter", start={"count": 5}, reads=[look], writes=[add], test_tasks=[HeldOut("Do nothing.")]
    )


BROKEN: dict[str, Callable[[], type[Any]]] = {
    "no call raises, whatever its arguments": lambda: _world(call=_raise),
    "worlds do not touch each other": _shared,
    "a fork does not touch its origin": lambda: _world(fork=lambda self: self),
    "reset leads back to the start": lambda: _world(reset=lambda self: None),
    "digest and difference agree": lambda: _world(difference=lambda self: ()),
    "tools that read change nothing": lambda: _world(call=_read_that_writes),
    "the oracle solves test tasks, doing nothing does not": _idle_task,
}


@pytest.mark.parametrize("rule", BROKEN)
def test_each_broken_rule_is_found(rule: str) -> None:
    (case,) = [case for case in environment_cases(BROKEN[rule](), calls=100) if case.rule == rule]
    with pytest.raises(AssertionError):
        case()


def test_a_held_out_task_that_its_own_calls_do_not_solve_is_found_when_the_environment_is_made() -> None:
    from selfchal.core.errors import EnvironmentDataError

    cls = small_environment(
        "counter", start={"count": 5}, writes=[add], test_tasks=[HeldOut("Add.", [("add", {"number": "x"})])]
    )
    with pytest.raises(EnvironmentDataError, match=r"not solved by its own calls: add"):
        cls(cls.Config())


class Compares:
    """A check that compares tasks."""

    name = "compares"
    stage = Stage.NEW

    class Config(BaseModel):
        pass

    def __init__(self, config: Config) -> None: ...

    def compare(self, tasks: list[Any], earlier: list[Any], held_out: list[Any]) -> list[Finding]:
        return [Finding.passed() for _ in tasks]


@pytest.mark.parametrize("case", check_cases(Compares), ids=str)
def test_a_sound_check_passes(case: Case) -> None:
    case()


@pytest.mark.parametrize(
    ("change", "rule", "sentence"),
    [
        (
            {"stage": Stage.RAN},
            "stands in the funnel after the paper's filter",
            "checks stand from stable to new",
        ),
        ({"name": "Two words"}, "can be registered", "use lower-case letters"),
        (
            {"compare": lambda self, tasks, earlier, held_out: [Finding.passed()]},
            "has a finding for each task that it compares",
            "compare() of 3 tasks gave 1 findings",
        ),
    ],
)
def test_a_broken_check_fails_its_case(change: dict[str, Any], rule: str, sentence: str) -> None:
    (case,) = [case for case in check_cases(type("Broken", (Compares,), change)) if case.rule == rule]
    with pytest.raises(AssertionError, match=re.escape(sentence)):
        case()
