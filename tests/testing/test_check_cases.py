"""The checks' kit passes sound checks, and each of its cases fails for one that breaks its rule."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
from pydantic import BaseModel

from selfchal.core.judge import Finding, Stage
from selfchal.testing.conformance import Case, check_cases

FINDS = "has a finding for each task, whatever it holds"
_COUNT = itertools.count()


class Options(BaseModel, extra="forbid"):
    pass


class Compares:
    """A check that compares tasks."""

    name = "compares"
    stage = Stage.NEW
    Config = Options

    def __init__(self, config: Options) -> None: ...

    def compare(self, tasks: list[Any], earlier: list[Any], held_out: list[Any]) -> list[Finding]:
        return [Finding.passed() for _ in tasks]


class Looks:
    """A check of one task: its instruction must be short."""

    name = "looks"
    stage = Stage.STRONG
    Config = Options

    def __init__(self, config: Options) -> None: ...

    def check(self, task: Any, runner: Any, evidence: Any) -> Finding:
        size = len(task.instruction)
        return Finding.passed(size=size) if size < 100 else Finding.failed("the instruction is long")


@pytest.mark.parametrize("cls", [Compares, Looks])
def test_a_sound_check_passes(cls: type[Any]) -> None:
    for case in check_cases(cls):
        case()


def _find(found: Any) -> Any:
    """A method ``check`` that finds this."""
    return lambda self, task, runner, evidence: found


def _look_into_solution(self: Any, task: Any, runner: Any, evidence: Any) -> Finding:
    return Finding.passed(size=len(evidence.solution.execution.value))


@pytest.mark.parametrize(
    ("cls", "change", "rule", "sentence"),
    [
        (Compares, {"stage": Stage.RAN}, "stands in the funnel after the paper's filter", "from stable to new"),
        (Compares, {"name": "Two words"}, "can be registered", "use lower-case letters"),
        (Compares, {"compare": lambda self, *_: [Finding.passed()]}, FINDS, "of 6 tasks gave 1 findings"),
        (Compares, {"compare": lambda self, *_: None}, FINDS, "compare() gave None, not a list"),
        (Looks, {"check": _find(None)}, FINDS, "sound: it gave None, which is no Finding"),
        (Looks, {"check": _find(True)}, FINDS, "sound: it gave True, which is no Finding"),
        (Looks, {"check": _find(Finding.passed(seen={1, 2}))}, FINDS, "no JSON"),
        (Looks, {"check": _look_into_solution}, FINDS, "raises: it raised TypeError"),
        (
            Looks,
            {"check": lambda *_: Finding.failed("odd") if next(_COUNT) % 4 else Finding.passed()},
            "finds the same again",
            "it found",
        ),
        (Looks, {"check": _find(Finding.failed(""))}, "says why it refuses a task", "without a reason"),
        (Looks, {"__init__": lambda self, config: config.words}, "is made from its options", "words"),
    ],
)  # fmt: skip
def test_a_broken_check_fails_its_case(
    cls: type[Any], change: dict[str, Any], rule: str, sentence: str
) -> None:
    (case,) = [case for case in check_cases(type("Broken", (cls,), change)) if case.rule == rule]
    with pytest.raises((AssertionError, AttributeError), match=re.escape(sentence)):
        case()


def test_each_case_has_a_rule_of_its_own() -> None:
    rules = [str(case) for case in check_cases(Looks)]
    assert len(set(rules)) == len(rules)
    assert all(isinstance(case, Case) for case in check_cases(Looks))
