"""Attempts decide what no reader can tell, and a solver that is too weak decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from selfchal.core.evidence import Attempt
from selfchal.core.task import Task
from selfchal.judging.reading.attempts import decide_by_attempts, fisher_level
from selfchal.judging.reading.question import Question, Reading

TASK = Task("t", "shop", {}, "Cancel W101.", "def evaluate():\n    return True", "pass", ())
QUESTION = Question("the reason", "reason", "moved", told="The reason is moved.")


@dataclass(frozen=True)
class CountedSolver:
    """Passes so often from the instruction alone, and so often once it is told."""

    passes: int
    passes_told: int

    def __call__(self, task: Task, attempts: int) -> Sequence[Attempt]:
        passing = self.passes_told if "The reason is moved." in task.instruction else self.passes
        return [Attempt(i < passing, str(i)) for i in range(attempts)]


@pytest.mark.parametrize(
    ("passes", "told", "attempts", "reading"),
    [
        (1, 4, 4, Reading.SAID),
        (0, 4, 4, Reading.MISSING),
        (0, 3, 4, Reading.UNSURE),
        (0, 0, 4, Reading.UNSURE),
        (0, 4, 6, Reading.MISSING),
        (0, 3, 3, Reading.MISSING),
        (0, 2, 2, Reading.UNSURE),
    ],
)
def test_only_a_solver_that_passes_once_it_is_told_shows_that_a_value_is_missing(
    passes: int, told: int, attempts: int, reading: Reading
) -> None:
    answer = decide_by_attempts(CountedSolver(passes, told), TASK, [QUESTION], attempts)
    assert answer.reading is reading


def test_the_level_is_fishers_exact_one() -> None:
    assert fisher_level(4, 4) == pytest.approx(1 / 70)
    assert fisher_level(0, 4) == 1.0
