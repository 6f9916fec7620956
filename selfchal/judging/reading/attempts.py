"""Attempts by a solver: can the values be found without being told?

A solver that passes from the instruction alone has found every value, so they count as said. Attempts that
fail mean nothing by themselves, because the task may be too hard for the solver. So the same solver tries as
often once more with the values added to the instruction. Only when it then passes so much more often that
chance is not an explanation (Fisher's exact test, one-sided, 5 %) do the values count as missing: with three
attempts all three must pass once they are told, with four all four, with six four. A weak solver decides
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import comb

from selfchal.core.evidence import Solver
from selfchal.core.task import Task
from selfchal.judging.reading.question import Answer, Question, Reading

LEVEL = 0.05


def decide_by_attempts(solver: Solver, task: Task, questions: Sequence[Question], attempts: int) -> Answer:
    """One answer for all questions of a task, after ``attempts`` or twice as many episodes."""
    passed = sum(attempt.passed for attempt in solver(task, attempts))
    if passed:
        return Answer(Reading.SAID, {"passed": passed, "attempts": attempts})
    told = replace(
        task, instruction=f"{task.instruction}\n{' '.join(question.told for question in questions)}"
    )
    passed_told = sum(attempt.passed for attempt in solver(told, attempts))
    found = {"passed": 0, "passed when told": passed_told, "attempts": attempts}
    is_missing = fisher_level(passed_told, attempts) <= LEVEL
    return Answer(Reading.MISSING if is_missing else Reading.UNSURE, found)


def fisher_level(passed_told: int, attempts: int) -> float:
    """The chance that all ``passed_told`` passes of twice ``attempts`` fall to the half that was told, if
    being told made no difference."""
    return comb(attempts, passed_told) / comb(2 * attempts, passed_told)
