"""The audit of a path: its format is found, its tasks are read, every check is made, all is gathered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from selfchal.audit.code_as_task import CodeAsTask
from selfchal.audit.findings import CheckName, Finding, Grade, TaskVerdict, give_verdict, skip_checks
from selfchal.audit.hacking import find_by_hacking, open_hacker
from selfchal.audit.harbor import Harbor
from selfchal.audit.likeness import find_duplicates, find_leakage
from selfchal.audit.task_sets import AuditError, AuditRequest, GivenTask, TaskReader, TaskSet
from selfchal.audit.tau2_bench import Tau2Bench
from selfchal.audit.tau_bench import TauBench
from selfchal.audit.verifiers import Verifiers
from selfchal.pipeline.missing import describe_missing

READERS: Sequence[TaskReader] = (CodeAsTask(), Harbor(), Verifiers(), Tau2Bench(), TauBench())
MOST_TASKS = 100_000


@dataclass(frozen=True)
class AuditedTask:
    """A task, the verdict on it, and what was found."""

    task: GivenTask
    verdict: TaskVerdict
    findings: Sequence[Finding]


@dataclass(frozen=True)
class Audit:
    """What was found on a set of tasks."""

    path: str
    format: str
    tasks: Sequence[AuditedTask]
    test_set: str | None  # the path of the one that the tasks were compared with
    hacker: str | None = None  # the manifest of the model that tried to pass

    @property
    def verdicts(self) -> dict[TaskVerdict, int]:
        """How many tasks have each verdict, the worst first."""
        counted = Counter(task.verdict for task in self.tasks)
        return {verdict: counted[verdict] for verdict in TaskVerdict if counted[verdict]}

    @property
    def checks(self) -> dict[CheckName, dict[Grade, int]]:
        """For each check that found something or could not be made, the number of tasks by grade."""
        tasks = {
            (finding.check, finding.grade, finding.task) for task in self.tasks for finding in task.findings
        }
        counted = Counter((check, grade) for check, grade, _ in tasks)
        return {
            check: {grade: counted[check, grade] for grade in Grade}
            for check in CheckName
            if any(counted[check, grade] for grade in Grade)
        }

    @property
    def not_checked(self) -> list[tuple[CheckName, str, int]]:
        """Which checks could not be made, why, and on how many tasks."""
        counted = Counter(
            (finding.check, finding.reason)
            for task in self.tasks
            for finding in task.findings
            if finding.grade is Grade.NOT_CHECKED
            and (self.test_set or finding.check is not CheckName.TEST_SET)
        )
        order = list(CheckName)
        rows = [(check, reason, count) for (check, reason), count in counted.items()]
        if self.test_set is None:
            rows.append((CheckName.TEST_SET, "No test set was named (--against FILE).", len(self.tasks)))
        if self.hacker is None:
            rows.append((CheckName.HACKER, "No model was named (--hacker MANIFEST).", len(self.tasks)))
        return sorted(rows, key=lambda row: (order.index(row[0]), -row[2], row[1]))

    @property
    def exit_code(self) -> int:
        """0 where nothing certain was found, 1 where something was, 2 where a task could not be read."""
        worst = next(iter(self.verdicts))
        return {TaskVerdict.UNREADABLE: 2, TaskVerdict.UNSOUND: 1}.get(worst, 0)


def audit(
    path: Path,
    request: AuditRequest | None = None,
    against: Path | None = None,
    hacker: Path | None = None,
) -> Audit:
    """Make every check that the format of the path allows.

    ``against`` holds a test set, in any of the formats; without one leakage is not checked. ``hacker`` is a
    manifest whose model tries to pass each task with an ``evaluate`` without doing it.

    Raises AuditError where path or test set cannot be read at all, and what opening environment, sandbox and
    model raises.
    """
    asked = request or AuditRequest()
    given = read_task_set(path, asked)
    test_set = read_task_set(against, asked).tasks if against else None
    by_task: list[list[Finding]] = [[] for _ in given.tasks]
    for finding in _find_all(given, test_set, hacker, asked):
        by_task[finding.task].append(finding)
    audited = [
        AuditedTask(task, give_verdict(found), found)
        for task, found in zip(given.tasks, by_task, strict=True)
    ]
    return Audit(
        str(path), given.format, audited, str(against) if against else None, str(hacker) if hacker else None
    )


def read_task_set(path: Path, request: AuditRequest) -> TaskSet:
    """The tasks of a path, by the first reader that knows its format. Raises AuditError."""
    if not path.exists():
        raise AuditError(describe_missing(path, "file or folder of tasks", Path.exists))
    for reader in READERS:
        given = reader.read(path, request)
        if given is None:
            continue
        if not given.tasks:
            raise AuditError(f"{path} holds no task")
        if len(given.tasks) > MOST_TASKS:
            raise AuditError(f"{path} holds {len(given.tasks):,} tasks; {MOST_TASKS:,} are the most")
        return given
    formats = ", ".join(reader.format for reader in READERS)
    raise AuditError(f"{path} is of no format that can be audited ({formats}); docs/audit.md has examples")


def _find_all(
    given: TaskSet, test_set: Sequence[GivenTask] | None, hacker: Path | None, request: AuditRequest
) -> Iterator[Finding]:
    yield from given.find()
    yield from find_duplicates(given.tasks)
    if test_set is not None:
        yield from find_leakage(given.tasks, test_set)
    if hacker is not None:
        coded = {one.number for one in given.coded}
        for number in (number for number in range(len(given.tasks)) if number not in coded):
            yield from skip_checks(number, (CheckName.HACKER,), "It has no evaluate that a model could read.")
        with open_hacker(hacker) as chat:
            yield from find_by_hacking(given.coded, chat, request)
