"""One process for most of a task's code: what it shows is what each piece shows in a process of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfchal.core.arena import Arena
from selfchal.core.evidence import Evidence, TaskRunner, Trial
from selfchal.core.judge import Filter, Stage
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.task import Task
from selfchal.judging import Judge
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.judging.trials import gather_evidence
from tests.support.shop import CANCEL, COUNT, Shop, ShopEnvironment

RAISES = """
def evaluate():
    one, other = get_order("W101"), get_order("W102")
    if (one["status"], other["status"], other["city"]) == ("pending", "pending", "Oslo"):
        raise KeyError("nothing was done")
    return (one["status"], other["status"]) == ("pending", "cancelled")
"""
# True wherever its own globals hold none of the names of what it runs in
LOOKS = """
def evaluate(answer):
    return not [name for name in globals() if name.startswith("_selfchal") or name in ("_given", "_run", "_b")]
"""


def runner(environment: Shop, sandbox: Sandbox) -> TaskRunner:
    return SandboxTaskRunner(Arena(environment, sandbox, Limits()))


def shown(trial: Trial) -> tuple[object, ...]:
    calls = [
        (call.name, call.args, call.kwargs, call.value, call.ok, call.changed)
        for call in trial.execution.calls
    ]
    ran = trial.evaluation is not None and trial.evaluation.ok
    return trial.execution.value, trial.world.digest(), trial.passes, ran, calls


def rest(evidence: Evidence) -> list[tuple[object, ...]]:
    return [shown(trial) for trial in (*evidence.failures, evidence.nothing)]


@pytest.mark.parametrize(
    ("task", "environment"),
    [(CANCEL, Shop()), (replace(CANCEL, evaluate=RAISES), Shop()), (COUNT, ShopEnvironment())],
)
def test_it_shows_the_same(process_sandbox: Sandbox, task: Task, environment: Shop) -> None:
    together = gather_evidence(task, runner(environment, process_sandbox), Filter.FULL)
    alone = gather_evidence(task, runner(environment, process_sandbox), Filter.PAPER)
    assert rest(together) == rest(alone)
    assert together.again == [[True, False, False, False, "raised" if task.evaluate == RAISES else False]]


def test_it_takes_four_processes(process_sandbox: Sandbox) -> None:
    verdict = Judge(runner(Shop(), process_sandbox))(CANCEL)
    assert verdict.passed
    assert verdict.diagnostics["executions"] == 4


@pytest.mark.parametrize(
    "failure",
    [
        CANCEL.solution,  # is accepted
        "raise SystemExit",
        "get_order('W999')['status']",
        "print('x' * 10**6)",
        "result = {1, 2}",
        "result = []\nfor _ in range(500): result = [result]",
    ],
)
def test_what_is_not_clean_is_run_in_processes_of_its_own(process_sandbox: Sandbox, failure: str) -> None:
    task = replace(CANCEL, failures=(*CANCEL.failures, failure))
    together = Judge(runner(Shop(), process_sandbox))(task)
    alone = Judge(runner(Shop(), process_sandbox))(task, Filter.PAPER)
    assert not together.passed
    assert (together.stage, together.reason) == (alone.stage, alone.reason)


def test_the_code_sees_nothing_of_what_it_runs_in(process_sandbox: Sandbox) -> None:
    verdict = Judge(runner(ShopEnvironment(), process_sandbox))(replace(COUNT, evaluate=LOOKS))
    assert verdict.stage == Stage.FAILURES_FAILED, verdict.reason
