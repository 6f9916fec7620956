"""The tables of the index, and the file that they are in."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

INDEX = "index.sqlite"  # beside the store
INDEX_FILES = (INDEX, f"{INDEX}-wal", f"{INDEX}-shm")
VERSION = 1  # of the tables: an index of another version is made anew
_MOST_MEMORY = 32 * 1024  # KiB of pages that a connection keeps
_WAIT = 10.0  # seconds for another process that writes into the index

_SCHEMA = """
CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE batches (id INTEGER PRIMARY KEY, purpose TEXT, key TEXT, UNIQUE (purpose, key));
CREATE TABLE stages (
  id INTEGER PRIMARY KEY, purpose TEXT, stage TEXT, mode TEXT, episodes INTEGER DEFAULT 0,
  solved INTEGER DEFAULT 0, failed INTEGER DEFAULT 0, unjudged INTEGER DEFAULT 0, sampled INTEGER DEFAULT 0,
  read INTEGER DEFAULT 0, seconds REAL DEFAULT 0, UNIQUE (purpose, stage, mode));
CREATE TABLE families (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE tasks (id INTEGER PRIMARY KEY, name TEXT UNIQUE, family INTEGER, opening TEXT);
CREATE TABLE pairs (
  id INTEGER PRIMARY KEY, test_set TEXT, mode TEXT, task INTEGER, sample INTEGER,
  before INTEGER, after INTEGER, before_episode INTEGER, after_episode INTEGER,
  UNIQUE (test_set, mode, task, sample));
CREATE INDEX pairs_by_change ON pairs (before, after, id);
CREATE TABLE episodes (
  id INTEGER PRIMARY KEY, source INTEGER, size INTEGER, batch INTEGER, position INTEGER, stage INTEGER,
  task INTEGER, family INTEGER, sample INTEGER, reward REAL, outcome INTEGER, ending TEXT, steps INTEGER,
  tool_calls INTEGER, tokens INTEGER, sampled INTEGER, read INTEGER, seconds REAL, pair INTEGER);
CREATE UNIQUE INDEX episodes_by_batch ON episodes (batch, position);
CREATE INDEX episodes_by_task ON episodes (task, id);
CREATE INDEX episodes_by_stage ON episodes (stage, outcome, id);
CREATE INDEX episodes_by_end ON episodes (ending, id);
CREATE VIRTUAL TABLE texts USING fts5 (
  asked, said, seen, content='', columnsize=0);
CREATE TABLE proposals (
  id INTEGER PRIMARY KEY, round INTEGER, position INTEGER, kept INTEGER, reached INTEGER, stage TEXT,
  failed_check TEXT, reason TEXT, revisions INTEGER, task TEXT, opening TEXT, UNIQUE (round, position));
CREATE INDEX proposals_by_stage ON proposals (stage, kept, id);
CREATE INDEX proposals_by_task ON proposals (task);
CREATE INDEX proposals_by_reached ON proposals (round, reached, kept);
"""


def connect(path: Path) -> sqlite3.Connection:
    """The index in this file, which is made where there is none, or one that cannot be used.

    Raises sqlite3.OperationalError where the file cannot be written.
    """
    if path.is_symlink():
        path.unlink()  # a stranger's run must not lead us to another file
    try:
        return _prepare(path)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:  # of another version, half written, or no database
        remove(path)
        return _prepare(path)


def remove(path: Path) -> None:
    """Throw an index away."""
    for name in INDEX_FILES:
        path.with_name(name).unlink(missing_ok=True)


def _prepare(path: Path) -> sqlite3.Connection:
    if not path.exists():
        with contextlib.suppress(OSError):  # SQLite says what is wrong
            path.touch(mode=0o600)  # it holds what agents saw, as the store does
    database = sqlite3.connect(path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
    database.row_factory = sqlite3.Row
    try:
        database.executescript(
            f"PRAGMA trusted_schema=OFF; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-{_MOST_MEMORY};"
        )
        if _read_version(database) == VERSION:
            return database
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("BEGIN IMMEDIATE")
        if _read_version(database) != VERSION:  # another process may have been faster
            for statement in f"{_SCHEMA} PRAGMA user_version={VERSION}".split(";"):
                database.execute(statement)  # executescript would end the transaction
        database.execute("COMMIT")
    except sqlite3.Error:
        database.close()
        raise
    return database


def _read_version(database: sqlite3.Connection) -> int:
    """0 of an empty file. Raises sqlite3.DatabaseError where it is an index of another version."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version not in (0, VERSION):
        raise sqlite3.DatabaseError(f"an index of version {version}")
    return int(version)
