"""Reads the store's tables in the order in which rows were stored, a few at a time, and never writes.

Each call is one short read, so a run that writes meanwhile is not held up.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfchal.core.text import replace_surrogates
from selfchal.pipeline.context import SECRET
from selfchal.pipeline.store import DATABASE, Store, connect_to_read
from selfchal.pipeline.store_errors import raise_store_errors
from selfchal.pipeline.test_sets import TEST_TASKS

# Types are SQLite's to choose in a stranger's file.
_EPISODES = """
SELECT rowid, CAST(purpose AS TEXT) purpose, CAST(key AS TEXT) key, CAST(position AS INTEGER) position,
  CAST(task AS TEXT) task, CAST(sample AS INTEGER) sample, CAST(reward AS REAL) reward,
  CAST(body AS BLOB) body
FROM episodes"""
_PROPOSALS = """
SELECT rowid, CAST(round AS INTEGER) round, CAST(position AS INTEGER) position, CAST(stage AS TEXT) stage,
  CAST(outcome AS TEXT) outcome, CAST(body AS BLOB) body
FROM proposals"""


@dataclass(frozen=True)
class Source:
    """The store of a run, for the index."""

    directory: Path
    database: sqlite3.Connection

    def list_episodes(self, after: int, count: int) -> list[sqlite3.Row]:
        return self._ask(f"{_EPISODES} WHERE rowid>? ORDER BY rowid LIMIT ?", after, count)

    def list_batch(self, purpose: str, key: str) -> list[sqlite3.Row]:
        return self._ask(f"{_EPISODES} WHERE purpose=? AND key=? ORDER BY position", purpose, key)

    def find_episode(self, purpose: str, key: str, position: int) -> sqlite3.Row | None:
        rows = self._ask(f"{_EPISODES} WHERE purpose=? AND key=? AND position=?", purpose, key, position)
        return rows[0] if rows else None

    def list_versions(self, purpose: str, key: str) -> list[tuple[object, ...]]:
        """Position, row, reward and size of the body of each episode of a batch."""
        versions = (
            "SELECT CAST(position AS INTEGER), rowid, CAST(reward AS REAL), length(CAST(body AS BLOB)) "
            "FROM episodes WHERE purpose=? AND key=? ORDER BY position"
        )
        return [tuple(row) for row in self._ask(versions, purpose, key)]

    def list_proposals(self, after: int, count: int) -> list[sqlite3.Row]:
        return self._ask(f"{_PROPOSALS} WHERE rowid>? ORDER BY rowid LIMIT ?", after, count)

    def find_proposal(self, round_: int, position: int) -> sqlite3.Row | None:
        rows = self._ask(f"{_PROPOSALS} WHERE round=? AND position=?", round_, position)
        return rows[0] if rows else None

    def count_episodes(self) -> int:
        """How many there were ever: rows are numbered as they are stored."""
        return int(self._ask("SELECT coalesce(max(rowid), 0) FROM episodes")[0][0])

    def list_rewards(self, moment: str) -> dict[str, list[float | None]]:
        """Of the sampled episodes at a moment (``before``, ``exam before``), by task."""
        query = (
            "SELECT CAST(task AS TEXT) task, CAST(reward AS REAL) reward FROM episodes "
            "WHERE purpose='evaluate' AND key>? AND key<? ORDER BY task, sample"
        )
        rows: dict[str, list[float | None]] = {}
        for row in self._ask(query, f"{moment}/sampled/", f"{moment}/sampled0"):  # 0 follows the slash
            rows.setdefault(row["task"], []).append(row["reward"])
        return rows

    def fact(self, key: str) -> Any:
        """None where there is no such fact, or it cannot be read."""
        rows = self._ask("SELECT CAST(body AS TEXT) FROM facts WHERE key=?", key)
        try:
            return json.loads(rows[0][0]) if rows else None
        except (ValueError, RecursionError):
            return None

    def identify(self) -> str:
        """Tells this run from any other that may stand in its directory."""
        secret = self.fact(SECRET)
        number = (self.directory / DATABASE).stat().st_ino
        name = f"secret {secret}" if secret else f"file {number}"
        return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()

    def _ask(self, query: str, *values: object) -> list[sqlite3.Row]:
        with raise_store_errors(self.directory, "read"):
            return self.database.execute(query, values).fetchall()


@contextlib.contextmanager
def open_source(directory: Path) -> Iterator[Source]:
    """Raises StoreError where the store cannot be read."""
    Store.read(directory).close()  # says what is wrong with a directory that holds no run
    with raise_store_errors(directory, "read"), contextlib.closing(connect_to_read(directory)) as database:
        yield Source(directory, database)


def read_change(directory: Path) -> str:
    """Differs whenever something was stored in between: sizes and times of the store's files."""
    return "; ".join(f"{found.st_size} {found.st_mtime_ns}" for found in list_written_files(directory))


def list_written_files(directory: Path) -> Iterator[os.stat_result]:
    """The store's files that hold what was stored. An empty write-ahead log is none: readers make it."""
    for name in (DATABASE, f"{DATABASE}-wal"):
        with contextlib.suppress(OSError):
            found = (directory / name).stat()
            if name == DATABASE or found.st_size:
                yield found


def read_test_tasks(source: Source) -> Mapping[str, Mapping[str, Any]]:
    """What a run noted of the tasks that it measures on, by their ids; nothing of an older run."""
    noted = source.fact(TEST_TASKS)
    if not isinstance(noted, dict):
        return {}
    return {replace_surrogates(name): task for name, task in noted.items() if isinstance(task, dict)}
