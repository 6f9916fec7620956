"""The store: one SQLite file in the run directory, the only memory of a run (CONTRIBUTING.md#invariant-5).

Work is stored in batches: a batch's rows and its completion mark go in with one transaction, so after a
kill at any instant a batch is either there whole or not at all, and resuming asks ``has`` before doing it.
Every row of a proposal, a task or an episode says which environment it belongs to.
Used from the run's main thread; read by reports at any time.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from selfchal.core.episode import Episode
from selfchal.core.errors import StoreError
from selfchal.core.model import Metrics
from selfchal.core.synthesizer import Proposal
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.pipeline.missing import describe_missing
from selfchal.pipeline.run_lock import check_lockable, locking
from selfchal.pipeline.store_errors import raise_store_errors
from selfchal.pipeline.yaml_text import read_yaml, write_yaml

SCHEMA = """
CREATE TABLE IF NOT EXISTS batches (purpose TEXT, key TEXT, PRIMARY KEY (purpose, key));
CREATE TABLE IF NOT EXISTS episodes (
  purpose TEXT, key TEXT, position INTEGER, task TEXT, sample INTEGER, reward REAL, environment TEXT,
  body BLOB,
  PRIMARY KEY (purpose, key, position));
CREATE INDEX IF NOT EXISTS episodes_by_task ON episodes (task);
CREATE TABLE IF NOT EXISTS proposals (
  round INTEGER, position INTEGER, stage TEXT, outcome TEXT, environment TEXT, body BLOB,
  PRIMARY KEY (round, position));
CREATE TABLE IF NOT EXISTS tasks (
  round INTEGER, position INTEGER, id TEXT, status TEXT, environment TEXT, body BLOB,
  PRIMARY KEY (round, position));
