"""Checks that compare tasks: who is asked, in which order, and what becomes of the verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from selfchal.core.errors import PluginError
from selfchal.core.judge import Finding, Outcome, Stage, Verdict
from selfchal.core.task import Task, TestTask
from selfchal.judging.checks.novelty import Novelty
from selfchal.judging.checks.standard import make_standard_checks
from selfchal.judging.comparing import list_comparing, note_alike, refuse_alike
from tests.support.shop import CANCEL

PASSED = Verdict(Outcome.PASSED, Stage.COMPLETE, diagnostics={"uses": []})
A, B, C = (replace(CANCEL, id=name) for name in "abc")


@dataclass
class AtMost:
    """Lets so many tasks pass, those of before counted."""

    most: int
    name: ClassVar[str] = "at_most"
    stage: ClassVar[Stage] = Stage.COMPLETE
    Config: ClassVar[type[BaseModel]] = BaseModel

    def compare(
        self, tasks: Sequence[Task], earlier: Sequence[Task], held_out: Sequence[TestTask]
    ) -> list[Finding]:
        self.asked = [task.id for task in tasks]
        left = self.most - len(earlier)
        return [
            Finding.passed(left=left - i) if i < left else Finding.failed("enough") for i in range(len(tasks))
        ]


def test_those_that_pass_are_compared_in_their_order() -> None:
    check = AtMost(2)
    fell = Verdict(Outcome.FAILED, Stage.RAN, "KeyError")
    verdicts = refuse_alike([check], [(A, PASSED), (None, fell), (B, fell), (C, PASSED)], [A], [])
    assert check.asked == ["a", "c"]
    assert [verdict.passed for verdict in verdicts] == [True, False, False, False]
    assert [verdict.reason for verdict in verdicts] == ["", "KeyError", "KeyError", "enough"]
    assert (verdicts[3].stage, verdicts[3].check) == (Stage.COMPLETE, "at_most")
    assert verdicts[0].diagnostics == {"uses": [], "at_most": {"left": 1}}


def test_what_one_check_refused_the_next_is_not_asked() -> None:
    first, second = AtMost(1), AtMost(5)
    refuse_alike([first, second], [(A, PASSED), (B, PASSED)], [], [])
    assert second.asked == ["a"]


@pytest.mark.parametrize("reached", [Stage.PARSED, Stage.SOLUTION_PASSED, Stage.FAILURES_FAILED])
def test_whoever_asks_for_the_papers_filter_gets_its_set_with_twins(reached: Stage) -> None:
    judged = [(A, Verdict(Outcome.PASSED, reached))] * 2
    assert refuse_alike([Novelty()], judged, [], []) == [verdict for _, verdict in judged]


def test_of_somebodys_own_tasks_it_is_only_noted() -> None:
    assert note_alike([Novelty()], [A, B]) == [
        {},
        {"novelty": {"reason": "a near-duplicate of task a", "near_duplicate_of": "a"}},
    ]


def test_the_comparing_ones_of_all_checks_stand_in_the_order_of_the_funnel() -> None:
    found = list_comparing([*make_standard_checks(), AtMost(1)])
    assert [check.name for check in found] == ["at_most", "novelty"]


@dataclass
class Odd:
    """A check of somebody's own that does not work."""

    found: Any
    name: ClassVar[str] = "odd"
    stage: ClassVar[Stage] = Stage.NEW
    Config: ClassVar[type[BaseModel]] = BaseModel

    def compare(
        self, tasks: Sequence[Task], earlier: Sequence[Task], held_out: Sequence[TestTask]
    ) -> Sequence[Finding]:
        return self.found  # type: ignore[no-any-return]  # whatever it is


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([], "it gave 0 findings for 1 tasks"),
        ([True], "which is no Finding"),
        ([Finding.passed(seen={1, 2})], "its finding are no JSON"),
        (None, "TypeError"),
    ],
)
def test_a_check_that_compares_wrongly_is_named(found: Any, said: str) -> None:
    with pytest.raises(
        PluginError, match=r"the check 'odd' \(tests\.judging\.test_comparing\) failed"
    ) as caught:
        refuse_alike([Odd(found)], [(A, PASSED)], (), ())
    assert said in str(caught.value)
