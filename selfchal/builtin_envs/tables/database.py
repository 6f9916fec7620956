"""The tables as they were loaded: read-only, shared by every world of the process.

What is derived from them (canonical texts, hashes, search indexes) is made once, when first asked for.
"""

from __future__ import annotations

import json
import marshal
from collections.abc import Callable, Hashable, Mapping
from functools import cached_property
from hashlib import sha256
from typing import Any, TypeVar

from selfchal.builtin_envs.tables.values import NO_REFERENCES, copy_json
from selfchal.core.world import Json

Row = dict[str, Any]
T = TypeVar("T")
_MOST_ANSWERS = 4096  # at most some 40 MB, mostly 4


# Sorted, compact JSON: equal texts exactly for equal values (1, 1.0, true and "1" all differ).
canonical: Callable[[Json], str] = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


class StoredTable:
    """One table: rows by key, in the order of the file, which some tools show."""

    def __init__(self, name: str, rows: Mapping[str, Row]) -> None:
        self.name = name
        self.rows = rows
        self._texts: dict[str, str] = {}
        self._dumps: dict[str, bytes] = {}

    def copy(self, key: str) -> Row:
        """A copy of a row, to change. Many worlds ask for the same few: those are written out once."""
        if key not in self._dumps:
            self._dumps[key] = marshal.dumps(self.rows[key], NO_REFERENCES)
        row: Row = marshal.loads(self._dumps[key])
        return row

    def text(self, key: str) -> str | None:
        """Canonical text of a row as it was loaded; None where there is none."""
        if key not in self._texts:
            if key not in self.rows:
                return None
            self._texts[key] = canonical(self.rows[key])
        return self._texts[key]

    @cached_property
    def entries(self) -> dict[str, bytes]:
        """``"key":row`` of every row, by key in sorted order: the parts of the canonical text."""
        return {key: entry(key, str(self.text(key))) for key in sorted(self.rows)}


def entry(key: str, text: str) -> bytes:
    return f"{json.dumps(key)}:{text}".encode()


class Answers:
    """What calls that only read the tables as they were loaded have answered, the most of them."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[bool, bytes]] = {}

    def get(self, call: Hashable) -> tuple[bool, bytes] | None:
        """Whether the call worked, and its answer as marshal writes it."""
        return self._known.get(call)

    def put(self, call: Hashable, answer: tuple[bool, bytes]) -> None:
        """Remember an answer. When there are too many, all are forgotten: that is rare, and takes no lock."""
        if len(self._known) >= _MOST_ANSWERS:
            self._known.clear()
        self._known[call] = answer


class Database:
    """Tables by name. Nothing here may be changed after loading: worlds write to their overlays only."""

    def __init__(self, tables: Mapping[str, Mapping[str, Row]]) -> None:
        self.tables = {name: StoredTable(name, rows) for name, rows in tables.items()}
        self._derived: dict[str, Any] = {}
        self.answers = Answers()
        self._stored_rows = {
            id(row): (table, key) for table in self.tables.values() for key, row in table.rows.items()
        }

    def copy(self, value: Json) -> Json:
        """As ``copy_json``, and faster where the value is a row as it was loaded."""
        stored = self._stored_rows.get(id(value))
        return copy_json(value) if stored is None else stored[0].copy(stored[1])

    def derive(self, name: str, make: Callable[[Database], T]) -> T:
        """What ``make`` gives for this database, made once: an index over what no tool ever changes."""
        if name not in self._derived:
            self._derived[name] = make(self)
        return self._derived[name]  # type: ignore[no-any-return]  # what make() gave under this name

    def rows(self, table: str) -> Mapping[str, Row]:
        return self.tables[table].rows

    @cached_property
    def sha256(self) -> str:
        return canonical_sha256({name: table.entries for name, table in self.tables.items()})


def canonical_sha256(tables: Mapping[str, Mapping[str, bytes]]) -> str:
    """sha256 of ``canonical`` of the whole, from sorted entries."""
    whole = sha256(b"{")
    for i, name in enumerate(sorted(tables)):
        whole.update(f"{',' if i else ''}{json.dumps(name)}:{{".encode())
        whole.update(b",".join(tables[name].values()))
        whole.update(b"}")
    whole.update(b"}")
    return whole.hexdigest()
