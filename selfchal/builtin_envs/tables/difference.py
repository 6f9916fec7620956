"""Leaf differences of two JSON values, ordered by path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from selfchal.core.world import Change, Json

Path = tuple[str | int, ...]
_ABSENT: Any = object()


def differences(before: Json, after: Json, path: Path = ()) -> Iterator[Change]:
    """Where two values differ: the smallest parts that were added, removed or replaced.

    Strict about types, as the digest is: 1, 1.0 and True differ.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from differences(before.get(key, _ABSENT), after.get(key, _ABSENT), (*path, key))
    elif isinstance(before, list) and isinstance(after, list):
        for i in range(max(len(before), len(after))):
            old = before[i] if i < len(before) else _ABSENT
            new = after[i] if i < len(after) else _ABSENT
            yield from differences(old, new, (*path, i))
    elif type(before) is not type(after) or repr(before) != repr(after):
        yield Change(path, _drop_missing(before), _drop_missing(after))


def _drop_missing(value: Json) -> Json:
    return None if value is _ABSENT else value
