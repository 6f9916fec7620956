from __future__ import annotations

import pytest

from selfchal.core.world import Json
from selfchal.judging.same_answer import Tolerance, is_same_answer, read_tolerance

SAME: list[tuple[Json, Json]] = [
    ("Tenalp", " tenalp "),
    ("kite building", "Building kites"),
    ("tinder box", "the tinder box"),
    ("oak", "it is oak"),
    ("Rome", "in Rome"),
    ("075 1940 408", "0751940408"),
    ("2024-05-26", "26 May 2024"),
    ("2024-05-26", "May 26th, 2024"),
    ("03/07/1990", "1990-07-03"),
    (20, "20"),
    ("1,000", 1000),
    (100.0, 100.9),
    (0.001, 0.009),
    (True, "true"),
    ([1, "b"], ["B", 1]),
    ({"a": 1.0}, {"a": 1}),
    ("17:30", "half past five"),
    ("17:30", "5:30 pm"),
    ("17:30", "17.30"),
    ("159 minutes", "2:39"),
    (159, "2 hours and 39 minutes"),
    ("3 hours", "180 minutes"),
    ("an hour and a half", "1:30"),
    (3, "third"),
    ("3", "3rd"),
    ("15th century", "the fifteenth century"),
    ("3", "on the third floor"),
    ("3", "floor 3"),
    ("27.20", "27,20"),
    (27.2, "twenty-seven crowns twenty"),
    (710, "seven hundred and ten dollars"),
    (True, "yes it is"),
    ("no", "No, it isn't."),
    ("no it isn't", ",no it is not"),
    ("no it isn't", "no it is,n't"),
    ("San Francisco", "san; francisco"),
]
DIFFERENT: list[tuple[Json, Json]] = [
    ("tenalp", "planet"),
    ("tenalp", "the answer is tenalp"),
    ("tenalp", "tenal"),
    ("2024-05-26", "2024-05-25"),
    (20, 20.5),
    (20, "about twenty"),
    (None, ""),
    ([1, 2], [1]),
    ({"a": 1}, {"b": 1}),
    ("", "x"),
    ("17:30", "half past six"),
    ("17:30", "5:30 am"),
    ("159 minutes", "2:40:00"),
    ("159 minutes", "1:59"),
    ("3 hours", "3 minutes"),
    (3, "fourth"),
    ("Three Bears", "Three Pigs"),
    (1000, "1,00"),
    ("Third Wave", 3),
    (True, "no it is not"),
    (True, "yes or no"),
    ("yes", "yellow"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_an_answer_said_otherwise_is_the_same(one: Json, other: Json) -> None:
    assert is_same_answer(one, other, Tolerance())
    assert is_same_answer(other, one, Tolerance())


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_another_answer_is_not_the_same(one: Json, other: Json) -> None:
    assert not is_same_answer(one, other, Tolerance())
    assert not is_same_answer(other, one, Tolerance())


@pytest.mark.parametrize(
    ("instruction", "value", "inside", "outside"),
    [
        ("How much is it?", 100.0, 101.0, 101.2),
        ("Answer within 5.", 100.0, 104.9, 105.2),
        ("Answer to within 10 %.", 100.0, 110.0, 112.0),
        ("Round to two decimal places.", 0.5, 0.504, 0.52),
        ("Round to the nearest ten.", 100.0, 105.0, 106.0),
        ("Give it to the nearest hundred.", 1000.0, 1040.0, 1060.0),
    ],
)
def test_the_instruction_states_the_tolerance(
    instruction: str, value: float, inside: float, outside: float
) -> None:
    tolerance = read_tolerance(instruction)
    assert is_same_answer(value, inside, tolerance)
    assert not is_same_answer(value, outside, tolerance)
