"""What is seen of a file: tables of a database, leaves of JSON, text, or a hash of its bytes."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import lru_cache

from selfchal.core.world import Json

_SQLITE = b"SQLite format 3\x00"
_MOST_TEXT = 1_000_000  # characters of a text that are seen as such


@lru_cache(maxsize=512)
def view_file(content: bytes, name: str) -> Json:
    """The content of a file; ``name`` decides between JSON and JSON lines where both fit."""
    if content.startswith(_SQLITE):
        return view_database(content)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return describe_bytes(content)
    readers: list[Callable[[str], Json]] = [_read_json, _read_lines]
    for read in reversed(readers) if name.endswith((".jsonl", ".ndjson")) else readers:
        try:
            return read(text)
        except (ValueError, RecursionError):
            continue
    return text if len(text) <= _MOST_TEXT else describe_bytes(content)


def describe_bytes(content: bytes) -> Json:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _read_json(text: str) -> Json:
    value = json.loads(text)
    if not isinstance(value, dict | list):
        raise ValueError("a text that happens to be a number")
    return value


def _read_lines(text: str) -> Json:
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise ValueError("no line")
    return [_read_line(line) for line in lines]


@lru_cache(maxsize=8192)
def _read_line(line: str) -> Json:
    """A state is seen again after each call, and most of its lines are as they were."""
    return _read_json(line)


def view_database(content: bytes) -> Json:
    """Table by table, row by row under its row id (or its whole content where there is none)."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(_as_rollback_journal(content))
        database.text_factory = lambda raw: raw.decode("utf-8", "replace")
        named = database.execute(
            "select name, sql from sqlite_master "
            "where type = 'table' and name not like 'sqlite_%' order by name"
        ).fetchall()
        return {name: {"schema": sql, "rows": _read_rows(database, name)} for name, sql in named}


def _as_rollback_journal(content: bytes) -> bytes:
    """A database in memory cannot have a write-ahead log; bytes 18 and 19 of the header say that it has."""
    return content[:18] + b"\x01\x01" + content[20:] if content[18:20] == b"\x02\x02" else content


def _read_rows(database: sqlite3.Connection, table: str) -> Json:
    quoted = '"' + table.replace('"', '""') + '"'
    try:
        cursor = database.execute(f"select rowid, * from {quoted} order by rowid")
    except sqlite3.OperationalError:  # a table without row ids
        cursor = database.execute(f"select rank() over (), * from {quoted}")
    names = [column[0] for column in cursor.description][1:]
    return {
        str(row[0]): {name: _as_json(value) for name, value in zip(names, row[1:], strict=True)}
        for row in cursor.fetchall()
    }


def _as_json(value: object) -> Json:
    return describe_bytes(value) if isinstance(value, bytes) else value
