"""What one world changed: copy-on-write rows over the shared tables.

A tool reads rows with ``table[key]`` and must not change them; it asks ``table.edit(key)`` for a row
that it may change. The first edit copies the row, so reset, digest, difference and fork all cost what
was touched. Rows are never deleted by any tool, and a row is held during one call only.
"""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from selfchal.builtin_envs.tables.database import (
    Database,
    Row,
    StoredTable,
    canonical,
    canonical_sha256,
    entry,
)
from selfchal.builtin_envs.tables.values import copy_json


class Changes(NamedTuple):
    """The changed rows of a table at one moment, by key, and the canonical texts of some of them."""

    rows: dict[str, Row]
    texts: dict[str, str]


class Savepoint(NamedTuple):
    """The changes of every table at one moment."""

    tables: dict[str, Changes]


class Table:
    """One table as one world sees it."""

    __slots__ = ("_own", "_texts", "changed", "stored", "version")

    def __init__(self, stored: StoredTable) -> None:
        self.stored = stored
        self.changed: dict[str, Row] = {}  # rows that were ever edited or added, by key
        self.version = 0
        self._own: set[str] = set()  # keys of changed rows that no other world or savepoint holds
        self._texts: dict[str, str] = {}

    def __contains__(self, key: object) -> bool:
        return key in self.changed or key in self.stored.rows

    def __getitem__(self, key: str) -> Row:
        """The row, to read."""
        if key in self.changed:
            return self.changed[key]
        return self.stored.rows[key]

    def edit(self, key: str) -> Row:
        """The row, to change in place until the call ends."""
        if key not in self._own:
            changed = self.changed.get(key)
            self.changed[key] = self.stored.copy(key) if changed is None else copy_json(changed)
            self._own.add(key)
        self._texts.pop(key, None)
        self.version += 1
        return self.changed[key]

    def put(self, key: str, row: Row) -> None:
        """Add a row, or replace it."""
        self.changed[key] = row
        self._own.add(key)
        self._texts.pop(key, None)
        self.version += 1

    def text(self, key: str) -> str:
        """Canonical text of a changed row."""
        if key not in self._texts:
            self._texts[key] = canonical(self.changed[key])
        return self._texts[key]

    def differing(self) -> list[str]:
        """Keys of the rows that differ from the loaded ones, sorted."""
        if not self.changed:
            return []
        return sorted(key for key in self.changed if self.text(key) != self.stored.text(key))

    def share(self) -> Changes:
        """The changed rows, for somebody else to hold as well: the next edit of each copies it first."""
        if not self.changed:
            return Changes({}, {})
        self._own.clear()
        return Changes(dict(self.changed), dict(self._texts))

    def take(self, changes: Changes) -> None:
        """Hold exactly these changed rows from now on."""
        if self.changed or changes.rows:
            self.changed, self._texts = changes
            self._own.clear()
            self.version += 1

    def entries(self) -> dict[str, bytes]:
        keys = self.differing()
        if not keys:
            return self.stored.entries
        entries = {**self.stored.entries, **{key: entry(key, self.text(key)) for key in keys}}
        return dict(sorted(entries.items())) if len(entries) > len(self.stored.entries) else entries


class Overlay:
    """All tables of one world."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.tables = {name: Table(stored) for name, stored in database.tables.items()}
        self._digest: tuple[list[int], str] | None = None

    def __getitem__(self, name: str) -> Table:
        return self.tables[name]

    @property
    def changed(self) -> bool:
        """Was any row ever edited or added?"""
        return any(table.changed for table in self.tables.values())

    def save(self) -> Savepoint:
        return Savepoint({name: table.share() for name, table in self.tables.items()})

    def restore(self, savepoint: Savepoint) -> None:
        for name, changes in savepoint.tables.items():
            self.tables[name].take(changes)

    def fork(self) -> Overlay:
        """Another one with the same changes. It knows what is known of them already."""
        other = Overlay(self.database)
        for name, table in self.tables.items():
            if table.changed:
                other.tables[name].take(table.share())
        if self._digest is not None and self._digest[0] == self._list_versions():
            other._digest = other._list_versions(), self._digest[1]
        return other

    def reset(self) -> None:
        for table in self.tables.values():
            table.take(Changes({}, {}))

    def digest(self) -> str:
        """Equal exactly for equal states of one database; the cost is that of the rows touched."""
        version = self._list_versions()
        if self._digest is None or self._digest[0] != version:
            state = sha256()
            for name, table in sorted(self.tables.items()):
                for key in table.differing():
                    state.update(
                        f"{name}\n{len(key)}\n{key}{table.text(key)}\n".encode("utf-8", "surrogatepass")
                    )
            self._digest = (version, state.hexdigest())
        return self._digest[1]

    def _list_versions(self) -> list[int]:
        return [table.version for table in self.tables.values()]

    def canonical_sha256(self) -> str:
        if not any(table.differing() for table in self.tables.values()):
            return self.database.sha256
        return canonical_sha256({name: table.entries() for name, table in self.tables.items()})
