"""Near-duplicates and neighbours of held-out tasks; rows of anybody's tasks; coverage; rewards."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.task import TestTask
from selfchal.judging import JudgeProcesses, JudgeSpec, format_verdict, judge_each
from selfchal.judging.checks.novelty import HeldOut, Novelty, normalised, settle
from selfchal.judging.coverage import coverage, focus
from selfchal.pipeline.challenger_reward import challenger_reward
from tests.support.inline import Inline
from tests.support.shop import CANCEL, Shop

PASSED = Verdict(Outcome.PASSED, Stage.NEW)


def test_other_spelling_is_a_twin_and_other_numbers_are_not() -> None:
    novelty = Novelty()
    first = replace(CANCEL, id="a", instruction="Send 12 red lamps to Oslo before the end of May, please.")
    spelt = replace(first, id="b", instruction="send 12 red lamps, to Oslo, before the end of May please")
    other = replace(first, id="c", instruction="Send 13 red lamps to Rome before the end of June, please.",
                    solution="pass")  # fmt: skip
    assert [novelty.twin(task) for task in (first, spelt, other)] == [None, "a", None]


def test_renamed_variables_are_the_same_solution() -> None:
    assert normalised("x = f(1)  # one\nresult = x") == normalised("order = f(1)\nresult = order")
    assert normalised("x = f(1)") != normalised("x = f(2)")


def test_settling_keeps_the_first_of_twins_and_nothing_held_out() -> None:
    test = TestTask("held", "How many orders does the customer Bob Day have in all his years?", {}, {})
    near = replace(CANCEL, id="n", instruction=test.instruction, solution="result = 1")
    twin = replace(CANCEL, id="t")
    verdicts = settle([(CANCEL, PASSED), (twin, PASSED), (near, PASSED)], [], HeldOut.of([test]))
    assert [verdict.passed for verdict in verdicts] == [True, False, False]
    assert {verdict.stage for verdict in verdicts[1:]} == {Stage.NEW}
    assert "held-out task held" in verdicts[2].reason


@pytest.mark.parametrize("processes", [0, 2])
def test_rows_get_a_verdict_each_in_order(processes: int) -> None:
    good: dict[str, Any] = CANCEL.to_json()
    rows = [
        good,
        {**good, "id": "x", "solution": "pass"},
        {"instruction": "?"},
        "nonsense",
        {**good, "failures": 3},
    ]
    spec = JudgeSpec(Shop, Inline)
    with (
        JudgeProcesses(spec, processes)
        if processes
        else nullcontext(spec.make_judge(Shop(), Inline())) as judge
    ):
        verdicts = [format_verdict(*found) for found in judge_each(judge, Shop(), rows, threads=2)]
    assert [verdict["stage"] for verdict in verdicts] == ["kept", "solution passed", *["parsed"] * 3]
    assert [verdict["id"] for verdict in verdicts[:2]] == ["cancel", "x"]
    assert verdicts[1]["diagnostics"]["near_duplicate_of"] == "cancel"
    assert "no evaluate, solution, failures" in verdicts[2]["reason"]


def test_coverage_shows_holes_and_the_next_focus() -> None:
    task = CANCEL.with_audit(
        {"uses": ["cancel_order", "cancel_order.order_id"], "strength": {"footprint": ["orders/W102"]}}
    )
    seen = coverage(Shop(), [task, task])
    assert seen.tools == {"get_user": 0, "get_order": 0, "cancel_order": 2, "set_city": 0}
    assert seen.tables == {"orders": 2}
    assert "cancel_order.reason" in seen.missing
    assert focus(Shop(), [task]) == ("get_order", "get_user", "set_city")
    assert focus(Shop(), []) == ()


@pytest.mark.parametrize(
    ("rewards", "twins", "expected"), [([1, 0], 0, 1.0), ([1, 1], 0, 0.1), ([1, 0], 1, 0.5), ([], 0, 1.0)]
)
def test_a_challenger_earns_most_in_the_middle(rewards: list[float], twins: int, expected: float) -> None:
    assert challenger_reward(PASSED, rewards, twins) == expected


def test_an_invalid_task_earns_nothing() -> None:
    assert challenger_reward(Verdict(Outcome.FAILED, Stage.RAN), [1, 0]) == 0.0
