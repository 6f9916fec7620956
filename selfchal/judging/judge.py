"""The judge: from a task to a verdict with its reason, by running the task's code, stage by stage.

The paper's filter (appendix A) comes first: everything runs, the solution passes, every failure case fails.
Then come the checks. What the challenger can mend is told in ``feedback``, with the traceback.
"""

from __future__ import annotations

import secrets
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import ClassVar

from pydantic import BaseModel

from selfchal.core.environment import list_unchecked
from selfchal.core.errors import ModelError, PluginError, SandboxError
from selfchal.core.evidence import Evidence, Trial
from selfchal.core.judge import (
    FUNNEL,
    AnyCheck,
    Check,
    Filter,
    Finding,
    Outcome,
    Stage,
    Verdict,
)
from selfchal.core.sandbox import Execution, Guarantees, Limits, Program, Sandbox, Session
from selfchal.core.task import MIN_FAILURES, Task, TestTask
from selfchal.core.world import Json, ToolHost
from selfchal.judging.checks.standard import make_standard_checks
from selfchal.judging.comparing import list_comparing, refuse_alike
from selfchal.judging.coverage import uses
from selfchal.judging.feedback import brief, explain_error, explain_evaluation_error, explain_refusal
from selfchal.judging.findings import expect_finding
from selfchal.judging.runner import SandboxTaskRunner, answer_type
from selfchal.judging.source.parse import SourceError, parse_evaluate, parse_source
from selfchal.judging.tool_errors import count_calls
from selfchal.judging.trials import gather_evidence

_LAST = {
    Filter.NONE: Stage.PARSED,
    Filter.VERIFIER: Stage.RAN,
    Filter.SOLUTION: Stage.SOLUTION_PASSED,
    Filter.PAPER: Stage.FAILURES_FAILED,
    Filter.FULL: Stage.NEW,
}


@dataclass(frozen=True)
class Judge:
    """``judge(task)`` gives a verdict; several threads may ask at once.

    ``checks`` are all that come past the paper's filter: the standard ones where nothing else is said. They
    are asked in the order of the funnel, and of one stage in the order in which they are given. Wrong
    outcomes are drawn from the ``secret``.
    """

    runner: SandboxTaskRunner
    checks: Sequence[AnyCheck] = field(default_factory=make_standard_checks)
    secret: str = field(default_factory=lambda: secrets.token_hex(16))

    @cached_property
    def _checks_of_one(self) -> list[Check]:
        found = [check for check in self.checks if isinstance(check, Check)]
        return sorted(found, key=lambda check: FUNNEL.index(check.stage))

    def __call__(
        self, task: Task, filters: Filter = Filter.FULL, min_failures: int = MIN_FAILURES
    ) -> Verdict:
        """Judge one task. A sandbox failure gives could-not-check; nothing that the task does raises.

        Raises PluginError where a check needs a model and none is loaded, ModelError where its model fails.
        """
        guarantees = self.runner.sandbox.guarantees
        counting = CountingSandbox(self.runner.sandbox)
        case = _Case(
            task,
            replace(self.runner, arena=replace(self.runner.arena, sandbox=counting)),
            self.secret,
            {"sandbox": f"{guarantees.sandbox}, tier {guarantees.tier}"},
        )
        needed = min_failures if filters in (Filter.PAPER, Filter.FULL) else 0
        try:
            verdict = self._judge(case, filters, needed)
        except SandboxError as error:
            verdict = case.verdict(Finding(Outcome.COULD_NOT_CHECK, str(error)))
        except (RecursionError, MemoryError, SourceError) as error:  # of taking the task's code apart
            reason = f"the task's code is too complex to be judged: {type(error).__name__}"
            verdict = case.verdict(Finding.failed(reason))
        except (PluginError, ModelError):  # of what a check was given and not of the task: no task is judged
            raise
        except Exception as error:  # noqa: BLE001 — a mistake of the judge's own must not end a run of thousands
            reason = f"{case.asked or 'the judge itself'} failed: {type(error).__name__}: {error}"
            told = traceback.format_exc(limit=-8)
            verdict = case.verdict(Finding(Outcome.COULD_NOT_CHECK, reason, told))
        return replace(verdict, diagnostics={**verdict.diagnostics, "executions": counting.runs})

    def compare(
        self,
        judged: Sequence[tuple[Task | None, Verdict]],
        earlier: Iterable[Task],
        held_out: Iterable[TestTask],
    ) -> list[Verdict]:
        """The verdicts of ``judged`` once the tasks were compared with each other, with those that were kept
        ``earlier``, and with held-out test tasks. The order decides which of two alike tasks stays."""
        return refuse_alike(list_comparing(self.checks), judged, earlier, held_out)

    def compare_with_held_out(
        self, judged: Sequence[tuple[Task | None, Verdict]], held_out: Sequence[TestTask]
    ) -> list[Verdict]:
        """``compare`` for tasks that may be alike: each is compared with the held-out test tasks alone."""
        return [verdict for one in judged for verdict in self.compare([one], (), held_out)]

    def _judge(self, case: _Case, filters: Filter, needed: int) -> Verdict:
        steps: list[tuple[Stage, Callable[[], Finding]]] = [
            (Stage.PARSED, partial(case.parse, needed)),
            (Stage.RAN, partial(case.run, filters)),
            (Stage.SOLUTION_PASSED, case.solution_passes),
            (Stage.FAILURES_FAILED, case.failures_fail),
            (Stage.NOOP_FAILED, case.nothing_fails),
        ]
        last = _LAST[filters]
        for stage, step in steps:
            case.stage = stage
            finding = step()
            if finding.outcome is not Outcome.PASSED:
                return case.verdict(finding)
            if stage is last:
                return case.verdict(finding)
        unchecked = list_unchecked(self.runner.environment)
        for check in self._checks_of_one:
            if check.name in unchecked:
                case.diagnostics[check.name] = {"left_out": unchecked[check.name]}
                continue
            case.stage, case.check = check.stage, check.name
            case.asked = f"the check {check.name!r} ({type(check).__module__})"
            finding = expect_finding(check.check(case.task, case.runner, case.evidence))
            case.diagnostics |= {check.name: dict(finding.diagnostics)} if finding.diagnostics else {}
            if finding.outcome is not Outcome.PASSED:
                return case.verdict(finding)
        return case.verdict(Finding.passed())


