"""Days as people say them without naming a month: "the 18th", "on Saturday", "the day after", "a week later".

A day of a month settles the day, for the month follows from what the talk is about. A shift and a day of the
week settle it only from another day on: one that is said, or one that stands in the records at hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta

from selfchal.judging.reading.spoken_numbers import CARDINALS, ORDINALS

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_RANKED = {f"{'-'.join(filter(None, pair))}": sum(values) for pair, values in (
    *(((word, ""), (rank, 0)) for word, rank in ORDINALS.items() if 3 < rank <= 20),
    *((("twenty", word), (20, rank)) for word, rank in ORDINALS.items() if rank < 10),
    (("thirtieth", ""), (30, 0)), (("thirty", "first"), (30, 1)),
)}  # fmt: skip
_NAMES: Mapping[str, int] = {  # the first three name things that stand in a row far more often than days
    "tomorrow": 1, "yesterday": -1, "today": 0, "tonight": 0, "next day": 1, "following day": 1,
    "day after": 1, "day before": -1, "previous day": -1, "day after tomorrow": 2, "fortnight later": 14,
}  # fmt: skip
_AMOUNT = "|".join(("an?", r"\d{1,3}", *(word for word, value in CARDINALS.items() if 0 < value <= 30)))
_LENGTH = re.compile(
    rf"\b(?P<amount>{_AMOUNT}) (?P<unit>day|week)s?\b(?: (?P<way>later|after|earlier|sooner|before|early))?"
)
_WAYS: Mapping[str | None, tuple[int, ...]] = {
    **dict.fromkeys(("later", "after"), (1,)),
    **dict.fromkeys(("earlier", "sooner", "before", "early"), (-1,)),
    None: (1, -1),  # "postpone it by two days", "two days in advance"
}


def read_day(text: str) -> date | None:
    """The day that a date in ISO's form names."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def says_day_of_month(folded: str, day: int) -> bool:
    """Does a lower-case text name this day of some month: "the 18th", "on the twentieth"?"""
    if re.search(rf"(?<!\d)0?{day}(?:st|nd|rd|th)\b", folded):
        return True
    words = [re.escape(word).replace(r"\-", "[ -]") for word, rank in _RANKED.items() if rank == day]
    return bool(words) and re.search(rf"\b(?:the|on) (?:{'|'.join(words)})\b", folded) is not None


def find_shifts(folded: str) -> frozenset[int]:
    """By how many days a lower-case text moves something: 1 for "the day after", -7 for "a week earlier"."""
    return frozenset(_list_shifts(folded))


def _list_shifts(folded: str) -> Iterator[int]:
    yield from (shift for name, shift in _NAMES.items() if re.search(rf"\b{name}\b", folded))
    for match in _LENGTH.finditer(folded):
        amount = match["amount"]
        count = 1 if amount in ("a", "an") else CARDINALS[amount] if amount in CARDINALS else int(amount)
        days = count * (7 if match["unit"] == "week" else 1)
        yield from (days * way for way in _WAYS[match["way"]])


def follows(wanted: date, known: Iterable[date], folded: str) -> bool:
    """Does the text lead to this day from one of those that are known, by a shift or a day of the week?"""
    days = list(known)
    if not days:
        return False
    shifts = find_shifts(folded)
    if any((wanted - day).days in shifts for day in days if wanted != day):
        return True
    is_named = re.search(rf"\b{_WEEKDAYS[wanted.weekday()]}\b", folded) is not None
    return is_named and any(abs((wanted - day).days) < 7 for day in days)


def shift_back(wanted: date, folded: str) -> Iterator[date]:
    """The days from which the text leads to this one."""
    for shift in find_shifts(folded) - {0}:
        try:
            yield wanted - timedelta(days=shift)
        except OverflowError:
            continue
