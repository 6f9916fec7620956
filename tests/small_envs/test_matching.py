"""An answer is right where a person would say that it is the expected one."""

from __future__ import annotations

from typing import Any

import pytest

from selfchal.core.world import Json
from selfchal.small_envs.matching import Match, is_in_reply, is_match

RIGHT: list[tuple[Json, str]] = [
    (5, "5"),
    (5, "5.0"),
    (5, " five."),
    (2.5, "2.50"),
    ("2.5", "2.50"),
    (1000, "1,000"),
    ("1,000", "1000"),
    (1000, "$1,000"),
    (12.345, "12.35"),
    (0, "0"),
    (True, "yes"),
    (False, "False"),
    ("Mina", "mina."),
    ("Mina", '"Mina"'),
    ("Nan", "nan"),
    ("007", "007"),
    ("2026-05-31", "May 31, 2026"),
    (["a", "b"], "b, a"),
    (["a", "b"], '["a", "b"]'),
    (["Ann", "Bob"], "['Ann', 'Bob']"),
    (["Ann", "Bob", "Cy"], "Ann, Bob and Cy."),
    ([1.5, 2], "2; 1.50"),
    ([], "[]"),
    ({"a": 1}, '{"a": 1.0}'),
]
WRONG: list[tuple[Json, str]] = [
    (5, "6"),
    (5, "5.004"),
    (5, "5 or 6"),
    (5, ""),
    (2.5, "2.6"),
    ("Mina", "Mina or Ann"),
    ("Mina", "the reader who has it is Mina"),
    ("007", "7"),
    (True, "no"),
    (True, "1"),
    ("2026-05-31", "2026-05-30"),
    (["a", "b"], "a"),
    (["a", "b"], "a, b, c"),
    (["a", "a"], "a, b"),
    ({"a": 1}, '{"a": 2}'),
    ({"a": 1}, "[" * 5_000),
    (1, "\ud800"),
]


@pytest.mark.parametrize(("expected", "answer"), RIGHT)
def test_the_expected_answer_is_right_however_it_is_written(expected: Json, answer: str) -> None:
    assert is_match(expected, answer)


@pytest.mark.parametrize(("expected", "answer"), WRONG)
def test_another_answer_is_wrong(expected: Json, answer: str) -> None:
    assert not is_match(expected, answer)


@pytest.mark.parametrize(
    ("match", "expected", "right", "wrong"),
    [
        ("text", "2.50", "2.50", "2.5"),
        ("number", "2.50", "two and a half", "two"),
        ("date", "2026-05-31", "31 May 2026", "May 2026"),
        ("list", "Ann, Bob", "Bob and Ann", "Ann"),
        (lambda answer, expected: len(answer) == expected, 3, "abc", "ab"),
    ],
)
def test_match_says_how_answers_are_compared(match: Match, expected: Json, right: str, wrong: str) -> None:
    assert is_match(expected, right, match)
    assert not is_match(expected, wrong, match)


@pytest.mark.parametrize(
    ("expected", "reply", "said"),
    [
        (12.5, "Done! That makes $12.50 in all.", True),
        (12, "Done, there are 12.", True),
        (12, "Done, there are 120.", False),
        ("Mina", "**Mina** has it.", True),
        ("Mina", "Minamoto has it.", False),
        ("the red lamp", "It was the red lamp, I believe.", True),
        (["Ann", "Bob"], "Bob and Ann, that is all.", True),
        (["Ann", "Bob"], "Bob alone.", False),
        ("2026-05-31", "It is due on May 31, 2026.", True),
    ],
)
def test_a_reply_to_a_user_says_it_in_a_sentence(expected: Any, reply: str, said: bool) -> None:
    assert is_in_reply(expected, reply) is said
