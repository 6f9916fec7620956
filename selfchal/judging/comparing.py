"""Tasks compared with each other and with held-out test tasks, once each of them was judged by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from selfchal.core.errors import PluginError
from selfchal.core.judge import FUNNEL, AnyCheck, ComparingCheck, Finding, Outcome, Stage, Verdict
from selfchal.core.task import Task, TestTask
from selfchal.core.world import Json
from selfchal.judging.findings import expect_finding

_PAST_PAPER = FUNNEL[FUNNEL.index(Stage.FAILURES_FAILED) + 1 :]


def list_comparing(checks: Iterable[AnyCheck]) -> list[ComparingCheck]:
    """Those of the checks that compare tasks, in the order of the funnel."""
    found = [check for check in checks if isinstance(check, ComparingCheck)]
    return sorted(found, key=lambda check: FUNNEL.index(check.stage))


def refuse_alike(
    checks: Sequence[ComparingCheck],
    judged: Sequence[tuple[Task | None, Verdict]],
    earlier: Iterable[Task],
    held_out: Iterable[TestTask],
) -> list[Verdict]:
    """The verdicts, of which those that passed are refused where a check says so.

    ``judged`` are in the order in which the tasks were proposed; ``earlier`` were kept before them. A verdict
    of the paper's filter alone stays as it is: whoever asks for that filter gets its set, twins included.
    """
    verdicts = [verdict for _, verdict in judged]
    tasks = {i: task for i, (task, verdict) in enumerate(judged) if task and _is_compared(verdict)}
    if not checks or not tasks:
        return verdicts
    before, tests = list(earlier), list(held_out)
    for check in checks:
        passing = [i for i in tasks if verdicts[i].passed]
        findings = _compare(check, [tasks[i] for i in passing], before, tests)
        for i, finding in zip(passing, findings, strict=True):
            measured = {check.name: dict(finding.diagnostics)} if finding.diagnostics else {}
            diagnostics = {**verdicts[i].diagnostics, **measured}
            if finding.outcome is Outcome.PASSED:
                verdicts[i] = replace(verdicts[i], diagnostics=diagnostics)
            else:
                verdicts[i] = Verdict(
                    finding.outcome, check.stage, finding.reason, finding.feedback, diagnostics, check.name
                )
    return verdicts


def note_alike(checks: Sequence[ComparingCheck], tasks: Sequence[Task]) -> list[dict[str, Json]]:
    """For each task, by the check's name, what a check would refuse it for and what was measured.

    Nothing is refused: in a set of somebody's own, tasks may be alike on purpose.
    """
    notes: list[dict[str, Json]] = [{} for _ in tasks]
    for check in checks:
        for note, finding in zip(notes, _compare(check, tasks, (), ()), strict=True):
            if finding.outcome is not Outcome.PASSED:
                note[check.name] = {"reason": finding.reason, **finding.diagnostics}
    return notes


def _compare(
    check: ComparingCheck, tasks: Sequence[Task], earlier: Sequence[Task], held_out: Sequence[TestTask]
) -> list[Finding]:
    """What the check found, a finding for each task. Raises PluginError where it fails: that is no task's
    fault."""
    try:
        findings = [expect_finding(one) for one in check.compare(tasks, earlier, held_out)]
        if len(findings) != len(tasks):
            raise TypeError(f"it gave {len(findings)} findings for {len(tasks)} tasks")
    except Exception as error:
        where = f"the check {check.name!r} ({type(check).__module__})"
        raise PluginError(f"{where} failed: {type(error).__name__}: {error}") from error
    return findings


def _is_compared(verdict: Verdict) -> bool:
    return verdict.passed and verdict.reached in _PAST_PAPER
