"""The index of one run, and how it follows the run's store.

``catch_up`` reads what was stored since and may be stopped at any moment: what is indexed and how far that
goes are written together. Several processes may do so at once, one waits for the other. What was said is in
a full text index (SQLite's FTS5), all else in narrow tables.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from selfchal.browsing import schema, writing
from selfchal.browsing.outcomes import Solved
from selfchal.browsing.source import Source, open_source, read_change, read_test_tasks
from selfchal.pipeline.store_errors import raise_store_errors

ROWS = 400  # of the store that are indexed in one transaction
_LAST_EPISODE, _LAST_PROPOSAL, _CHANGE, _IDENTITY = "episode", "proposal", "change", "identity"


@dataclass
class RunIndex:
    """Opened by ``open_index``. ``database`` answers the questions of the modules beside this one."""

    directory: Path
    database: sqlite3.Connection

    def catch_up(self, seconds: float = float("inf")) -> bool:
        """Index what the store holds since, for so long at the most; True where nothing is left.

        Raises StoreError where store or index cannot be used.
        """
        change = read_change(self.directory)
        if self._get(_CHANGE) == change:
            return True
        end = time.monotonic() + seconds
        with raise_store_errors(self.directory, "index"), open_source(self.directory) as source:
            self._begin(source)
            if not (self._follow_proposals(source, end) and self._follow_episodes(source, end)):
                return False
            with self._begin_transaction():
                self._set(_CHANGE, change)
        return True

    def count_indexed(self) -> tuple[int, int]:
        """Episodes that are indexed, and those that are stored."""
        with open_source(self.directory) as source:
            return int(self._get(_LAST_EPISODE) or 0), source.count_episodes()

    def ask(self, query: str, *values: object) -> list[sqlite3.Row]:
        """Raises StoreError where the index is damaged."""
        with raise_store_errors(self.directory, "search"):
            return self.database.execute(query, values).fetchall()

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _begin(self, source: Source) -> None:
        """Start anew where another run stands in the directory now; renew what was replaced in the store."""
        identity = source.identify()
        with self._begin_transaction():
            indexed = int(self._get(_LAST_EPISODE) or 0)
            if self._get(_IDENTITY) != identity or indexed > source.count_episodes():
                writing.empty(self.database)
                self._set(_IDENTITY, identity)
            writing.put_families(self.database, read_test_tasks(source))
            for purpose, key, rows in self._list_replaced(source):
                last = int(self._get(_LAST_EPISODE) or 0)
                writing.drop_batch(self.database, purpose, key)
                writing.put_episodes(self.database, [row for row in rows if row["rowid"] <= last])

    def _list_replaced(self, source: Source) -> Iterator[tuple[str, str, Sequence[sqlite3.Row]]]:
        """Measured batches of which an episode was played again: only those with an unjudged one are."""
        unjudged = (
            "SELECT DISTINCT b.purpose, b.key, b.id FROM stages s JOIN episodes e ON e.stage=s.id "
            "JOIN batches b ON b.id=e.batch WHERE s.purpose='evaluate' AND e.outcome=?"
        )
        for row in self.database.execute(unjudged, (int(Solved.UNJUDGED),)).fetchall():
            versions = "SELECT position, source, reward, size FROM episodes WHERE batch=? ORDER BY position"
            known = [tuple(each) for each in self.database.execute(versions, (row["id"],))]
            if known != source.list_versions(row["purpose"], row["key"])[: len(known)]:
                yield row["purpose"], row["key"], source.list_batch(row["purpose"], row["key"])

    def _follow_episodes(self, source: Source, end: float) -> bool:
        while True:
            with self._begin_transaction():
                rows = source.list_episodes(int(self._get(_LAST_EPISODE) or 0), ROWS)
                if not rows:
                    return True
                writing.put_episodes(self.database, rows)
                self._set(_LAST_EPISODE, rows[-1]["rowid"])
            if time.monotonic() > end:
                return False

    def _follow_proposals(self, source: Source, end: float) -> bool:
        while True:
            with self._begin_transaction():
                rows = source.list_proposals(int(self._get(_LAST_PROPOSAL) or 0), ROWS)
                if not rows:
                    return True
                writing.put_proposals(self.database, rows)
                self._set(_LAST_PROPOSAL, rows[-1]["rowid"])
            if time.monotonic() > end:
                return False

    def _get(self, key: str) -> str | None:
        rows = self.ask("SELECT value FROM state WHERE key=?", key)
        return rows[0]["value"] if rows else None

    def _set(self, key: str, value: object) -> None:
        self.database.execute("INSERT OR REPLACE INTO state VALUES (?,?)", (key, str(value)))

    @contextlib.contextmanager
    def _begin_transaction(self) -> Iterator[None]:
        self.database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.database.execute("ROLLBACK")
            raise
        self.database.execute("COMMIT")


@contextlib.contextmanager
def open_index(directory: Path, spare: Path | None = None) -> Iterator[RunIndex]:
    """The index beside the store of this run, as far as it goes; ``catch_up`` brings it up to date.

    Where the run's directory cannot be written the index is in ``spare``, a folder that is made, or else
    lasts as long as this. Raises StoreError where there is no run.
    """
    with open_source(directory):
        pass  # says what is wrong with it
    with contextlib.ExitStack() as closing:
        try:
            database = schema.connect(directory / schema.INDEX)
        except (sqlite3.OperationalError, OSError):
            if spare is None:
                spare = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="selfchal-index-")))
            spare.mkdir(parents=True, exist_ok=True)
            database = schema.connect(spare / schema.INDEX)
        with RunIndex(directory, database) as index:
            yield index
