"""When are two answers the same answer? Defined once, for everything that draws or compares wrong answers.

An agent answers in words of its own, so a verifier may be lenient about case, surrounding space, the order of
words, the usual forms of a date, a time, a number in words and a yes or no, the order of a list, and the last
digits of a number. What lies outside of this is another answer, and a verifier that accepts it is too lax.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from selfchal.core.world import Json
from selfchal.judging.reading.spoken_numbers import read_spoken_number
from selfchal.judging.reading.spoken_times import Span, read_clock, read_span
from selfchal.judging.reading.spoken_truth import read_truth

RELATIVE = 0.01  # where the instruction states no tolerance: one per cent of the value,
ABSOLUTE = 0.01  # or this much, whichever is more
_LONGEST_UNORDERED = 200  # members of a list; trying all pairs of a longer one takes seconds

_NUMBER = r"(\d+(?:\.\d+)?)"
_WITHIN = re.compile(
    rf"(?:within|accurate to|to within|give or take|plus or minus|±|\+/-)\s*{_NUMBER}\s*(%|per ?cent)?", re.I
)
_DECIMALS = re.compile(r"(\d+|one|two|three|four)\s+(?:decimal|digits? after)", re.I)
_NEAREST = re.compile(rf"nearest\s+(?:{_NUMBER}|(whole|integer|ten|hundred|thousand|cent))", re.I)
_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4}
_UNITS = {"whole": 1.0, "integer": 1.0, "ten": 10.0, "hundred": 100.0, "thousand": 1000.0, "cent": 0.01}
_LEADING_ZEROS = re.compile(r"(?<![\d.])0+(?=\d)")
_MEASURED = re.compile(r"(?:[$€£]|[a-z]{3} )?\s*([-+]?\d+(?:\.\d+)?)\s*(?:[$€£%]|[a-z]+)?")
# What may stand around a number in words. Any word may stand behind digits, but "Three Bears" is no 3.
_UNIT = (
    r"dollars?|euros?|pounds?|crowns?|cents?|percent|per cent|pieces?|times?|floor|century|place|"
    r"(?:kilo|kilogram|gram|metre|meter|kilometre|kilometer|mile|degree|letter|character|page)s?"
)
_MEASURED_WORDS = re.compile(
    rf"(?:(?:on|in|at) )?(?:the )?(?:floor |room |page |number )?(.+?)(?: (?:{_UNIT}))?"
)
_DECIMAL_COMMA = re.compile(r"(?<![\d.,])(\d+),(\d{1,2})(?![\d.,])")  # 27,20, and not 1,000
_LONGEST_SPOKEN = 80  # characters of a text that is looked at for a number in words
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip
# As they stand in an answer whose words have lost the s of a plural: "was" and "has" too.
_SMALL_WORDS = frozenset({
    "a", "an", "the", "it", "he", "she", "they", "that", "thi", "i", "wa", "are", "were", "am", "be", "have",
    "ha",
    "in", "on", "at", "by", "from", "of", "for", "to",
})  # fmt: skip
_DATE_FORMS = (
    re.compile(r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"),
    re.compile(r"(?P<day>\d{1,2})(?:st|nd|rd|th)?(?: of)? (?P<name>[a-z]{3,9})\.?,? (?P<year>\d{4})"),
    re.compile(r"(?P<name>[a-z]{3,9})\.? (?P<day>\d{1,2})(?:st|nd|rd|th)?,? (?P<year>\d{4})"),
    re.compile(r"(?P<month>\d{1,2})[/.](?P<day>\d{1,2})[/.](?P<year>\d{4})"),
    re.compile(r"(?P<day>\d{1,2})[/.](?P<month>\d{1,2})[/.](?P<year>\d{4})"),
)


@dataclass(frozen=True)
class Tolerance:
    """How far a number may be off and still be the same answer; the larger of the two counts."""

    relative: float = RELATIVE
    absolute: float = ABSOLUTE

    def covers(self, one: float, other: float) -> bool:
        return abs(one - other) <= max(self.absolute, self.relative * max(abs(one), abs(other)))


def read_tolerance(instruction: str) -> Tolerance:
    """The tolerance that an instruction states ("within 0.5", "to two decimals", "to the nearest ten")."""
    if within := _WITHIN.search(instruction):
        amount = float(within[1])
        return Tolerance(amount / 100, 0.0) if within[2] else Tolerance(0.0, amount)
    if nearest := _NEAREST.search(instruction):
        unit = float(nearest[1]) if nearest[1] else _UNITS[nearest[2].lower()]
        return Tolerance(RELATIVE, max(ABSOLUTE, unit / 2))
    if decimals := _DECIMALS.search(instruction):
        count = int(decimals[1]) if decimals[1].isdigit() else _WORDS[decimals[1].lower()]
        return Tolerance(RELATIVE, max(ABSOLUTE, 0.5 * 10.0 ** -min(count, 9)))
    return Tolerance()


def is_same_answer(one: Json, other: Json, tolerance: Tolerance) -> bool:
    """Could both be the right answer, said differently?"""
    one, other = _trim_marks(one), _trim_marks(other)
    if one == other:
        return True
    if isinstance(one, str) and isinstance(other, str) and not _is_measured(other):
        return _is_same_text(one, other)
    spans = _read_span(one), _read_span(other)
    if spans[0] is not None and spans[1] is not None:
        unit = min(spans[0].unit, spans[1].unit)
        return tolerance.covers(spans[0].seconds / unit, spans[1].seconds / unit) or _is_same_time(one, other)
    numbers = read_number(one), read_number(other)
    if numbers[0] is not None and numbers[1] is not None:
        return tolerance.covers(numbers[0], numbers[1])
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return _is_same_list(one, other, tolerance)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same_answer(one[k], other[k], tolerance) for k in one)
    truths = read_truth(one), read_truth(other)
    if isinstance(one, bool) or isinstance(other, bool) or None not in truths:
        return truths[0] is truths[1] is not None
    if any(_is_counted_span(*pair, tolerance) for pair in zip(spans, reversed(numbers), strict=True)):
        return True
    return isinstance(one, str) and isinstance(other, str) and _is_same_text(one, other)


@lru_cache(maxsize=4096)
def _is_measured(text: str) -> bool:
    """Does it say a length of time, a number, or yes or no?"""
    return any(read(text) is not None for read in (_read_span, read_number, read_truth))


def _trim_marks(value: Json) -> Json:
    """A text without the space and the marks around it, but for the point of ".5"; marks alone stay."""
    return (
        value.lstrip(" \t\n,;:!?\"'(").rstrip(" \t\n.,;:!?\"')") or value if isinstance(value, str) else value
    )


def _read_span(value: Json) -> Span | None:
    return read_span(value) if isinstance(value, str) else None


def _is_counted_span(span: Span | None, number: float | None, tolerance: Tolerance) -> bool:
    """Is this the number of the smallest units that the span was said in: 159, of "2:39"?"""
    if span is None or number is None or not span.is_compound:
        return False
    return tolerance.covers(span.seconds / span.unit, number)


def _is_same_time(one: Json, other: Json) -> bool:
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    clock = read_clock(other)
    return bool(clock) and bool(clock & read_clock(one))


def read_number(value: Json) -> float | None:
    """The number that this is, or that its text writes; None for anything else, truth values included."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    return _read_text_number(value) if isinstance(value, str) else _make_float(value)


