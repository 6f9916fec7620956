"""Times of the day and spans of time as people say them: "half past five", "5 pm", "an hour and a half".

What is said may mean several times: "half past five" is 05:30 and 17:30, and "2:39" is a time of the day and
two hours and 39 minutes as well. So a text has a set of times, and a span, and whoever asks compares both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from selfchal.judging.reading.spoken_numbers import CARDINALS, SpokenNumber, read_number_at, split_pieces

_DAY = 24 * 60
_HOUR_NAMES = "|".join(name for name, hour in CARDINALS.items() if 1 <= hour <= 12)
_MINUTE_NAMES = (
    r"half|(?:a )?quarter|"
    r"(?:twenty|thirty|forty|fifty)(?:[ -](?:one|two|three|four|five|six|seven|eight|nine))?|"
    r"five|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
)
_HALF = r"(?P<half>a\.?m\b\.?|p\.?m\b\.?|in the (?:morning|afternoon|evening)|at night|o['\u2019]? ?clock)"
_CLOCKS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?<![\d.:])(?P<hour>\d{{1,2}})[:.h](?P<minute>\d{{2}})(?![\d:]|\.\d)(?: ?{_HALF})?",
        rf"(?P<minute>{_MINUTE_NAMES}|\d{{1,2}})(?: minutes)? (?P<way>past|after|to|before|till) "
        rf"(?P<hour>{_HOUR_NAMES}|\d{{1,2}}|noon|midday|midnight)\b(?: {_HALF})?",
        rf"\b(?P<hour>{_HOUR_NAMES}) (?P<minute>{_MINUTE_NAMES})\b(?: {_HALF})?",
        rf"\b(?P<hour>{_HOUR_NAMES}|\d{{1,2}}) ?{_HALF}",
        r"\b(?P<hour>noon|midday|midnight)\b",
    )
)
_NAMED_HOURS: Mapping[str, int] = {"noon": 12, "midday": 12, "midnight": 0}
_UNITS: Mapping[str, int] = {
    **dict.fromkeys(("second", "seconds", "sec", "secs", "s"), 1),
    **dict.fromkeys(("minute", "minutes", "min", "mins", "m"), 60),
    **dict.fromkeys(("hour", "hours", "hr", "hrs", "h"), 3600),
    **dict.fromkeys(("day", "days", "d"), 86400),
    **dict.fromkeys(("week", "weeks"), 604800),
}
_HOURS_AND_MINUTES = re.compile(r"(\d{1,3})[:h]([0-5]\d)")
_JOINTS = frozenset({"of", "a", "an"})  # half an hour, a quarter of an hour
_LONGEST = 80  # characters of a text that may be a time as a whole


@dataclass(frozen=True)
class Span:
    """A length of time: seconds, and the seconds of the smallest unit that it was said in."""

    seconds: float
    unit: int
    is_compound: bool = False


def read_clock(text: str) -> frozenset[int]:
    """The minutes of the day that the whole of a text may mean; none where it is no time of the day."""
    return _read_clock(text) if len(text) <= _LONGEST else frozenset()


@lru_cache(maxsize=4096)  # a right answer is compared with a hundred wrong ones
def _read_clock(text: str) -> frozenset[int]:
    folded = " ".join(text.casefold().split()).removeprefix("at ").rstrip(".")
    for form in _CLOCKS:
        if match := form.fullmatch(folded) or form.fullmatch(f"{folded}."):
            return frozenset(_list_minutes(match))
    return frozenset()


def find_clocks(text: str) -> frozenset[int]:
    """The minutes of the day that are said anywhere in a text."""
    folded = " ".join(text.casefold().split())
    found: set[int] = set()
    for form in _CLOCKS:
        for match in form.finditer(folded):
            found.update(_list_minutes(match))
    return frozenset(found)


def _list_minutes(match: re.Match[str]) -> Iterator[int]:
    said = match.groupdict()
    hour, minute = _read_hour(said["hour"]), _read_minute(said.get("minute") or "0")
    if hour > 24 or minute > 59:
        return
    if said.get("way") in ("to", "before", "till"):
        minute = -minute
    half = (said.get("half") or "").replace(".", "")
    name = said["hour"]
    is_exact = hour > 12 or name.startswith("0") or name in _NAMED_HOURS or (name == "12" and not half)
    if is_exact:
        yield (hour * 60 + minute) % _DAY
        return
    morning = (hour % 12 * 60 + minute) % _DAY
    if half not in ("pm", "in the afternoon", "in the evening"):
        yield morning
    if half not in ("am", "in the morning"):
        yield (morning + _DAY // 2) % _DAY


def _read_hour(word: str) -> int:
    if word in _NAMED_HOURS:
        return _NAMED_HOURS[word]
    return CARDINALS[word] if word in CARDINALS else int(word)


def _read_minute(words: str) -> int:
    if words.endswith(("half", "quarter")):
        return 30 if words.endswith("half") else 15
    return int(words) if words.isdecimal() else sum(CARDINALS[word] for word in re.split("[ -]", words))


def read_span(text: str) -> Span | None:
    """The length of time that the whole of a text says, in units or as hours and minutes (2:39)."""
    return _read_span(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _read_span(text: str) -> Span | None:
    folded = text.casefold().strip().rstrip(".")
    if match := _HOURS_AND_MINUTES.fullmatch(folded):
        return Span(int(match[1]) * 3600 + int(match[2]) * 60, 60, is_compound=True)
    pieces = split_pieces(folded)
    span, end = _read_span_at(pieces, 0)
    return span if span is not None and end == len(pieces) else None


def find_spans(text: str) -> Iterator[Span]:
    """Every length of time that is said somewhere in a text."""
    pieces = split_pieces(text)
    at = 0
    while at < len(pieces):
        span, end = _read_span_at(pieces, at)
        if span is not None:
            yield span
        at = max(end, at + 1)
    for match in _HOURS_AND_MINUTES.finditer(text):
        yield Span(int(match[1]) * 3600 + int(match[2]) * 60, 60, is_compound=True)


def _read_span_at(pieces: list[str], start: int) -> tuple[Span | None, int]:
    """Amounts with their units from this word on, each unit smaller than the last, and where they end."""
    seconds, unit, amounts, at = 0.0, 10**9, 0, start
    while True:
        begin = at + 1 if amounts and pieces[at : at + 1] == ["and"] else at
        number = _read_amount(pieces, begin)
        if number is None:
            break
        behind = number.end
        while pieces[behind : behind + 1] and pieces[behind] in _JOINTS and behind < number.end + 2:
            behind += 1
        if behind < len(pieces) and _UNITS.get(pieces[behind], unit) < unit:
            unit, at = _UNITS[pieces[behind]], behind + 1
            seconds += number.value * unit
        elif amounts and unit == 3600 and number.end == len(pieces) and 1 <= number.value < 60:  # 2h39
            seconds, unit, at = seconds + number.value * 60, 60, number.end
        elif amounts and begin > at and 0 < number.value < 1:  # an hour and a half
            seconds, at = seconds + number.value * unit, number.end
        else:
            break
        amounts += 1
    return (Span(seconds, unit, amounts > 1), at) if amounts else (None, start)


def _read_amount(pieces: list[str], at: int) -> SpokenNumber | None:
    """A number, or "an" in front of a unit."""
    found = read_number_at(pieces, at)
    is_one = found is None and pieces[at : at + 1] in (["a"], ["an"])
    return SpokenNumber(1.0, at + 1) if is_one else found
