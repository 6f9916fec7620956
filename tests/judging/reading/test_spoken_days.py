"""Days that are said without their month, or counted from another day."""

from __future__ import annotations

from datetime import date

import pytest

from selfchal.judging.reading.spoken_days import find_shifts, follows, read_day, says_day_of_month
from selfchal.judging.wording import Wording


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("i'd rather fly on saturday the 18th", 18),
        ("tomorrow night (the 16th)", 16),
        ("on the twentieth, please", 20),
        ("the twenty-first", 21),
        ("not before the 2nd", 2),
    ],
)
def test_a_day_of_the_month_is_named(text: str, day: int) -> None:
    assert says_day_of_month(text, day)
    assert not says_day_of_month(text, day + 5)


@pytest.mark.parametrize("text", ["18 bags", "order 1218th", "the third passenger", "the first class"])
def test_a_number_or_a_place_in_a_row_is_no_day(text: str) -> None:
    assert not any(says_day_of_month(text, day) for day in (1, 3, 12, 18))


@pytest.mark.parametrize(
    ("text", "shifts"),
    [
        ("the day after", {1}),
        ("move it to the next day", {1}),
        ("a day earlier than planned", {-1}),
        ("two days later", {2}),
        ("a week sooner", {-7}),
        ("postpone it by three days", {3, -3}),
        ("nothing of the kind", set()),
    ],
)
def test_shifts_are_found(text: str, shifts: set[int]) -> None:
    assert find_shifts(text) == shifts


def test_a_day_follows_from_a_known_one_by_a_shift_or_a_day_of_the_week() -> None:
    known = [date(2024, 5, 16)]  # a Thursday
    assert follows(date(2024, 5, 17), known, "the day after")
    assert follows(date(2024, 5, 18), known, "on saturday")
    assert not follows(date(2024, 5, 18), known, "the day after")
    assert not follows(date(2024, 5, 25), known, "on saturday")
    assert not follows(date(2024, 5, 17), [], "the day after")
    assert not follows(date(2024, 5, 16), known, "today")


def test_a_date_is_said_by_its_distance_from_one_that_is_said() -> None:
    wording = Wording("Is it cheaper from Lima to Quito on 12 June 2025 or a day later?")
    assert wording.says("2025-06-13")
    assert wording.says("2025-06-12")
    assert not wording.says("2025-06-14")
    assert not Wording("On 12 June 2025 from Lima to Quito.").says("2025-06-13")


def test_what_is_no_date_is_no_day() -> None:
    assert read_day("2024-02-30") is None
    assert Wording("the day after 1 January").says("0001-01-01")  # at the edge of what a date can be
