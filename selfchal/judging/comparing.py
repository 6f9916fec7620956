"""Tasks compared with each other and with held-out test tasks, once each of them was judged by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from selfchal.core.judge import FUNNEL, AnyCheck, ComparingCheck, Outcome, Stage, Verdict
from selfchal.core.task import Task, TestTask
from selfchal.core.world import Json

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
        findings = check.compare([tasks[i] for i in passing], before, tests)
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
        for note, finding in zip(notes, check.compare(tasks, (), ()), strict=True):
            if finding.outcome is not Outcome.PASSED:
                note[check.name] = {"reason": finding.reason, **finding.diagnostics}
    return notes


def _is_compared(verdict: Verdict) -> bool:
    return verdict.passed and verdict.reached in _PAST_PAPER
