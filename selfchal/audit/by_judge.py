"""What the judge of Code-as-Task finds, as findings of an audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from selfchal.api.judging import judge_rows
from selfchal.api.opening import EnvironmentLike, SandboxLike
from selfchal.audit.findings import CheckName, Finding, Grade, skip_checks
from selfchal.core.judge import Outcome, Stage
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.judging.rows import UnreadableRow, read_row

# The check of an audit that a stage of the judge's funnel stands for.
_CHECKS = {
    Stage.PARSED: CheckName.READABLE,
    Stage.RAN: CheckName.ORACLE,
    Stage.SOLUTION_PASSED: CheckName.ORACLE,
    Stage.FAILURES_FAILED: CheckName.FAILURE_CASES,
    Stage.NOOP_FAILED: CheckName.NO_OP,
    Stage.STABLE: CheckName.DETERMINISM,
    Stage.STRONG: CheckName.ALTERED_SOLUTION,
    Stage.COMPLETE: CheckName.HIDDEN_DEMAND,
}


def find_by_judge(
    rows: Sequence[Json], environment: EnvironmentLike, sandbox: SandboxLike, secret: str | None
) -> Iterator[Finding]:
    """A finding for each row that falls; the judge ends at the first check that refuses."""
    checks = [{"name": "novelty", "enabled": False}]  # alike tasks are compared for all formats
    verdicts = judge_rows(rows, environment, sandbox, checks=checks, processes=None, secret=secret)
    for number, (row, verdict) in enumerate(zip(rows, verdicts, strict=True)):
        if verdict["outcome"] == Outcome.COULD_NOT_CHECK:
            yield from skip_checks(number, list(dict.fromkeys(_CHECKS.values())), verdict["reason"])
        elif verdict["outcome"] != Outcome.PASSED:
            yield Finding(number, _name_check(row, verdict), Grade.CERTAIN, verdict["reason"])
        elif unsure := verdict["diagnostics"].get("completeness", {}).get("unsure"):
            said = "; ".join(map(str, unsure))
            yield Finding(number, CheckName.HIDDEN_DEMAND, Grade.DOUBTFUL, f"Words alone do not tell: {said}")


def _name_check(row: Json | UnreadableRow, verdict: Mapping[str, Json]) -> CheckName:
    """A row that holds a task whose code does not compile can be read, and its solution does not run."""
    check = _CHECKS[Stage(verdict["stage"])]
    readable = check is CheckName.READABLE and isinstance(read_row(row), Task)
    return CheckName.ORACLE if readable else check
