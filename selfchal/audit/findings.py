"""What an audit says: findings on single tasks, and the verdict on a task that follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class CheckName(StrEnum):
    """The checks of an audit, in the order in which reports list them."""

    READABLE = "readable"  # the task has the parts that its format asks for
    ORACLE = "oracle"  # the task's own solution passes
    REPEATED_ORACLE = "repeated oracle"  # and passes again in a fresh world
    DETERMINISM = "determinism"  # two runs leave the same world, and say the same
    NO_OP = "no-op"  # doing nothing does not pass
    FAILURE_CASES = "failure cases"  # what the task calls a failure does not pass
    ALTERED_SOLUTION = "altered solution"  # the solution with a part left out or changed does not pass
    ANSWERS = "answers"  # empty and random answers do not pass
    VACUOUS = "vacuous check"  # the check compares something, and is not skipped
    HIDDEN_DEMAND = "hidden demand"  # what is demanded is said, or can be looked up
    LEAK = "leaked solution"  # whoever plays the task cannot read its solution or its check
    DUPLICATE = "duplicate"  # no other task of the set is the same
    HACKER = "hacker"  # a model that sees the check cannot pass without doing the task
    TEST_SET = "test set"  # no task of a test set is the same


class Grade(StrEnum):
    """How sure a finding is. Only what is certain makes a task fall."""

    CERTAIN = "certain"
    DOUBTFUL = "doubtful"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Finding:
    """What one check found on one task, in a sentence. ``task`` is its number in the set, from 0."""

    task: int
    check: CheckName
    grade: Grade
    reason: str


class TaskVerdict(StrEnum):
    """What an audit says of a task, the worst first."""

    UNREADABLE = "unreadable"
    UNSOUND = "unsound"  # something certain was found
    DOUBTFUL = "doubtful"  # nothing certain, but something that a person should look at
    NOT_RUN = "not run"  # nothing was found by reading, and nothing was run
    SOUND = "sound"  # the solution passes, doing nothing does not, and nothing was found


_MUST_RUN = (CheckName.ORACLE, CheckName.NO_OP)


def give_verdict(findings: Iterable[Finding]) -> TaskVerdict:
    """The verdict on a task from everything that was found on it."""
    seen = {(finding.check, finding.grade) for finding in findings}
    grades = {grade for _, grade in seen}
    if (CheckName.READABLE, Grade.CERTAIN) in seen:
        return TaskVerdict.UNREADABLE
    if Grade.CERTAIN in grades:
        return TaskVerdict.UNSOUND
    if Grade.DOUBTFUL in grades:
        return TaskVerdict.DOUBTFUL
    if any((check, Grade.NOT_CHECKED) in seen for check in _MUST_RUN):
        return TaskVerdict.NOT_RUN
    return TaskVerdict.SOUND


def skip_checks(task: int, checks: Sequence[CheckName], reason: str) -> list[Finding]:
    """A finding for each check that could not be made."""
    return [Finding(task, check, Grade.NOT_CHECKED, reason) for check in checks]
