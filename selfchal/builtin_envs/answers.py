"""When is a final answer right: the one comparison rule of the environments that want an answer.

Answers arrive as text. An integer must be exact; any other number must agree when both are rounded to
two decimals (below 0.1: to six significant digits); a string must be the same but for the spaces and
quotes around it; a list or an object must have all its parts right.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Sequence
from typing import Any

from selfchal.core.world import Json
from selfchal.parsing import parse_python

_DECIMALS = 2
_SMALL = 0.1
_RELATIVE = 1e-6
_LONGEST_LITERAL = 10_000  # characters; a longer text is compared as it is


def same_answer(expected: Json, answer: str | None) -> bool:
    """Is this text the expected value?"""
    if answer is None:
        return False
    return _is_same(expected, answer.strip())


def _is_same(expected: Json, given: Any) -> bool:
    if isinstance(expected, bool):
        return _compare_text(given).lower() == str(expected).lower()
    if isinstance(expected, int):
        return _read_number(given) == expected
    if isinstance(expected, float):
        number = _read_number(given)
        return number is not None and _is_close(expected, number)
    if isinstance(expected, list | tuple):
        parts = _split_parts(given)
        return (
            parts is not None
            and len(parts) == len(expected)
            and all(_is_same(want, got) for want, got in zip(expected, parts, strict=True))
        )
    if isinstance(expected, dict):
        value = _read_structure(given)
        return (
            isinstance(value, dict)
            and {str(key) for key in value} == set(expected)
            and all(_is_same(want, _strip_name(value, key)) for key, want in expected.items())
        )
    return _compare_text(given) == _compare_text(expected)


def _is_close(expected: float, given: float) -> bool:
    if abs(expected) >= _SMALL and round(expected, _DECIMALS) == round(given, _DECIMALS):
        return True
    return math.isclose(expected, given, rel_tol=_RELATIVE, abs_tol=1e-9)


def _compare_text(value: Any) -> str:
    text = str(value).strip()
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1].strip() if quoted else text


def _read_number(value: Any) -> float | None:
    """A plain decimal number; a currency sign before it and thousands separators are forgiven."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    text = _compare_text(value).lstrip("$€£").replace(",", "")
    if not text or "_" in text or text[0] not in "+-.0123456789":
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def read_literal(text: str) -> Any:
    """The value that a text spells as a Python literal: one of bounded size, and one that ``str`` can write.

    Raises ValueError, SyntaxError, TypeError, RecursionError, MemoryError.
    """
    if len(text) > _LONGEST_LITERAL:
        raise ValueError(f"a literal of more than {_LONGEST_LITERAL:,} characters")
    value = ast.literal_eval(parse_python(text.lstrip(" \t"), "eval"))
    str(value)  # raises ValueError for an integer of more decimals than Python writes
    return value


def _read_structure(value: Any) -> Any:
    """The list or dict that a text spells, as JSON or as Python literals; None when it spells neither."""
    if not isinstance(value, str):
        return value
    for read in (json.loads, read_literal):
        try:
            return read(value)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return None


def _split_parts(value: Any) -> Sequence[Any] | None:
    """The parts of a list: written as one, or just separated by commas."""
    structure = _read_structure(value)
    if isinstance(structure, list | tuple):
        return structure
    if isinstance(value, str) and "," in value:
        return [part.strip() for part in value.strip("[]()").split(",")]
    return None


def _strip_name(value: dict[Any, Any], key: str) -> Any:
    return next(item for name, item in value.items() if str(name) == key)
