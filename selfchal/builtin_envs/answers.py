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

_DECIMALS = 2
_SMALL = 0.1
_RELATIVE = 1e-6


def same_answer(expected: Json, answer: str | None) -> bool:
    """Is this text the expected value?"""
    if answer is None:
        return False
    return _same(expected, answer.strip())


def _same(expected: Json, given: Any) -> bool:
    if isinstance(expected, bool):
        return _text(given).lower() == str(expected).lower()
    if isinstance(expected, int):
        return _number(given) == expected
    if isinstance(expected, float):
        number = _number(given)
        return number is not None and _close(expected, number)
    if isinstance(expected, list | tuple):
        parts = _parts(given)
        return (
            parts is not None
            and len(parts) == len(expected)
            and all(_same(want, got) for want, got in zip(expected, parts, strict=True))
        )
    if isinstance(expected, dict):
        value = _structure(given)
        return (
            isinstance(value, dict)
            and {str(key) for key in value} == set(expected)
            and all(_same(want, _named(value, key)) for key, want in expected.items())
        )
    return _text(given) == _text(expected)


def _close(expected: float, given: float) -> bool:
    if abs(expected) >= _SMALL and round(expected, _DECIMALS) == round(given, _DECIMALS):
        return True
    return math.isclose(expected, given, rel_tol=_RELATIVE, abs_tol=1e-9)


def _text(value: Any) -> str:
    text = str(value).strip()
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1].strip() if quoted else text


def _number(value: Any) -> float | None:
    """A plain decimal number; a currency sign before it and thousands separators are forgiven."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    text = _text(value).lstrip("$€£").replace(",", "")
    if not text or "_" in text or text[0] not in "+-.0123456789":
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _structure(value: Any) -> Any:
    """The list or dict that a text spells, as JSON or as Python literals; None when it spells neither."""
    if not isinstance(value, str):
        return value
    for read in (json.loads, ast.literal_eval):
        try:
            return read(value)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return None


def _parts(value: Any) -> Sequence[Any] | None:
    """The parts of a list: written as one, or just separated by commas."""
    structure = _structure(value)
    if isinstance(structure, list | tuple):
        return structure
    if isinstance(value, str) and "," in value:
        return [part.strip() for part in value.strip("[]()").split(",")]
    return None


def _named(value: dict[Any, Any], key: str) -> Any:
    return next(item for name, item in value.items() if str(name) == key)
