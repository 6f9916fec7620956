"""M3ToolEval's answer check as it behaves, not as it was meant.

Both sides are made numbers with ``int()``, where that fails with ``float()``: a float that is expected so
loses its decimals, and "181" passes for 181.45. What is compared after that is the spelling of the answer
read as a Python literal; the comparison of lists that the original has is never reached.
"""

from __future__ import annotations

from typing import Any

from selfchal.builtin_envs.answers import read_literal
from selfchal.core.world import Json


def check(expected: Json, expected_type: str | None, answer: str) -> bool:
    """Does the original accept this answer? ``expected_type`` tells a tuple from a list."""
    value = _read_typed(expected, expected_type)
    seen: Any = answer
    try:
        if answer == value or number_or_text(answer) == number_or_text(value):
            return True
        seen = read_literal(answer)
        return str(seen) == str(value)
    except (TypeError, ValueError, SyntaxError, OverflowError, RecursionError, MemoryError):
        return str(seen) == str(value)


def number_or_text(value: Any) -> Any:
    """The value as an int, else as a float, else as it is. Raises TypeError for what is neither."""
    for convert in (int, float):
        try:
            return convert(value)
        except ValueError:
            continue
    return value


def spelt(expected: Json, expected_type: str | None) -> str:
    """The answer that the original is sure to accept."""
    return str(_read_typed(expected, expected_type))


def _read_typed(expected: Json, expected_type: str | None) -> Any:
    return tuple(expected) if expected_type == "tuple" else expected
