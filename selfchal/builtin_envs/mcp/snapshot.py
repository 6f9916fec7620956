"""A saved state of one server, and what can be seen of it: the digest, and the leaves that differ.

What is seen is a JSON value, the *view*. Lists of records are compared record by record, each under the
name that it gives itself, so that one record more does not move all that come after it.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from selfchal.core.world import Change, Json

_NAMES = ("id", "uuid", "key", "name", "title", "path")  # fields that name a record, the first there is
_ORDER = "order"
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Snapshot:
    """``key`` is equal for what is restored alike, ``digest`` for what is seen alike.

    ``content`` belongs to the keeper that took it; ``size`` is the length of the view as text.
    """

    key: str
    digest: str
    view: Json
    content: Any
    size: int


def make_snapshot(key: str, view: Json, content: Any, ignore: Sequence[str] = ()) -> Snapshot:
    """``ignore`` are patterns of paths, as ``a/b/*``, that do not count for the digest or a difference."""
    seen = drop_ignored(view, ignore) if ignore else view
    text = canonical(seen)
    return Snapshot(key, _hash_text(text), seen, content, len(text))


def canonical(value: Json) -> str:
    return _encode(value)


def sha256_of(value: Json) -> str:
    return _hash_text(canonical(value))


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def drop_ignored(value: Json, ignore: Sequence[str]) -> Json:
    """The view without the parts whose path matches one of the patterns; lists of scalars stay whole."""
    matches = re.compile("|".join(map(fnmatch.translate, ignore))).match
    return _drop_matching(value, matches, "")


def _drop_matching(value: Json, matches: Callable[[str], object], path: str) -> Json:
    if isinstance(value, dict):
        return {
            name: _drop_matching(inner, matches, f"{path}{name}/")
            for name, inner in value.items()
            if not matches(f"{path}{name}")
        }
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        return [
            _drop_matching(inner, matches, f"{path}{name}/")
            for name, inner in zip(_name_items(value), value, strict=True)
            if not matches(f"{path}{name}")
        ]
    return value


def find_changes(before: Json, after: Json, path: Path = ()) -> Iterator[Change]:
    """The leaves that differ, ordered by path; None stands for what is not there."""
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _compare_entries(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        one = dict(zip(_name_items(before), before, strict=True))
        other = dict(zip(_name_items(after), after, strict=True))
        yield from _compare_entries(one, other, path)
        if [name for name in one if name in other] != [name for name in other if name in one]:
            yield Change((*path, _ORDER), list(one), list(other))
    elif canonical(before) != canonical(after):
        yield Change(path, before, after)


def _compare_entries(before: dict[str, Json], after: dict[str, Json], path: Path) -> Iterator[Change]:
    for name in sorted({*before, *after}):
        if name in before and name in after:
            yield from find_changes(before[name], after[name], (*path, name))
        else:  # a null that comes or goes is a change as well
            yield Change((*path, name), before.get(name), after.get(name))


def _name_items(items: Sequence[Json]) -> list[str]:
    """A name for each: what a record calls itself, else its whole content; repeated ones are counted."""
    counts: dict[str, int] = {}
    names = []
    for item in items:
        name = _name_item(item)
        counts[name] = counts.get(name, 0) + 1
        names.append(name if counts[name] == 1 else f"{name}#{counts[name]}")
    return names


def _name_item(item: Json) -> str:
    if isinstance(item, dict):
        found = next((item[name] for name in _NAMES if isinstance(item.get(name), str | int)), None)
        return canonical(item) if found is None else str(found)
    return item if isinstance(item, str) else canonical(item)
