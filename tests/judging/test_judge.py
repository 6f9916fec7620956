"""The stages of the paper's filter, in order, each with a task that falls at it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfchal.core.arena import Arena
from selfchal.core.episode import Reward
from selfchal.core.judge import Filter, Outcome, Stage
from selfchal.core.sandbox import Limits
from selfchal.judging import Judge
from selfchal.judging.runner import SandboxTaskRunner
from tests.support.inline import Inline
from tests.support.shop import ASSERTS, CANCEL, COUNT, Shop, ShopEnvironment


@pytest.fixture
def judge() -> Judge:
    return Judge(SandboxTaskRunner(Arena(Shop(), Inline(), Limits())))


def test_a_sound_task_passes_every_stage(judge: Judge) -> None:
    verdict = judge(CANCEL)
    assert verdict.passed, verdict.reason


def test_a_sound_task_with_an_answer_passes() -> None:
    verdict = Judge(SandboxTaskRunner(Arena(ShopEnvironment(), Inline(), Limits())))(COUNT)
    assert verdict.passed, verdict.reason
    assert verdict.diagnostics["answer_type"] == "int"


@pytest.mark.parametrize("filters", [Filter.PAPER, Filter.FULL])
def test_an_assert_that_fails_is_a_no(judge: Judge, filters: Filter) -> None:
    task = replace(CANCEL, evaluate=ASSERTS)
    verdict = judge(task, filters)
    assert verdict.passed, verdict.reason
    undone = judge(replace(task, solution="get_order('W102')"), filters)
    assert undone.stage == Stage.SOLUTION_PASSED
    assert "AssertionError: the order" in undone.feedback  # it says which


def test_an_assert_that_fails_is_no_reward() -> None:
    runner, task = SandboxTaskRunner(Arena(Shop(), Inline(), Limits())), replace(CANCEL, evaluate=ASSERTS)
    world = Shop().open({})
    assert runner.reward(task, world, None) == Reward(0.0, "evaluate returned False")
    world.call("cancel_order", ["W102", "no longer need it"], {})
    assert runner.reward(task, world, None) == Reward(1.0)


FALLS = [
    ({"instruction": " "}, Stage.PARSED, "instruction is empty"),
    ({"evaluate": "def evaluate(:"}, Stage.PARSED, "does not compile"),
    ({"evaluate": "x = 1"}, Stage.PARSED, "must define a function named evaluate"),
    ({"evaluate": "def evaluate(a, b): return True"}, Stage.PARSED, "no other parameter"),
    ({"evaluate": "async def evaluate(): return True"}, Stage.PARSED, "async"),
    ({"solution": "(" * 500}, Stage.PARSED, "does not compile"),
    ({"failures": CANCEL.failures[:2]}, Stage.PARSED, "2 failure cases"),
    ({"solution": "get_order('W109')"}, Stage.RAN, "there is no 'W109'"),
    ({"failures": (*CANCEL.failures[:2], "1 / 0")}, Stage.RAN, "case 3 does not run: ZeroDivisionError"),
    ({"evaluate": "def evaluate(): return 1"}, Stage.RAN, "must return True or False"),
    ({"evaluate": "def evaluate(): return get_order('W102')['paid']"}, Stage.RAN, "KeyError"),
    ({"solution": "get_order('W102')"}, Stage.SOLUTION_PASSED, "does not pass"),
    ({"failures": (*CANCEL.failures[:2], CANCEL.solution)}, Stage.FAILURES_FAILED, "failure case 3 passes"),
    (
        {"evaluate": "def evaluate(): return get_order('W101')['status'] == 'pending'",
         "failures": (CANCEL.failures[0],) * 3},
        Stage.NOOP_FAILED,
        "doing nothing",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "stage", "reason"), FALLS)
def test_each_fault_falls_at_its_stage(
    judge: Judge, change: dict[str, object], stage: Stage, reason: str
) -> None:
    verdict = judge(replace(CANCEL, **change))
    assert (verdict.outcome, verdict.stage) == (Outcome.FAILED, stage)
    assert reason in verdict.reason
    assert verdict.feedback


def test_a_broken_sandbox_is_never_a_verdict_of_failed(judge: Judge) -> None:
    judge.runner.sandbox.broken = True
    assert judge(CANCEL).outcome is Outcome.COULD_NOT_CHECK


def test_every_verdict_says_which_sandbox_gave_it(judge: Judge) -> None:
    for task in (CANCEL, replace(CANCEL, evaluate="")):
        assert judge(task).diagnostics["sandbox"] == "inline, tier none"


def test_filters_stop_where_they_say(judge: Judge) -> None:
    lax = replace(CANCEL, evaluate="def evaluate(): return True")
    wrong = replace(CANCEL, solution="get_order('W102')")
    mute = replace(CANCEL, evaluate="def evaluate(): return 1")
    table = {
        Filter.NONE: (True, True, True),
        Filter.VERIFIER: (True, True, False),
        Filter.SOLUTION: (True, False, False),
        Filter.PAPER: (False, False, False),
        Filter.FULL: (False, False, False),
    }
    for filters, expected in table.items():
        assert tuple(judge(task, filters).passed for task in (lax, wrong, mute)) == expected, filters


def test_reached_is_the_last_stage_before_the_fall(judge: Judge) -> None:
    assert judge(replace(CANCEL, solution="get_order('W102')")).reached is Stage.RAN
    assert judge(replace(CANCEL, instruction="")).reached is Stage.PROPOSED
