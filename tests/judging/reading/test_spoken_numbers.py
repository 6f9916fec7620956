from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfchal.judging.reading.spoken_numbers import (
    CARDINALS,
    ORDINALS,
    find_spoken_numbers,
    read_spoken_number,
    split_pieces,
    write_ranks,
)
from selfchal.judging.same_answer import Tolerance, is_same_answer
from selfchal.judging.wording import Wording

NUMBERS: list[tuple[str, float]] = [
    ("twelve", 12),
    ("twenty-one", 21),
    ("fifteen hundred", 1500),
    ("a thousand two hundred", 1200),
    ("two thousand four hundred and fifty", 2450),
    ("one hundred and fifty nine", 159),
    ("a dozen", 12),
    ("half a dozen", 6),
    ("minus seven", -7),
    ("two and a half", 2.5),
    ("two point two five", 2.25),
    ("half", 0.5),
    ("a fifth", 0.2),
    ("three quarters", 0.75),
    ("third", 3),
    ("the twenty-first", 21),
    ("3rd", 3),
]


@pytest.mark.parametrize(("text", "value"), NUMBERS)
def test_a_number_is_read_from_words(text: str, value: float) -> None:
    assert read_spoken_number(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "a", "no", "three bears", "two two", "twenty or thirty", "²", "the"])
def test_what_is_no_number_or_more_than_one_is_not_read(text: str) -> None:
    assert read_spoken_number(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a tariff of a fifth", 0.2),
        ("the fourth letter after it", 4),
        ("a day and a half", 1.5),
        ("two thirds of them", 3),
        ("what 17 euros 60 come to", 17.6),
        ("three dollars and fifty cents", 3.5),
        ("two miles and a quarter", 2.25),
        ("the price is fifteen hundred, all told", 1500),
    ],
)
def test_numbers_are_found_within_a_sentence(text: str, value: float) -> None:
    assert value in set(find_spoken_numbers(split_pieces(text)))


def test_ranks_are_written_in_digits() -> None:
    assert write_ranks("the first of april and the twenty-first of may") == "the 1 of april and the 21 of may"


PIECES = [*CARDINALS, *ORDINALS, "half", "quarter", "past", "to", "a", "an", "and", "point", "minus", "dozen", "hundred",
          "thousand", "hours", "minutes", "h", "pm", "am", "noon", "euros", "5", "17:30", "9" * 400, "²", "1,000", "-", "."]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=30).map(" ".join))
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    assert all(isinstance(number, float | int) for number in Wording(text).numbers)
    assert is_same_answer(text, text, Tolerance())
    is_same_answer(text, "half past five", Tolerance())
    is_same_answer("two hours and 39 minutes", text, Tolerance())
