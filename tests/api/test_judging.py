"""Judging through the front door: one task, several, rows; with checks, limits and processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

import selfchal
from selfchal.core.judge import Finding, Outcome, Stage
from selfchal.core.sandbox import Execution, Limits, Program
from selfchal.core.world import ToolHost
from selfchal.plugins import load_plugins
from selfchal.testing.in_process import InProcessSandbox
from tests.support.shop import CANCEL, COUNT, Shop, ShopEnvironment

WRONG = {**CANCEL.to_json(), "id": "wrong", "solution": "pass"}


def test_one_task_gives_a_verdict_and_several_give_a_list_in_order() -> None:
    verdict = selfchal.judge(CANCEL, Shop(), InProcessSandbox())
    assert isinstance(verdict, selfchal.Verdict)
    assert verdict.passed
    assert selfchal.judge(WRONG, Shop(), InProcessSandbox()).stage == Stage.SOLUTION_PASSED
    several = selfchal.judge([CANCEL, WRONG, CANCEL], Shop(), InProcessSandbox())
    assert [verdict.passed for verdict in several] == [True, False, True]
    assert several[2].diagnostics["novelty"]["near_duplicate_of"] == "cancel"
    assert selfchal.judge([], Shop(), InProcessSandbox()) == []


def test_rows_are_plain_and_come_one_by_one() -> None:
    rows = selfchal.judge_rows([CANCEL, WRONG, "nonsense"], Shop(), InProcessSandbox())
    assert next(rows)["outcome"] == "passed"
    wrong, nonsense = rows
    assert (wrong["id"], wrong["outcome"], wrong["stage"]) == ("wrong", "failed", "solution passed")
    assert "a task is a JSON object" in nonsense["reason"]
    assert {type(value) for value in wrong.values()} == {str, dict}


def test_a_sandbox_that_fails_is_no_verdict_on_the_task() -> None:
    sandbox = InProcessSandbox()
    sandbox.broken = True
    assert selfchal.judge(CANCEL, Shop(), sandbox).outcome is Outcome.COULD_NOT_CHECK


class NoOptions(BaseModel, extra="forbid"):
    pass


class Refusing:
    """A check that refuses everything."""

    name: ClassVar[str] = "refusing"
    stage: ClassVar[Stage] = Stage.COMPLETE
    Config: ClassVar[type[BaseModel]] = NoOptions

    def __init__(self, config: NoOptions) -> None:
        pass

    def check(self, task: Any, runner: Any, evidence: Any) -> Finding:
        return Finding.failed("refused by name")


def test_further_checks_are_taken_by_class_and_by_name() -> None:
    assert selfchal.judge(CANCEL, Shop(), InProcessSandbox(), checks=[Refusing]).reason == "refused by name"
    with pytest.raises(selfchal.SelfchalError, match="no check named 'atempts'; did you mean 'attempts'"):
        selfchal.judge(CANCEL, Shop(), InProcessSandbox(), checks=["atempts"])


VAGUE = replace(CANCEL, instruction="Cancel an order.")


def test_a_standard_check_is_set_switched_off_or_replaced() -> None:
    def judge(*checks: Any) -> selfchal.Verdict:
        return selfchal.judge(VAGUE, Shop(), InProcessSandbox(), checks=checks)

    assert judge().stage == Stage.COMPLETE
    assert judge({"name": "completeness", "enabled": False}).passed

    class Lenient(Refusing):
        name = "completeness"

        def check(self, task: Any, runner: Any, evidence: Any) -> Finding:
            return Finding.passed(read="nothing")

    assert judge({"name": "completeness", "enabled": False}, Lenient).diagnostics["completeness"] == {
        "read": "nothing"
    }
    with pytest.raises(selfchal.SelfchalError, match=r"checks\.1\.name: check 'novelty' is named before"):
        judge("novelty", {"name": "novelty", "near": 0.5})


def test_a_class_never_takes_the_place_of_a_standard_check_unasked() -> None:
    class Completeness(Refusing):
        name = "completeness"

    with pytest.raises(
        selfchal.SelfchalError, match=r"has the name 'completeness'.*'enabled': False"
    ) as raised:
        selfchal.judge(VAGUE, Shop(), InProcessSandbox(), checks=[Completeness])
    for cls in (Completeness, load_plugins().find("check", "completeness")):
        assert f"{cls.__module__}.{cls.__qualname__}" in str(raised.value)
    standard = load_plugins().find("check", "completeness")
    assert selfchal.judge(VAGUE, Shop(), InProcessSandbox(), checks=[standard]).check == "completeness"


def test_what_a_comparing_check_finds_is_noted_under_its_name() -> None:
    class Pairs:
        name: ClassVar[str] = "pairs"
        stage: ClassVar[Stage] = Stage.NEW
        Config: ClassVar[type[BaseModel]] = NoOptions

        def __init__(self, config: NoOptions) -> None:
            pass

        def compare(self, tasks: Sequence[Any], earlier: Any, held_out: Any) -> list[Finding]:
            return [Finding.failed("it comes second", first=tasks[0].id) for _ in tasks]

    off = {"name": "novelty", "enabled": False}
    verdicts = selfchal.judge([CANCEL, WRONG], Shop(), InProcessSandbox(), checks=[Pairs, off])
    assert [verdict.passed for verdict in verdicts] == [True, False]
    assert [verdict.diagnostics["pairs"] for verdict in verdicts] == [
        {"reason": "it comes second", "first": "cancel"}
    ] * 2
    assert "novelty" not in verdicts[1].diagnostics


class Recording(InProcessSandbox):
    """Remembers the least seconds that an execution was given."""

    seconds = float("inf")

    def run(self, program: Program, tools: ToolHost | None, limits: Limits) -> Execution:
        self.seconds = min(self.seconds, limits.seconds)
        return super().run(program, tools, limits)


def test_limits_are_those_of_each_execution() -> None:
    usual, short = Recording(), Recording()
    selfchal.judge(COUNT, ShopEnvironment(), usual)
    selfchal.judge(COUNT, ShopEnvironment(), short, limits=selfchal.Limits(seconds=0.5))
    assert usual.seconds >= Limits().seconds  # more where several runs share a process
    assert short.seconds == usual.seconds * 0.5 / Limits().seconds


LEND = {
    "id": "lend",
    "instruction": "How many readers have a fine of more than 5.00?",
    "evaluate": "def evaluate(answer):\n    return answer == 'R100'",
    "solution": "result = find_reader(name='Nobody At All')",
    "failures": ["result = 1", "result = 2", "result = 3"],
}


@pytest.mark.slow
def test_other_processes_open_an_environment_of_another_package_by_its_name() -> None:
    """Its class is made by ``small_environment``, so it does not pickle; its name does."""
    if "library" not in load_plugins().names("environment"):
        pytest.skip("the package is not installed: pip install -e examples/selfchal-library")
    alone = [row["reason"] for row in selfchal.judge_rows([LEND] * 3, "library")]
    beside = [row["reason"] for row in selfchal.judge_rows([LEND] * 3, "library", processes=2)]
    assert "no reader is called 'Nobody At All'" in alone[0]
    assert beside == alone


@pytest.mark.slow
def test_a_script_that_starts_processes_without_its_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "judge_some.py"
    lines = ["import selfchal", f"selfchal.judge([{LEND!r}] * 9, 'calculation', processes=2)"]
    script.write_text("\n".join(lines), encoding="utf-8")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=120)
    assert done.stderr.rstrip().endswith('if __name__ == "__main__":')
    assert done.stderr.count("no process could be started") == 1
