"""What a challenger is told names the rule that was broken, and what tools answered to which arguments."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfchal.core.arena import Arena
from selfchal.core.sandbox import Execution, Limits, Status
from selfchal.core.world import Call
from selfchal.judging import Judge
from selfchal.judging.feedback import (
    EVALUATE_DECIDES,
    FAILURE_RUNS,
    RUNS_ALONE,
    describe_refused,
    explain_error,
)
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.testing.in_process import InProcessSandbox
from tests.support.shop import CANCEL, COUNT, Shop, ShopEnvironment


@pytest.fixture
def judge() -> Judge:
    return Judge(SandboxTaskRunner(Arena(Shop(), InProcessSandbox(), Limits())))


def test_a_variable_of_another_piece_is_told_with_its_rule(judge: Judge) -> None:
    told = judge(replace(CANCEL, evaluate="def evaluate():\n    return order['status'] == 'x'")).feedback
    assert told.startswith(RUNS_ALONE)
    assert "name 'order' is not defined" in told


def test_a_failure_case_that_raises_is_told_that_it_has_to_run(judge: Judge) -> None:
    told = judge(replace(CANCEL, failures=(*CANCEL.failures[:2], "1 / 0"))).feedback
    assert told.startswith(FAILURE_RUNS)
    assert "failure case 3 failed:" in told


def test_an_evaluate_that_raises_is_told_that_it_has_to_decide(judge: Judge) -> None:
    told = judge(replace(CANCEL, evaluate="def evaluate(): return get_order('W102')['paid']")).feedback
    assert told.startswith(EVALUATE_DECIDES)
    assert "KeyError: 'paid'" in told


def test_a_refused_call_is_told_with_its_arguments_and_the_answer(judge: Judge) -> None:
    told = judge(replace(CANCEL, solution="cancel_order('W103', reason='x')")).feedback
    assert "cancel_order('W103', reason='x') answered " in told
    assert "only pending orders can be cancelled" in told


def test_a_text_that_a_tool_refused_with_explains_the_error_that_came_of_it() -> None:
    refused = Call("get_order_details", ("#W1",), {}, "Error: order not found", ok=False, changed=False)
    found = Call("get_user_details", ("ann",), {}, {}, ok=True, changed=False)
    error = "Traceback ...\nTypeError: string indices must be integers, not 'str'"
    told = explain_error("the solution", Execution(Status.EXCEPTION, error=error, calls=(found, refused)))
    assert "A tool refused this:\nget_order_details('#W1') answered 'Error: order not found'" in told
    assert "get_user_details" not in told


def test_equal_refusals_are_told_once_and_only_the_last_few() -> None:
    calls = [Call("get", (i,), {}, "no" * 500, ok=False, changed=False) for i in (1, 2, 3, 4, 4)]
    lines = describe_refused(Execution(Status.OK, calls=tuple(calls))).splitlines()[1:]
    assert [line[:6] for line in lines] == ["get(2)", "get(3)", "get(4)"]
    assert all(len(line) < 300 for line in lines)


def test_a_solution_that_does_not_pass_is_told_what_it_changed(judge: Judge) -> None:
    other = judge(replace(CANCEL, solution="set_city('W102', 'Bonn')"))
    assert "It changed this:\norders/W102/city: 'Oslo' became 'Bonn'" in other.feedback
    assert "It changed nothing." in judge(replace(CANCEL, solution="get_order('W102')")).feedback


def test_a_solution_with_an_answer_is_told_its_result() -> None:
    judge = Judge(SandboxTaskRunner(Arena(ShopEnvironment(), InProcessSandbox(), Limits())))
    told = judge(replace(COUNT, solution="result = 77")).feedback
    assert "Its result was 77. Make the two agree." in told
    assert "It changed" not in told
