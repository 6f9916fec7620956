"""The reward of a challenger: validity first, then a pass rate in the middle, then novelty."""

from __future__ import annotations

import pytest

from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.judging.checks.novelty import Novelty
from selfchal.judging.comparing import refuse_alike
from selfchal.pipeline.challenger_reward import challenger_reward, repeated_task
from tests.support.shop import CANCEL

PASSED = Verdict(Outcome.PASSED, Stage.NEW)


@pytest.mark.parametrize(
    ("rewards", "twins", "expected"), [([1, 0], 0, 1.0), ([1, 1], 0, 0.1), ([1, 0], 1, 0.5), ([], 0, 1.0)]
)
def test_a_challenger_earns_most_in_the_middle(rewards: list[float], twins: int, expected: float) -> None:
    assert challenger_reward(PASSED, rewards, twins) == expected


def test_an_invalid_task_earns_nothing() -> None:
    assert challenger_reward(Verdict(Outcome.FAILED, Stage.RAN), [1, 0]) == 0.0


def test_a_task_that_fell_for_repeating_another_is_as_good_as_that_one() -> None:
    judged = [(CANCEL, PASSED), (CANCEL, PASSED)]
    first, second = refuse_alike([Novelty()], judged, [], [])
    assert not second.passed
    assert (repeated_task(first), repeated_task(second)) == ("", "cancel")
    assert challenger_reward(second, [1, 0], twins=1) == 0.5
