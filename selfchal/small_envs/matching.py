"""Is a final answer the expected one? Answers are texts; what is expected says how they are read.

Numbers are compared as numbers (2.5 is "2.50", 1000 is "1,000" and "$1,000"), dates in any usual form, lists
part by part in any order, truth values as true, false, yes or no, texts without case and outer marks.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Literal, get_args

from selfchal.core.world import Json
from selfchal.judging.same_answer import Tolerance, read_dates, read_number

MatchKind = Literal["number", "list", "date", "text"]
MATCH_KINDS: tuple[str, ...] = get_args(MatchKind)
Match = MatchKind | Callable[[str, Json], bool]  # a function gets the answer and what is expected
_EXACT = Tolerance(0.0, 1e-9)
_TWO_DECIMALS = Tolerance(1e-6, 0.005)
_SEPARATORS = re.compile(r"\s*(?:,|;|\n|\band\b)\s*")
_ID_LIKE = re.compile(r"[+-]?0\d")  # 007 is a name and no number
_YES, _NO = ("true", "yes"), ("false", "no")


def is_match(expected: Json, answer: str, match: Match | None = None) -> bool:
    """Is this answer the expected one? Compared as ``match`` says, or as the type of the expected asks."""
    if callable(match):
        return bool(match(answer, expected))
    kind = match or choose_kind(expected)
    compare = {"number": _is_number, "list": _is_list, "date": _is_date, "text": _is_text}
    return compare[kind](expected, answer)


def choose_kind(expected: Json) -> MatchKind:
    if isinstance(expected, list | tuple):
        return "list"
    if isinstance(expected, int | float) and not isinstance(expected, bool):
        return "number"
    if isinstance(expected, str) and not _ID_LIKE.match(expected) and _read_finite(expected) is not None:
        return "number"
    return "date" if isinstance(expected, str) and list(read_dates(expected)) else "text"


def _is_number(expected: Json, answer: Json) -> bool:
    wanted, given = _read_finite(expected), _read_finite(_strip(answer))
    if wanted is None or given is None:
        return False
    return (_EXACT if wanted == int(wanted) else _TWO_DECIMALS).covers(wanted, given)


def _read_finite(value: Json) -> float | None:
    """The number; None for other texts, those included that Python takes for one, such as the name Nan."""
    number = read_number(value)
    return number if number is not None and math.isfinite(number) else None


def _is_date(expected: Json, answer: Json) -> bool:
    return bool(set(read_dates(str(expected))) & set(read_dates(_strip(answer))))


def _is_text(expected: Json, answer: Json) -> bool:
    if isinstance(expected, bool):
        return _strip(answer).casefold() in (_YES if expected else _NO)
    if isinstance(expected, dict):
        return _is_object(expected, answer)
    return _fold(expected) == _fold(answer)


def _is_object(expected: dict[str, Json], answer: Json) -> bool:
    given = _read_json(answer)
    return (
        isinstance(given, dict)
        and given.keys() == expected.keys()
        and all(is_match(expected[key], given[key]) for key in expected)
    )


def _is_list(expected: Json, answer: Json) -> bool:
    """Each part is found once, in any order."""
    left = _split_list(answer)
    parts = expected if isinstance(expected, list | tuple) else _split_list(expected)
    if len(parts) != len(left):
        return False
    for part in parts:
        found = next((i for i, given in enumerate(left) if is_match(part, given)), None)
        if found is None:
            return False
        del left[found]
    return True


def _split_list(answer: Json) -> list[Json]:
    """The parts of a list: written as JSON or as Python, or with commas and "and" between them."""
    given = _read_json(answer)
    if isinstance(given, list):
        return given
    text = str(answer).strip().strip("[]()").rstrip(".")
    return [part for part in _SEPARATORS.split(text) if part]


def _read_json(answer: Json) -> Json:
    if not isinstance(answer, str):
        return answer
    for text in (answer, answer.replace("'", '"')):  # the second is how Python writes a list of texts
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            continue
    return None


def _strip(answer: Json) -> str:
    """Without the blanks, quotes and full stop around it."""
    return str(answer).strip().rstrip(".").strip("\"'` ")


def _fold(text: Json) -> str:
    return " ".join(_strip(text).casefold().split())


def is_in_reply(expected: Json, reply: str, match: Match | None = None) -> bool:
    """Does this sentence to a user say what is expected? A list is said where all of its parts are."""
    if callable(match):
        return bool(match(reply, expected))
    parts = expected if isinstance(expected, list | tuple) else [expected]
    return all(_says(part, reply, match) for part in parts)


def _says(expected: Json, reply: str, match: Match | None) -> bool:
    """Some run of as many words as a date or the expected text may have is the expected value."""
    words = reply.replace("*", " ").split()
    longest = max(4, len(str(expected).split()))
    kind = None if match == "list" else match
    return any(
        is_match(expected, " ".join(words[i:j]).strip("()\"'.,;:!?"), kind)
        for i in range(len(words))
        for j in range(i + 1, min(i + longest, len(words)) + 1)
    )