class CountingSandbox:
    """A sandbox that counts what is run in it: the executions that a judgement takes."""

    name: ClassVar[str] = "counting"
    Config: ClassVar[type[BaseModel]] = BaseModel

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.runs = 0

    @property
    def guarantees(self) -> Guarantees:
        return self._sandbox.guarantees

    def run(self, program: Program, tools: ToolHost | None, limits: Limits) -> Execution:
        self.runs += 1
        return self._sandbox.run(program, tools, limits)

    def session(self, tools: ToolHost | None, limits: Limits) -> Session:
        return self._sandbox.session(tools, limits)

    def close(self) -> None:
        self._sandbox.close()


@dataclass
class _Case:
    """One task before the judge."""

    task: Task
    runner: SandboxTaskRunner
    secret: str
    diagnostics: dict[str, Json]
    stage: Stage = Stage.PROPOSED
    check: str = ""  # the name of the check that is at work
    asked: str = ""  # the same, with its module, as words
    evidence: Evidence = field(init=False)  # there once the stage "ran" was tried

    def verdict(self, finding: Finding) -> Verdict:
        """The finding as a verdict; the check that is at work is named unless the task passed."""
        check = "" if finding.outcome is Outcome.PASSED else self.check
        diagnostics = dict(self.diagnostics)
        return Verdict(finding.outcome, self.stage, finding.reason, finding.feedback, diagnostics, check)

    def parse(self, needed: int) -> Finding:
        task = self.task
        try:
            if not task.instruction.strip():
                raise SourceError("the instruction is empty")
            parse_evaluate(task.evaluate)
            parse_source(task.solution, "the solution")
            for number, source in enumerate(task.failures, start=1):
                parse_source(source, f"failure case {number}")
        except SourceError as error:
            return Finding.failed(str(error))
        try:
            self.runner.environment.open(task.context)
        except Exception as error:  # noqa: BLE001 — a task's context is whatever its author wrote
            return Finding.failed(f"the context opens no world: {type(error).__name__}: {error}")
        if len(task.failures) < needed:
            return Finding.failed(
                f"{_count_failures(len(task.failures))}; at least {needed} are needed",
            )
        return Finding.passed()

    def run(self, filters: Filter) -> Finding:
        """All code runs and ``evaluate`` answers True or False; how much of it depends on the filter."""
        task, runner = self.task, self.runner
        if filters is Filter.VERIFIER:
            return self._check_verifier()
        self.evidence = gather_evidence(task, runner, filters, self.secret)
        solution = self.evidence.solution
        self.diagnostics["answer_type"] = answer_type(solution.execution.value)
        parameters = {
            tool.name: list(tool.parameters.get("properties", {})) for tool in runner.environment.tools
        }
        self.diagnostics["uses"] = uses(solution.execution, parameters)
        runs = [solution.execution, *(trial.execution for trial in self.evidence.failures)]
        self.diagnostics["tool_calls"] = count_calls(call for run in runs for call in run.calls)
        for what, trial in self._name_trials():
            fault = _find_fault(what, trial)
            if fault:
                return fault
        return Finding.passed()

    def _check_verifier(self) -> Finding:
        trial = self.runner.try_code(self.task, self.task.solution)
        self.diagnostics["answer_type"] = answer_type(trial.execution.value)
        if trial.evaluation is not None and not _find_fault("the solution", trial):
            return Finding.passed()
        return _find_fault("doing nothing", self.runner.try_nothing(self.task)) or Finding.passed()

    def solution_passes(self) -> Finding:
        if self.evidence.solution.passes:
            return Finding.passed()
        return Finding.failed(
            "the solution does not pass evaluate",
            explain_refusal(self.evidence.solution),
        )

    def failures_fail(self) -> Finding:
        passing = [n for n, trial in enumerate(self.evidence.failures, start=1) if trial.passes]
        if not passing:
            return Finding.passed()
        cure = "Make evaluate stricter, or make that failure case really wrong."
        if _end_alike(self.evidence.failures[passing[0] - 1], self.evidence.solution):
            cure = "It ends as the solution does. Write one that does something else, and goes wrong."
        if self.evidence.nothing.passes:  # then the failure cases are not at fault
            cure = "It is True when nothing was done, too. Ask for something that is not so from the start."
        return Finding.failed(
            f"failure case {passing[0]} passes evaluate",
            f"Failure case {passing[0]} was accepted: evaluate returned True after it. {cure}",
        )

    def nothing_fails(self) -> Finding:
        evaluation = self.evidence.nothing.evaluation
        self.diagnostics["noop_raises"] = evaluation is not None and not evaluation.ok
        if not self.evidence.nothing.passes:
            return Finding.passed()
        return Finding.failed(
            "doing nothing passes evaluate",
            "evaluate returned True although nothing was done. It must be True only after the task is done.",
        )

    def _name_trials(self) -> list[tuple[str, Trial]]:
        failures = enumerate(self.evidence.failures, start=1)
        named = [(f"failure case {number}", trial) for number, trial in failures]
        return [("the solution", self.evidence.solution), *named]


def _end_alike(trial: Trial, other: Trial) -> bool:
    """Did both end in the same state and with the same answer?"""
    return trial.execution.value == other.execution.value and trial.world.digest() == other.world.digest()


def _find_fault(what: str, trial: Trial) -> Finding | None:
    """Why this trial did not run to a True or False, if it did not."""
    execution, evaluation = trial.execution, trial.evaluation
    if not execution.ok:
        return Finding.failed(f"{what} does not run: {brief(execution)}", explain_error(what, execution))
    assert evaluation is not None, "code that ran was evaluated"
    if not evaluation.ok:
        return Finding.failed(
            f"evaluate does not run after {what}: {brief(evaluation)}",
            explain_evaluation_error(what, evaluation),
        )
    if not isinstance(evaluation.value, bool):
        return Finding.failed(
            f"evaluate returned {str(evaluation.value)[:80]!r} after {what}; it must return True or False"
        )
    return None


def _count_failures(count: int) -> str:
    return "there is 1 failure case" if count == 1 else f"there are {count} failure cases"
