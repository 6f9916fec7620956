"""Numbers as people say them: "fifteen hundred", "two and a half", "a fifth", "the twenty-first", "3rd".

Two questions are answered. What is the number that these words are, all of them? And which numbers may be
meant anywhere in a text? The second is generous: a rank is taken for a share too, because "fifth" is either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

CARDINALS: Mapping[str, int] = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
    "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40,
    "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
ORDINALS: Mapping[str, int] = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
    "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14,
    "fifteenth": 15, "sixteenth": 16, "seventeenth": 17, "eighteenth": 18, "nineteenth": 19, "twentieth": 20,
    "thirtieth": 30, "fortieth": 40, "fiftieth": 50, "sixtieth": 60, "seventieth": 70, "eightieth": 80,
    "ninetieth": 90, "hundredth": 100, "thousandth": 1000,
}  # fmt: skip
_WORTH: Mapping[str, int] = {**CARDINALS, **ORDINALS}
_MULTIPLES: Mapping[str, int] = {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 1_000_000}
_PARTS: Mapping[str, int] = {"half": 2, "halves": 2, "quarter": 4, **ORDINALS}
_CURRENCIES = frozenset({"euro", "dollar", "pound", "crown", "franc", "peso", "rouble", "ruble"})
_ARTICLES = frozenset({"a", "an"})
_SIGNS = frozenset({"minus", "negative"})

_RANK = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")
_RANK_WORD = re.compile(rf"\b(?:(twenty|thirty)[ -])?({'|'.join(ORDINALS)})\b")
_PIECE = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?|[^\W\d_]+")
_LONGEST_DIGITS = 300  # more do not fit a float
_MOST_PIECES = 16  # words of a number; a text of nothing but numbers takes no longer than any other


@dataclass(frozen=True)
class SpokenNumber:
    """A number that was said, and where its words end."""

    value: float
    end: int
    is_rank: bool = False


def split_pieces(text: str) -> list[str]:
    """Lower-case words and numbers in order. The end of "3rd" is left out, a hyphen parts two words."""
    return _PIECE.findall(_RANK.sub("", text.casefold()))


def write_ranks(text: str) -> str:
    """A lower-case text with ranks in digits: "the twenty-first of may" becomes "the 21 of may"."""
    return _RANK_WORD.sub(lambda match: str(CARDINALS.get(match[1], 0) + ORDINALS[match[2]]), text)


@lru_cache(maxsize=4096)  # a right answer is compared with a hundred wrong ones
def read_spoken_number(text: str) -> float | None:
    """The number that the whole of a text says; None where it says more than a number, or less."""
    pieces = split_pieces(text)
    if pieces[:1] == ["the"]:
        del pieces[0]
    found = read_number_at(pieces, 0)
    money = _read_small_money(pieces, found) if found is not None else None
    whole = money or found
    return whole.value if whole is not None and whole.end == len(pieces) else None


def find_spoken_numbers(pieces: Sequence[str]) -> Iterator[float]:
    """Every number that may be meant somewhere in these words."""
    start = 0
    while start < len(pieces):
        found = read_number_at(pieces, start)
        if found is None:
            if pieces[start] in _ARTICLES:
                yield from _read_added_part(pieces, SpokenNumber(1.0, start + 1))
            start += 1
            continue
        yield found.value
        if found.is_rank and found.value > 2:
            yield 1 / found.value
        yield from _read_added_part(pieces, found)
        if money := _read_small_money(pieces, found):
            yield money.value
        yield from _list_terms(pieces[start : found.end])
        start = found.end


def _read_added_part(pieces: Sequence[str], found: SpokenNumber) -> Iterator[float]:
    """A part that is added behind what is counted: "a day and a half", "two hours and a quarter"."""
    part = _read_fraction_after_and(pieces, found.end + 1)
    if part is not None:
        yield found.value + part.value


def _list_terms(fraction: Sequence[str]) -> Iterator[float]:
    """What a share is made of: 2 and 3, of "two thirds"."""
    if len(fraction) > 1 and fraction[-1].removesuffix("s") in _PARTS:
        yield from (CARDINALS[word] for word in fraction[-2:-1] if word in CARDINALS)
        yield _PARTS[fraction[-1].removesuffix("s")]


def _read_small_money(pieces: Sequence[str], found: SpokenNumber) -> SpokenNumber | None:
    """A sum of money with its hundredths: "17 euros 60", "three dollars and fifty cents"."""
    at = found.end
    if at >= len(pieces) or pieces[at].removesuffix("s") not in _CURRENCIES:
        return None
    at += 2 if pieces[at + 1 : at + 2] == ["and"] else 1
    small = read_number_at(pieces, at)
    if small is None or not 0 < small.value < 100:
        return None
    end = small.end + (pieces[small.end : small.end + 1] in (["cents"], ["pence"]))
    return SpokenNumber(found.value + small.value / 100, end)


def read_number_at(pieces: Sequence[str], start: int) -> SpokenNumber | None:
    """The longest number that begins with this word."""
    if start < len(pieces) and pieces[start] in _SIGNS:
        found = _read_unsigned(pieces, start + 1)
        return SpokenNumber(-found.value, found.end) if found is not None else None
    return _read_unsigned(pieces, start)


def _read_unsigned(pieces: Sequence[str], start: int) -> SpokenNumber | None:
    fraction = _read_fraction(pieces, start)
    if fraction is not None:
        return fraction
    whole = _read_whole(pieces, start)
    if whole is None or whole.is_rank:
        return whole
    part = _read_fraction_after_and(pieces, whole.end) or _read_decimals(pieces, whole.end)
    return SpokenNumber(whole.value + part.value, part.end) if part is not None else whole


def _read_whole(pieces: Sequence[str], start: int) -> SpokenNumber | None:
    """A whole number in words or digits, or a rank: two thousand four hundred and fifty, twenty-first."""
    total = group = 0.0
    at = start
    if len(pieces) > at + 1 and pieces[at] in _ARTICLES and pieces[at + 1] in _MULTIPLES:
        at += 1
    while at < min(len(pieces), start + _MOST_PIECES):
        word = pieces[at]
        if word == "and" and at > start and _may_go_on(pieces, at):
            at += 1
            continue
        if word[0].isdecimal() and at == start and len(word) <= _LONGEST_DIGITS:
            group = float(word.replace(",", ""))
        elif word in _MULTIPLES and (group or not total):
            factor = _MULTIPLES[word]
            if factor < 1000:
                group = (group or 1.0) * factor
            else:
                total, group = total + (group or 1.0) * factor, 0.0
        elif word in _WORTH and (at == start or _fits(group, _WORTH[word])):
            group += _WORTH[word]
            if word in ORDINALS:
                return SpokenNumber(total + group, at + 1, is_rank=True)
        else:
            break
        at += 1
    return SpokenNumber(total + group, at) if at > start else None


def _may_go_on(pieces: Sequence[str], at: int) -> bool:
    """Does "and" stand within a number: a hundred and five?"""
    after = pieces[at + 1 : at + 2]
    return pieces[at - 1] in ("hundred", "thousand") and bool(after) and after[0] in _WORTH


def _fits(group: float, value: int) -> bool:
    """May this word follow what was said so far: five after twenty, fifty after three hundred?"""
    rest = group % 100
    return value < 100 and (rest == 0 or (rest >= 20 and rest % 10 == 0 and 0 < value < 10))


def _read_fraction(pieces: Sequence[str], start: int) -> SpokenNumber | None:
    """Half, a third, three quarters, two fifths."""
    if pieces[start : start + 1] == ["half"]:
        dozen = pieces[start + 1 : start + 3] == ["a", "dozen"]
        return SpokenNumber(6.0, start + 3) if dozen else SpokenNumber(0.5, start + 1)
    count = pieces[start] if start < len(pieces) else ""
    parts = pieces[start + 1] if start + 1 < len(pieces) else ""
    amount = 1 if count in _ARTICLES else CARDINALS.get(count, 0)
    name = parts if amount == 1 else parts.removesuffix("s")
    if not 0 < amount < 20 or name not in _PARTS or (amount > 1 and parts == name and name != "halves"):
        return None
    return SpokenNumber(amount / _PARTS[name], start + 2) if _PARTS[name] > 1 and name != "second" else None


def _read_fraction_after_and(pieces: Sequence[str], at: int) -> SpokenNumber | None:
    return _read_fraction(pieces, at + 1) if pieces[at : at + 1] == ["and"] else None


def _read_decimals(pieces: Sequence[str], at: int) -> SpokenNumber | None:
    """Point five, point two five."""
    if pieces[at : at + 1] != ["point"]:
        return None
    digits = ""
    end = at + 1
    while end < min(len(pieces), at + _MOST_PIECES) and CARDINALS.get(pieces[end], 10) < 10:
        digits += str(CARDINALS[pieces[end]])
        end += 1
    return SpokenNumber(float(f"0.{digits}"), end) if digits else None
