"""Records that go by a word: a to-do by its title, a room by its colour, a user by a first name.

What looks like an id is known by its shape. Anything else is a name where the environment treats it as one:
a tool is handed it, and it tells the rows of a list apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from selfchal.core.world import Json

Records = Mapping[str, Json]  # by name
_COMMON = frozenset({"id", "name", "title", "key", "code"})  # fields that name what they stand in
_SUFFIXES = ("_id", "_name", "_title", "_key", "_code", "_number")
_MOST_ROWS = 200
_LONGEST = 60  # characters of a name


def find_named_records(value: Json, handed: Mapping[str, set[Json]]) -> Iterator[Records]:
    """The rows of each list in a reading, by the field that names them; and what stands under names as keys.

    ``handed`` are the values that tools are handed, by parameter. Only what holds one of these is given.
    """
    if isinstance(value, dict):
        names = set().union(*handed.values()) if handed else set()
        if (
            len(value) > 1
            and names & value.keys()
            and all(isinstance(v, dict | list) for v in value.values())
        ):
            chosen = islice(dict.fromkeys([*sorted(names & value.keys()), *value]), _MOST_ROWS)
            yield {key: {"name": key, "of": value[key]} for key in chosen}
    elif isinstance(value, list):
        rows = [row for row in value[:_MOST_ROWS] if isinstance(row, dict)]
        for field in rows[0] if len(rows) > 1 else ():
            wanted = {
                v for parameter, values in handed.items() if names_rows(field, parameter) for v in values
            }
            records = {row[field]: row for row in rows if is_name(row.get(field))}
            if wanted & records.keys() and len(records) == len(rows):
                yield records
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from find_named_records(inner, handed)


def is_name(value: Json) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST


def names_rows(field: str, parameter: str) -> bool:
    """May the field of a row be what goes by this parameter?"""
    return field in _COMMON or is_same_thing(field, parameter)


def is_same_thing(field: str, parameter: str) -> bool:
    """``user`` and ``user_id``, ``title`` and ``title``."""
    return _cut_suffix(field) == _cut_suffix(parameter)


def _cut_suffix(name: str) -> str:
    return next((name.removesuffix(end) for end in _SUFFIXES if name.endswith(end)), name)


def list_same_fields(names: Sequence[tuple[str, str]], parameters: Sequence[str]) -> Iterator[str]:
    """Of texts with the names of their fields those that a tool may be handed to read on."""
    wanted = frozenset(map(_cut_suffix, parameters))
    same = {field for field in {field for _, field in names} if _cut_suffix(field) in wanted}
    for text, field in names:
        if field in same and is_name(text):
            yield text
