"""Leaf differences of two JSON values, ordered by path."""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from typing import Any

from selfchal.builtin_envs.tables.values import NO_REFERENCES
from selfchal.core.world import Change, Json

Path = tuple[str | int, ...]
_ABSENT: Any = object()


def differences(before: Json, after: Json, path: Path = ()) -> Iterator[Change]:
    """Where two values differ: the smallest parts that were added, removed or replaced.

    Strict about types, as the digest is: 1, 1.0 and True differ.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            old, new = before.get(key, _ABSENT), after.get(key, _ABSENT)
            if not _is_known_equal(old, new):
                yield from differences(old, new, (*path, key))
    elif isinstance(before, list) and isinstance(after, list):
        for i in range(max(len(before), len(after))):
            old = before[i] if i < len(before) else _ABSENT
            new = after[i] if i < len(after) else _ABSENT
            yield from differences(old, new, (*path, i))
    elif type(before) is not type(after) or repr(before) != repr(after):
        yield Change(path, _drop_missing(before), _drop_missing(after))


def _is_known_equal(old: Json, new: Json) -> bool:
    """True only for equal values; most of those are told apart here, without a look at each part."""
    if old.__class__ is not new.__class__:
        return False
    if old.__class__ is str:
        return bool(old == new)
    if old.__class__ is dict or old.__class__ is list:
        return marshal.dumps(old, NO_REFERENCES) == marshal.dumps(new, NO_REFERENCES)
    return False


def _drop_missing(value: Json) -> Json:
    return None if value is _ABSENT else value
