"""One process for most of a task's code: what it shows is what each piece shows in a process of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfchal.core.arena import Arena
from selfchal.core.evidence import Evidence, Trial
from selfchal.core.judge import Filter, Stage
from selfchal.core.sandbox import Limits, Program, Sandbox
from selfchal.core.task import Task
from selfchal.judging import Judge, trials
from selfchal.judging.checks import strength
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


def runner(environment: Shop, sandbox: Sandbox) -> SandboxTaskRunner:
    return SandboxTaskRunner(Arena(environment, sandbox, Limits()))


def shown(trial: Trial) -> tuple[object, ...]:
    calls = [
        (call.name, call.args, call.kwargs, call.value, call.ok, call.changed)
        for call in trial.execution.calls
    ]
    ran = trial.evaluation is not None and trial.evaluation.ok
    return trial.execution.value, trial.world.digest(), trial.passes, ran, calls


def everything(evidence: Evidence) -> list[tuple[object, ...]]:
    return [shown(trial) for trial in (evidence.solution, *evidence.failures, evidence.nothing)]


@pytest.mark.parametrize(
    ("task", "environment"),
    [
        (CANCEL, Shop()),
        (replace(CANCEL, evaluate=RAISES), Shop()),
        (COUNT, ShopEnvironment()),
        (replace(CANCEL, evaluate=f"import datetime\n{CANCEL.evaluate}"), Shop()),
    ],
)
def test_it_shows_the_same(process_sandbox: Sandbox, task: Task, environment: Shop) -> None:
    together = gather_evidence(task, runner(environment, process_sandbox), Filter.FULL)
    alone = gather_evidence(task, runner(environment, process_sandbox), Filter.PAPER)
    assert everything(together) == everything(alone)
    assert together.again == [[True, False, False, False, "raised" if task.evaluate == RAISES else False]]


def test_plain_code_takes_two_processes(process_sandbox: Sandbox) -> None:
    verdict = Judge(runner(Shop(), process_sandbox))(CANCEL)
    assert verdict.passed
    assert verdict.diagnostics["executions"] == 2


def test_plain_code_of_a_verifier_that_is_not_plain_shares_a_process(process_sandbox: Sandbox) -> None:
    """One process for the codes, one for the altered outcomes. The verifier has one of its own after the
    solution, the three failure cases or none, doing nothing, and up to six altered outcomes."""
    task = replace(CANCEL, evaluate=f"import datetime\n{CANCEL.evaluate}")
    codes_alone = replace(task, solution=f"import datetime\n{task.solution}")
    taken = [
        int(Judge(runner(Shop(), process_sandbox))(one).diagnostics["executions"])
        for one in (task, codes_alone)
    ]
    assert taken[1] - taken[0] == 1 + len(task.failures)


@pytest.mark.parametrize("evaluate", ["answer == 3", "get_order('W101')['city'] == 'Rome'"])
def test_a_solution_that_is_not_accepted_is_run_alone_and_its_failure_told(
    process_sandbox: Sandbox, evaluate: str
) -> None:
    task = replace(
        CANCEL, evaluate=f"def evaluate(answer):\n    assert {evaluate}, 'not yet'\n    return True"
    )
    verdict = Judge(runner(Shop(), process_sandbox))(task)
    assert verdict.stage == Stage.SOLUTION_PASSED
    assert "not yet" in verdict.feedback
    assert verdict.diagnostics["executions"] == 3


def test_another_verdict_in_the_second_process_fails_the_task(
    process_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that is plain can do that. So here all is taken for plain, the order of a set too."""
    for module in (trials, strength):
        monkeypatch.setattr(module, "all_pure", lambda *_: True)
    order = "list({'a', 'b', 'c', 'd', 'e', 'f'})"
    under_other_seed = runner(Shop(), process_sandbox).run(
        Program(f"result = {order}", hash_seed=1), Shop().open({})
    )
    lucky = f"return {order} == {under_other_seed.value!r} and"
    task = replace(CANCEL, evaluate=CANCEL.evaluate.replace("return", lucky))
    verdict = Judge(runner(Shop(), process_sandbox))(task)
    assert "another verdict when it is run again" in verdict.reason


@pytest.mark.parametrize(
    "failure",
    [
        CANCEL.solution,  # is accepted
        "raise SystemExit",
        "get_order('W999')['status']",
        "print('x' * 10**6)",
        "result = {1, 2}",
        "result = []\nfor _ in range(500): result = [result]",
        "result = {1: 2}",
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