@lru_cache(maxsize=4096)  # a right answer is compared with a hundred wrong ones
def _read_text_number(text: str) -> float | None:
    plain = _DECIMAL_COMMA.sub(r"\1.\2", text.strip()).replace(",", "").casefold()
    measured = _MEASURED.fullmatch(plain)  # "$710", "710 dollars", "USD 710"
    if measured is None and len(plain) <= _LONGEST_SPOKEN:
        around = _MEASURED_WORDS.fullmatch(plain)  # "third floor", "the 15th century"
        spoken = read_spoken_number(plain) or read_spoken_number(around[1] if around else "")
        if spoken is not None:
            return spoken
    return _make_float(measured[1] if measured else plain)


def _make_float(value: float | str) -> float | None:
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def read_dates(text: str) -> Iterator[date]:
    """Every date that the whole of a text may mean; month and day can be either way round."""
    folded = " ".join(text.casefold().split())
    for form in _DATE_FORMS:
        if match := form.fullmatch(folded):
            found = match.groupdict()
            names = [
                i for i, name in enumerate(_MONTHS, 1) if "name" in found and name.startswith(found["name"])
            ]
            month = names[0] if names else int(found.get("month", 0))
            try:
                yield date(int(found["year"]), month, int(found["day"]))
            except ValueError:
                continue


def _is_same_text(one: str, other: str) -> bool:
    words = sorted(_split_words(one)), sorted(_split_words(other))
    if words[0] == words[1] or _squeeze(one) == _squeeze(other):
        return True
    if len(words[0]) != len(words[1]) and _drop_small_words(words[0]) == _drop_small_words(words[1]):
        return True
    dates = set(read_dates(other))
    return _is_same_time(one, other) or (bool(dates) and not dates.isdisjoint(read_dates(one)))


def _squeeze(text: str) -> str:
    """The text without spaces and hyphens, since a telephone number is written in many ways; of a text
    without digits the letters alone."""
    folded = text.casefold()
    return re.sub(r"[\s-]+" if re.search(r"\d", folded) else r"[\W_]+", "", folded) or folded


def _split_words(text: str) -> list[str]:
    """Words without the marks around them, the s of a plural, and zeros in front of a number. A text of marks
    alone is itself."""
    words = [word.strip(".,;:!?\"'()") for word in _LEADING_ZEROS.sub("", text.casefold()).split()]
    return [word.rstrip("s") or word for word in words if word] or [text.strip()]


def _drop_small_words(words: list[str]) -> list[str]:
    """What an answer says, without the words that only join it to the question: "the tinder box", "it is
    oak", "at Rome". Small words alone are themselves."""
    return [word for word in words if word not in _SMALL_WORDS] or words


def _is_same_list(
    one: list[Json] | tuple[Json, ...], other: list[Json] | tuple[Json, ...], tolerance: Tolerance
) -> bool:
    """The same members in any order. Long lists must be equal as they stand."""
    if len(one) != len(other) or len(one) > _LONGEST_UNORDERED:
        return list(one) == list(other)
    left = list(other)
    for member in one:
        found = next(
            (i for i, candidate in enumerate(left) if is_same_answer(member, candidate, tolerance)), None
        )
        if found is None:
            return False
        del left[found]
    return True
