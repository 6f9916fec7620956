"""Conditions of a verifier: which one is dropped, and which of the others were not met."""

from __future__ import annotations

from typing import Any

import pytest

from selfchal.judging.guest.conditions import Conditions
from selfchal.judging.source.drop_conditions import weakened

VERIFIER = """\
def evaluate(answer):
    if answer == 'never':
        return False
    for row in answer:
        if row['paid'] < 10:
            return False
    return answer[0]['city'] == 'Oslo' and len(answer) == 2
"""


def ask(conditions: Conditions, answer: Any, dropped: int = 0) -> bool:
    found, source = weakened(VERIFIER)
    assert len(found) == 4
    space = dict(conditions.names)
    exec(source, space)
    conditions.start(dropped)
    verdict = space["evaluate"](answer)
    assert isinstance(verdict, bool)
    return verdict


PAID, UNPAID = {"paid": 20, "city": "Oslo"}, {"paid": 5, "city": "Oslo"}


@pytest.mark.parametrize(
    ("answer", "unmet"),
    [
        ([PAID, PAID], []),
        ([PAID, UNPAID], [2]),
        ([{**PAID, "city": "Rome"}, PAID], [3]),
        ([PAID], [4]),
        ([PAID, PAID, UNPAID], [2]),  # the verifier stops there, so nothing asks for the length
    ],
)
def test_those_that_were_asked_and_not_met_are_told(answer: Any, unmet: list[int]) -> None:
    conditions = Conditions()
    assert ask(conditions, answer) == (not unmet)
    assert conditions.list_unmet() == unmet


def test_dropping_the_one_that_was_not_met_lets_the_answer_pass() -> None:
    conditions = Conditions()
    assert [ask(conditions, [PAID, UNPAID], dropped) for dropped in range(5)] == [
        False, False, True, False, False,
    ]  # fmt: skip