CREATE TABLE IF NOT EXISTS metrics (stage TEXT, step INTEGER, body TEXT, PRIMARY KEY (stage, step));
CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, body TEXT);
"""
FREE = ("engine",)  # sections that say where a run is made, and nothing of what comes of it
MANIFEST, DATABASE, RESULTS = "manifest.yaml", "store.sqlite", "results.json"
DATABASE_FILES = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm")


def is_run(directory: Path) -> bool:
    """Does this directory hold a run?"""
    return (directory / DATABASE).exists()


def _has_begun(directory: Path) -> bool:
    """Did the run there store anything but facts about itself?"""
    with raise_store_errors(directory, "read"), contextlib.closing(connect_to_read(directory)) as database:
        if database.execute("SELECT 1 FROM sqlite_master WHERE name='batches'").fetchone() is None:
            return False  # killed before its tables were made
        return database.execute("SELECT 1 FROM batches").fetchone() is not None


class Store:
    """Opened by ``create``, ``resume`` (both lock the directory) or ``read``."""

    def __init__(self, directory: Path, database: sqlite3.Connection, lock: Any = None) -> None:
        self.directory = directory
        self._database = database
        self._lock = lock

    @classmethod
    def create(cls, directory: Path, resolved: Mapping[str, Json]) -> Self:
        """A new run in ``directory``. Raises StoreError where there is one already.

        A run that stored nothing, because its start failed, is none: the corrected command takes its place.
        """
        if is_run(directory) and _has_begun(directory):
            raise StoreError(
                f"{directory} already holds a run; go on with it (--resume) or choose another place (--out)"
            )
        check_lockable()
        with raise_store_errors(directory, "create"):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)  # what agents saw is for its owner alone
            with locking(directory) as lock:
                for name in DATABASE_FILES:
                    (directory / name).unlink(missing_ok=True)
                _write_manifest(directory / MANIFEST, resolved)
                return cls(directory, _connect(directory), lock)

    @classmethod
    def resume(
        cls,
        directory: Path,
        resolved: Mapping[str, Json],
        fill_in: Callable[[dict[str, Any]], Mapping[str, Json]] = dict,
    ) -> Self:
        """Go on with a run. Raises StoreError if there is none or it was made by another manifest.

        ``fill_in`` gives the stored manifest the options that came into being since, with their defaults.
        """
        if not is_run(directory) or not _has_begun(directory):
            return cls.create(directory, resolved)
        with raise_store_errors(directory, "resume"):
            before = read_yaml((directory / MANIFEST).read_text(encoding="utf-8"))
        different = list(_list_differences("", _leave_out_free(before), _leave_out_free(resolved)))
        if different:  # looked at again, for a run of an earlier version knows fewer options
            known = fill_in(before)
            different = list(_list_differences("", _leave_out_free(known), _leave_out_free(resolved)))
        if different:
            raise StoreError(
                f"{directory} was made by another manifest: {'; '.join(different)}. Go on with it: "
                f"resume with {directory / MANIFEST} or choose another place (--out)"
            )
        with raise_store_errors(directory, "resume"), locking(directory) as lock:
            return cls(directory, _connect(directory), lock)

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Look at a run, under way or ended. Raises StoreError where there is none."""
        if not directory.exists():
            raise StoreError(describe_missing(directory, "run directory", is_run))
        if not is_run(directory):
            raise StoreError(f"{directory} is no run directory: it has no {DATABASE}")
        with raise_store_errors(directory, "read"):
            return cls(directory, connect_to_read(directory))

    def manifest(self) -> dict[str, Any]:
        """The resolved manifest that the run was made by."""
        with raise_store_errors(self.directory, "read"):
            rows: dict[str, Any] = read_yaml((self.directory / MANIFEST).read_text(encoding="utf-8"))
            return rows

    def results(self) -> dict[str, Json]:
        """What the run found; empty as long as it has not ended."""
        path = self.directory / RESULTS
        if not path.exists():
            return {}
        try:
            results: dict[str, Json] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StoreError(f"cannot read {path}: {error}; make it again with --resume") from error
        return results

    def has_begun(self) -> bool:
        """Was anything stored but facts about the run itself?"""
        return bool(self._rows("SELECT 1 FROM batches LIMIT 1"))

    def has(self, purpose: str, key: str) -> bool:
        """Was this batch stored?"""
        return bool(self._rows("SELECT 1 FROM batches WHERE purpose=? AND key=?", purpose, key))

    def keys(self, purpose: str) -> list[str]:
        """The keys of all stored batches of a purpose, sorted."""
        return [
            row["key"] for row in self._rows("SELECT key FROM batches WHERE purpose=? ORDER BY key", purpose)
        ]

    def put_episodes(self, purpose: str, key: str, episodes: Sequence[Episode]) -> None:
        with self._begin_transaction():
            self._insert_episodes(purpose, key, episodes)

    def replace_episodes(self, purpose: str, key: str, episodes: Sequence[Episode]) -> None:
        """Store a batch again, of which some episodes were played again."""
        with self._begin_transaction():
            self._database.execute("DELETE FROM episodes WHERE purpose=? AND key=?", (purpose, key))
            self._database.execute("DELETE FROM batches WHERE purpose=? AND key=?", (purpose, key))
            self._insert_episodes(purpose, key, episodes)

    def episodes(self, purpose: str, key: str | None = None, task: str | None = None) -> Iterator[Episode]:
        """Stored episodes of a purpose, in order; of one batch or one task where that is given."""
        query, values = "SELECT body FROM episodes WHERE purpose=?", [purpose]
        for column, value in (("key", key), ("task", task)):
            if value is not None:
                query, values = f"{query} AND {column}=?", [*values, value]
        for row in self._rows(f"{query} ORDER BY key, position", *values):
            yield Episode.from_json(_unpack(row["body"]))

    def put_proposals(
        self,
        round_: int,
        key: str,
        proposals: Sequence[Proposal],
        episodes: Sequence[Episode],
        purpose: str = "challenge",
    ) -> None:
        """Store one batch of proposals with the episodes that they were made in."""
        rows = [
            (round_, p.index, p.verdict.stage, p.verdict.outcome, p.environment, _pack(p.to_json()))
            for p in proposals
        ]
        with self._begin_transaction():
            self._database.executemany("INSERT INTO proposals VALUES (?,?,?,?,?,?)", rows)
            self._insert_episodes(purpose, key, episodes)

    def proposals(self, round_: int | None = None) -> Iterator[Proposal]:
        where, values = ("", ()) if round_ is None else ("WHERE round=?", (round_,))
        for row in self._rows(f"SELECT body FROM proposals {where} ORDER BY round, position", *values):
            yield Proposal.from_json(_unpack(row["body"]))

    def put_tasks(self, round_: int, statuses: Sequence[tuple[Task, str]]) -> None:
        """The tasks of a round and their status: ``train``, ``validation``, or why they were set aside."""
        rows = [
            (round_, i, task.id, status, task.environment, _pack(task.to_json()))
            for i, (task, status) in enumerate(statuses)
        ]
        with self._begin_transaction():
            self._database.executemany("INSERT INTO tasks VALUES (?,?,?,?,?,?)", rows)
            self._mark_done("tasks", str(round_))

    def tasks(self, round_: int | None = None, status: str | None = None) -> list[tuple[Task, str]]:
        rows = self._rows("SELECT round, status, body FROM tasks ORDER BY round, position")
        return [
            (Task.from_json(_unpack(row["body"])), row["status"])
            for row in rows
            if round_ in (None, row["round"]) and status in (None, row["status"])
        ]

    def put_metrics(self, stage: str, step: int, metrics: Metrics) -> None:
        body = json.dumps(dict(metrics))
        with self._begin_transaction():
            self._database.execute("INSERT OR REPLACE INTO metrics VALUES (?,?,?)", (stage, step, body))

    def drop_metrics_after(self, stage: str, step: int) -> None:
        """Forget the metrics of updates that are made again after a checkpoint."""
        with self._begin_transaction():
            self._database.execute("DELETE FROM metrics WHERE stage=? AND step>?", (stage, step))

    def metrics(self) -> list[dict[str, Json]]:
        """All metrics, each row with its stage and step."""
        rows = self._rows("SELECT stage, step, body FROM metrics ORDER BY stage, step")
        return [{"stage": row["stage"], "step": row["step"], **json.loads(row["body"])} for row in rows]

    def put_fact(self, key: str, value: Json) -> None:
        """A named JSON value (seconds of a stage, a score, the sandbox's guarantees)."""
        with self._begin_transaction():
            self._database.execute("INSERT OR REPLACE INTO facts VALUES (?,?)", (key, json.dumps(value)))

    def fact(self, key: str, default: Json = None) -> Json:
        rows = self._rows("SELECT body FROM facts WHERE key=?", key)
        return json.loads(rows[0]["body"]) if rows else default

    def close(self) -> None:
        self._database.close()
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _insert_episodes(self, purpose: str, key: str, episodes: Sequence[Episode]) -> None:
        rows = [
            (purpose, key, i, e.task, e.sample, e.reward, e.environment, _pack(e.to_json()))
            for i, e in enumerate(episodes)
        ]
        self._database.executemany("INSERT INTO episodes VALUES (?,?,?,?,?,?,?,?)", rows)
        self._mark_done(purpose, key)

    def _mark_done(self, purpose: str, key: str) -> None:
        self._database.execute("INSERT INTO batches VALUES (?,?)", (purpose, key))

    @contextlib.contextmanager
    def _begin_transaction(self) -> Iterator[None]:
        with raise_store_errors(self.directory, "write"), self._database:
            yield

    def _rows(self, query: str, *values: Json) -> list[sqlite3.Row]:
        with raise_store_errors(self.directory, "read"):
            return self._database.execute(query, values).fetchall()


