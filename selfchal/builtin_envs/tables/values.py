"""JSON values on their way in and out of a world: copied, so that nobody shares a list with a world.

What is stored must stay hashable and printable whatever a caller sends, so values that JSON or
``json.dumps`` cannot carry are refused here, before a tool sees them.
"""

from __future__ import annotations

import marshal
from typing import Any

from selfchal.core.world import Json

MAX_DEPTH = 64
MAX_INT_BITS = 8192  # CPython refuses to print integers of more than 4,300 digits
# The format of marshal that knows no shared references: what was one list in two places becomes two lists,
# and equal bytes are equal values.
NO_REFERENCES = 2
MAX_FLOAT = 1e200  # so that prices and balances never overflow to infinity, which JSON does not have


class NotJsonError(ValueError):
    """A value that is not JSON: the caller's mistake, shown to it as the observation."""


def copy_json(value: Json) -> Json:
    """A copy that shares no list and no dict with ``value``. Trusts that the value is JSON."""
    if value.__class__ in _FLAT:
        return value
    # The fastest deep copy that Python has for plain data.
    return marshal.loads(marshal.dumps(value, NO_REFERENCES))


_FLAT = frozenset((str, int, float, bool, type(None)))


def take_json(value: Any, depth: int = MAX_DEPTH) -> Json:
    """A checked copy of an argument. Raises NotJsonError."""
    if value.__class__ is str or value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        if value.bit_length() > MAX_INT_BITS:
            raise NotJsonError("an argument is too large an integer")
        return value
    if isinstance(value, float):
        if not abs(value) <= MAX_FLOAT:  # so written, it is true of NaN as well
            raise NotJsonError(f"{value} is too large a number, or none")
        return value
    if depth == 0:
        raise NotJsonError("an argument is nested too deeply")
    if isinstance(value, (list, tuple)):
        return [take_json(part, depth - 1) for part in value]
    if isinstance(value, dict):
        return {_make_key(key): take_json(part, depth - 1) for key, part in value.items()}
    raise NotJsonError(f"an argument of type {type(value).__name__} is not a JSON value")


def _make_key(key: Any) -> str:
    if isinstance(key, str):
        return key
    raise NotJsonError(f"the key {key!r} of an argument is not a string")
