"""M3ToolEval's answer check as it behaves, not as it was meant.

Both sides are compared after ``int()`` and after ``float()``, where both sides have such a value (so a
truncated integer passes for any float), or as texts. A comparison of lists never takes place: a list, a
dict and a tuple must be spelt as Python spells them.
"""

from __future__ import annotations

from typing import Any

from selfchal.core.world import Json


def check(expected: Json, expected_type: str | None, answer: str) -> bool:
    """Does the original accept this answer? ``expected_type`` tells a tuple from a list."""
    value = tuple(expected) if expected_type == "tuple" else expected
    return _equal(int, value, answer) or _equal(float, value, answer) or str(value) == answer


def _equal(convert: Any, expected: Any, answer: str) -> bool:
    try:
        return bool(convert(expected) == convert(answer))
    except (TypeError, ValueError, OverflowError):
        return False


def spelt(expected: Json, expected_type: str | None) -> str:
    """The answer that the original is sure to accept."""
    return str(tuple(expected) if expected_type == "tuple" else expected)
