"""Rows of anybody's tasks: a verdict each, in order; what is alike or gives something away is noted."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from selfchal.core.world import Json
from selfchal.judging import JudgeProcesses, JudgeSpec, format_verdict, judge_each
from selfchal.judging.checks.stability import Stability
from selfchal.testing.in_process import InProcessSandbox
from tests.support.shop import CANCEL, Shop


def judge_rows(spec: JudgeSpec, rows: Sequence[Any], processes: int = 0) -> list[dict[str, Json]]:
    with (
        JudgeProcesses(spec, processes)
        if processes
        else nullcontext(spec.make_judge(Shop(), InProcessSandbox())) as judge
    ):
        found = judge_each(judge, Shop(), rows, spec.make_checks(), threads=2)
        return [format_verdict(*one) for one in found]


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
    verdicts = judge_rows(JudgeSpec(Shop, InProcessSandbox), rows, processes)
    assert [verdict["stage"] for verdict in verdicts] == ["kept", "solution passed", *["parsed"] * 3]
    assert [verdict["id"] for verdict in verdicts[:2]] == ["cancel", "x"]
    assert verdicts[1]["diagnostics"]["novelty"]["near_duplicate_of"] == "cancel"
    assert "no evaluate, solution, failures" in verdicts[2]["reason"]


def test_only_the_checks_of_the_spec_judge_and_note() -> None:
    vague = {**CANCEL.to_json(), "instruction": "Cancel an order."}
    rows = [vague, {**vague, "id": "again"}]
    alone = judge_rows(JudgeSpec(Shop, InProcessSandbox, checks=(Stability,)), rows)
    assert [verdict["stage"] for verdict in alone] == ["kept", "kept"]
    assert not any("novelty" in verdict["diagnostics"] for verdict in alone)
    assert [verdict["stage"] for verdict in judge_rows(JudgeSpec(Shop, InProcessSandbox), rows)] == [
        "complete"
    ] * 2


def test_a_row_that_cannot_be_taken_apart_costs_no_other_row_its_verdict() -> None:
    good = CANCEL.to_json()
    deep = {**good, "id": "deep", "solution": f"x = {'-' * 900}1"}
    verdicts = judge_rows(JudgeSpec(Shop, InProcessSandbox), [deep, deep, good])
    assert [verdict["stage"] for verdict in verdicts] == ["parsed", "parsed", "kept"]


def test_what_the_environment_redacts_is_noted() -> None:
    told = replace(
        CANCEL, instruction="You are Ann Lee. Cancel order W102, the blue chair; you no longer need it."
    )
    (verdict,) = judge_rows(JudgeSpec(Shop, InProcessSandbox), [told.to_json()])
    assert verdict["diagnostics"]["gives_away"] == "what the environment redacts"
    assert verdict["stage"] == "kept"
