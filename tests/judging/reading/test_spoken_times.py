from __future__ import annotations

import pytest

from selfchal.judging.reading.spoken_times import find_clocks, find_spans, read_clock, read_span

CLOCKS: list[tuple[str, set[str]]] = [
    ("half past five", {"5:30", "17:30"}),
    ("a quarter to eight", {"7:45", "19:45"}),
    ("twenty-five to nine", {"8:35", "20:35"}),
    ("ten past four", {"4:10", "16:10"}),
    ("five thirty", {"5:30", "17:30"}),
    ("half past five in the afternoon", {"17:30"}),
    ("5:30 pm", {"17:30"}),
    ("5 p.m.", {"17:00"}),
    ("12:15 am", {"0:15"}),
    ("8 o'clock", {"8:00", "20:00"}),
    ("17:30", {"17:30"}),
    ("05:30", {"5:30"}),
    ("noon", {"12:00"}),
    ("midnight", {"0:00"}),
    ("27.20", set()),
    ("at the pier", set()),
]
MINUTES: list[tuple[str, float]] = [
    ("2:39", 159),
    ("2h39", 159),
    ("2 h 39 min", 159),
    ("two hours and 39 minutes", 159),
    ("159 minutes", 159),
    ("half an hour", 30),
    ("three quarters of an hour", 45),
    ("an hour and a half", 90),
    ("one and a half hours", 90),
    ("a day and a half", 2160),
]


@pytest.mark.parametrize(("text", "times"), CLOCKS)
def test_a_time_of_the_day_is_read(text: str, times: set[str]) -> None:
    assert {f"{minute // 60}:{minute % 60:02}" for minute in read_clock(text)} == times


@pytest.mark.parametrize(("text", "minutes"), MINUTES)
def test_a_span_of_time_is_read(text: str, minutes: float) -> None:
    span = read_span(text)
    assert span is not None
    assert span.seconds == minutes * 60


@pytest.mark.parametrize("text", ["", "a", "second", "159", "2 hours or 3", "minutes", "hours 2"])
def test_what_is_no_span_is_not_read(text: str) -> None:
    assert read_span(text) is None


def test_times_and_spans_are_found_within_a_sentence() -> None:
    assert {17 * 60 + 30, 19 * 60 + 45} <= find_clocks("From half past five, or a quarter to eight at most.")
    assert 9540.0 in {span.seconds for span in find_spans("I sit there for two hours and 39 minutes again.")}
