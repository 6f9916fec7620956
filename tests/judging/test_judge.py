"""The stages of the paper's filter, in order, each with a task that falls at it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
from pydantic import BaseModel

from selfchal.core.arena import Arena
from selfchal.core.episode import Reward
from selfchal.core.evidence import Evidence, TaskRunner
from selfchal.core.judge import AnyCheck, Filter, Finding, Outcome, Stage
from selfchal.core.sandbox import Limits
from selfchal.core.task import Task
from selfchal.judging import Judge
from selfchal.judging.checks.standard import make_standard_checks
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.testing.in_process import InProcessSandbox
from tests.support.shop import ASSERTS, CANCEL, COUNT, Shop, ShopEnvironment


@pytest.fixture
def judge() -> Judge:
    return Judge(SandboxTaskRunner(Arena(Shop(), InProcessSandbox(), Limits())))


def test_a_sound_task_passes_every_stage(judge: Judge) -> None:
    verdict = judge(CANCEL)
    assert verdict.passed, verdict.reason


def test_a_sound_task_with_an_answer_passes() -> None:
    verdict = Judge(SandboxTaskRunner(Arena(ShopEnvironment(), InProcessSandbox(), Limits())))(COUNT)
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
    runner, task = (
        SandboxTaskRunner(Arena(Shop(), InProcessSandbox(), Limits())),
        replace(CANCEL, evaluate=ASSERTS),
    )
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
    assert not verdict.check, "the paper's filter refused it"


def test_a_task_that_is_done_from_the_start_is_told_apart_from_one_with_a_lenient_verifier(
    judge: Judge,
) -> None:
    evaluate = "def evaluate(): return get_order('W101')['status'] in ('pending', 'cancelled')"
    done_before = judge(replace(CANCEL, evaluate=evaluate))
    assert done_before.stage == Stage.FAILURES_FAILED
    assert "It is True when nothing was done, too." in done_before.feedback
    evaluate = "def evaluate(): return get_order('W102')['status'] == 'cancelled'"
    reason = CANCEL.solution.replace("no longer need it", "changed my mind")
    assert reason != CANCEL.solution
    lenient = judge(replace(CANCEL, evaluate=evaluate, failures=(*CANCEL.failures[:2], reason)))
    assert "Make evaluate stricter" in lenient.feedback


def test_a_failure_case_that_does_the_task_is_told_apart_from_a_lenient_verifier(judge: Judge) -> None:
    done = judge(replace(CANCEL, failures=(*CANCEL.failures[:2], CANCEL.solution)))
    assert done.stage == Stage.FAILURES_FAILED
    assert "It ends as the solution does." in done.feedback


VAGUE = replace(CANCEL, instruction="You are Ann Lee. Cancel your order.")


@dataclass
class Polite:
    """A check by somebody else."""

    name: ClassVar[str] = "polite"
    stage: ClassVar[Stage] = Stage.COMPLETE
    Config: ClassVar[type[BaseModel]] = BaseModel

    def check(self, task: Task, runner: TaskRunner, evidence: Evidence) -> Finding:
        if "please" in task.instruction.casefold():
            return Finding.passed(words=len(task.instruction.split()))
        return Finding.failed("the instruction is rude")


@pytest.mark.parametrize(
    ("checks", "stage"),
    [
        (make_standard_checks(), Stage.COMPLETE),
        ([], None),
        ([check for check in make_standard_checks() if check.name != "completeness"], None),
        ([Polite()], Stage.COMPLETE),
    ],
)
def test_the_checks_that_a_judge_is_given_are_all_that_judge(
    judge: Judge, checks: list[AnyCheck], stage: Stage | None
) -> None:
    verdict = replace(judge, checks=checks)(VAGUE)
    assert verdict.passed == (stage is None), verdict.reason
    assert stage in (None, verdict.stage)


def test_a_check_by_somebody_else_judges_beside_the_standard_ones_of_its_stage(judge: Judge) -> None:
    both = replace(judge, checks=[Polite(), *make_standard_checks()])
    rude, polite = both(CANCEL), both(replace(CANCEL, instruction=f"Please! {CANCEL.instruction}"))
    assert (rude.stage, rude.reason) == (Stage.COMPLETE, "the instruction is rude")
    assert polite.passed, polite.reason
    assert polite.diagnostics["polite"] == {"words": 18}
    assert (rude.check, polite.check) == ("polite", "")
    assert both(VAGUE).reason == "the instruction is rude"
    vague = both(replace(VAGUE, instruction=f"Please! {VAGUE.instruction}"))
    assert (vague.stage, vague.check) == (Stage.COMPLETE, "completeness")
    assert "does not say" in vague.reason


def test_a_judge_compares_tasks_by_its_own_checks_alone(judge: Judge) -> None:
    judged = [(CANCEL, judge(CANCEL))] * 2
    assert [verdict.passed for verdict in judge.compare(judged, [], [])] == [True, False]
    without = replace(judge, checks=[Polite()])
    assert [verdict.passed for verdict in without.compare(judged, [], [])] == [True, True]


def test_a_broken_sandbox_is_never_a_verdict_of_failed(judge: Judge) -> None:
    judge.runner.sandbox.broken = True
    verdict = judge(CANCEL)
    assert verdict.outcome is Outcome.COULD_NOT_CHECK
    assert "the sandbox in_process failed: unplugged" in verdict.reason


def test_every_verdict_says_which_sandbox_gave_it(judge: Judge) -> None:
    for task in (CANCEL, replace(CANCEL, evaluate="")):
        assert judge(task).diagnostics["sandbox"] == "in_process, tier none"


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