def _write_manifest(path: Path, resolved: Mapping[str, Json]) -> None:
    """Write a file that its owner alone can read, from the moment at which it is made."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(write_yaml(resolved), encoding="utf-8")


def _leave_out_free(rows: Mapping[str, Json]) -> dict[str, Json]:
    return {section: value for section, value in rows.items() if section not in FREE}


def _list_differences(path: str, before: Json, now: Json) -> Iterator[str]:
    """Each option that differs, with its value there and the one that is asked for now."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            yield from _list_differences(f"{path}.{key}" if path else key, before.get(key), now.get(key))
    elif before != now:
        yield f"{path} is {json.dumps(before)[:80]} there and {json.dumps(now)[:80]} here"


def connect_to_read(directory: Path) -> sqlite3.Connection:
    """The store's database, which this connection cannot change. Raises sqlite3.Error."""
    try:
        return _connect_by_uri(directory, "mode=ro")
    except sqlite3.OperationalError:
        if os.access(directory, os.W_OK):
            raise
        # SQLite would write a file beside the database to tell a writer of us; here nobody can write
        return _connect_by_uri(directory, "immutable=1")


def _connect_by_uri(directory: Path, option: str) -> sqlite3.Connection:
    database = sqlite3.connect(f"file:{quote(os.fsencode(directory / DATABASE))}?{option}", uri=True)
    database.row_factory = sqlite3.Row
    try:
        database.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.Error:
        database.close()
        raise
    return database


def _connect(directory: Path) -> sqlite3.Connection:
    database = sqlite3.connect(directory / DATABASE)
    database.row_factory = sqlite3.Row
    # WAL survives a kill at any instant; NORMAL may lose the last batches of a power cut, never corrupts
    try:
        database.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {SCHEMA}")
    except sqlite3.Error:
        database.close()
        raise
    return database


def _pack(value: Json) -> bytes:
    return zlib.compress(json.dumps(value).encode(), level=1)


def _unpack(body: bytes) -> Any:
    return json.loads(zlib.decompress(body))
