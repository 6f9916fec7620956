"""Puts stored rows into the index, in the transaction that the caller has begun."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from selfchal.browsing.addresses import Moment, find_moment
from selfchal.browsing.bodies import unpack
from selfchal.browsing.outcomes import Solved
from selfchal.browsing.summaries import OPENING, Summary, summarise
from selfchal.core.judge import FUNNEL, Stage, previous
from selfchal.core.text import replace_surrogates

_TABLES = ("state", "batches", "stages", "families", "tasks", "pairs", "episodes", "proposals")
_COUNTS = ("episodes", "solved", "failed", "unjudged", "sampled", "read", "seconds")  # columns of stages
_INSERT = f"""
INSERT INTO episodes (source, size, batch, position, stage, task, family, sample, reward, outcome, ending,
  steps, tool_calls, tokens, sampled, read, seconds, pair) VALUES ({", ".join("?" * 18)})"""
_MANY = 1_000_000  # revisions, which no proposal has
_INSERT_TEXT = "INSERT INTO texts (rowid, asked, said, seen) VALUES (?,?,?,?)"
_INSERT_TASK = "INSERT INTO tasks (name, family, opening) VALUES (?,?,?)"
_RECOUNT = """
UPDATE stages SET (episodes, solved, failed, unjudged, sampled, read, seconds) = (
  SELECT count(*), total(outcome=1), total(outcome=0), total(outcome=2), total(sampled), total(read),
    total(seconds) FROM episodes WHERE stage=stages.id)
WHERE id=?"""


def empty(database: sqlite3.Connection) -> None:
    """Forget everything."""
    for table in _TABLES:
        database.execute(f"DELETE FROM {table}")
    database.execute("INSERT INTO texts(texts) VALUES ('delete-all')")


def put_families(database: sqlite3.Connection, tasks: Mapping[str, Mapping[str, Any]]) -> None:
    """Note the family of each task that the run measures on, and what it asks for."""
    for name, task in tasks.items():
        if database.execute("SELECT 1 FROM tasks WHERE name=?", (name,)).fetchone():
            continue
        named = replace_surrogates(str(task.get("family", "")))
        opening = replace_surrogates(str(task.get("instruction", "")))[:OPENING]
        family = _find_number(database, "families", {"name": named})
        database.execute(_INSERT_TASK, (name, family, opening))


def put_episodes(database: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> None:
    writer = _Writer(database)
    for row in rows:
        writer.put(row, summarise(unpack(row["body"])))
    writer.count()


@dataclass
class _Writer:
    """Remembers the numbers of what rows in a row share, and counts by stage once at the end."""

    database: sqlite3.Connection
    numbers: dict[tuple[str, ...], int] = field(default_factory=dict)
    tasks: dict[str, tuple[int, int]] = field(default_factory=dict)  # number, number of the family
    counts: dict[int, list[float]] = field(default_factory=dict)

    def put(self, row: sqlite3.Row, summary: Summary) -> None:
        moment, outcome = find_moment(row["purpose"], row["key"]), Solved.of(row["reward"])
        stage = self._find("stages", purpose=row["purpose"], stage=moment.stage, mode=moment.mode)
        batch = self._find("batches", purpose=row["purpose"], key=row["key"])
        task, family = self._find_task(row["task"], summary.asked)
        values = (row["rowid"], len(row["body"]), batch, row["position"], stage, task, family, row["sample"])
        counts = (summary.steps, summary.tool_calls, summary.tokens, summary.sampled, summary.read)
        number = self.database.execute(
            _INSERT, (*values, row["reward"], int(outcome), summary.end, *counts, summary.seconds, None)
        ).lastrowid
        self.database.execute(_INSERT_TEXT, (number, summary.asked, summary.said, summary.seen))
        counted = self.counts.setdefault(stage, [0.0] * len(_COUNTS))
        seen = (1, outcome is Solved.YES, outcome is Solved.NO, outcome is Solved.UNJUDGED)
        for i, value in enumerate((*seen, summary.sampled, summary.read, summary.seconds)):
            counted[i] += value
        if moment.test_set:
            _put_in_pair(self.database, moment, task, row["sample"], int(outcome), number)

    def count(self) -> None:
        """Add what was put to the counts of its stages."""
        added = ", ".join(f"{name}={name}+?" for name in _COUNTS)
        for stage, counted in self.counts.items():
            self.database.execute(f"UPDATE stages SET {added} WHERE id=?", (*counted, stage))

    def _find(self, table: str, **columns: str) -> int:
        key = (table, *columns.values())
        if key not in self.numbers:
            self.numbers[key] = _find_number(self.database, table, columns)
        return self.numbers[key]

    def _find_task(self, name: str, asked: str) -> tuple[int, int]:
        if name not in self.tasks:
            select = "SELECT id, family FROM tasks WHERE name=?"
            found = self.database.execute(select, (name,)).fetchone()
            if found is None:
                family = _find_number(self.database, "families", {"name": ""})
                self.database.execute(_INSERT_TASK, (name, family, asked[:OPENING]))
                found = self.database.execute(select, (name,)).fetchone()
            self.tasks[name] = tuple(found)
        return self.tasks[name]


def _put_in_pair(
    database: sqlite3.Connection, moment: Moment, task: int, sample: int, outcome: int, number: int | None
) -> None:
    """Before and after draw alike, so the same sample of the same task is a pair."""
    if moment.when not in ("before", "after"):
        return
    key = (moment.test_set, moment.mode, task, sample)
    database.execute("INSERT OR IGNORE INTO pairs (test_set, mode, task, sample) VALUES (?,?,?,?)", key)
    where = "test_set=? AND mode=? AND task=? AND sample=?"
    (pair,) = database.execute(f"SELECT id FROM pairs WHERE {where}", key).fetchone()
    sides = f"{moment.when}=?, {moment.when}_episode=?"
    database.execute(f"UPDATE pairs SET {sides} WHERE id=?", (outcome, number, pair))
    database.execute("UPDATE episodes SET pair=? WHERE id=?", (pair, number))


def drop_batch(database: sqlite3.Connection, purpose: str, key: str) -> None:
    """Forget a batch whose episodes were played again. Its words stay in the index of texts, where nothing
    leads to them."""
    batch = _find_number(database, "batches", {"purpose": purpose, "key": key})
    select = "SELECT DISTINCT stage FROM episodes WHERE batch=?"
    stages = [row[0] for row in database.execute(select, (batch,))]
    database.execute("DELETE FROM episodes WHERE batch=?", (batch,))
    for stage in stages:
        database.execute(_RECOUNT, (stage,))


def put_proposals(database: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> None:
    insert = "INSERT OR REPLACE INTO proposals VALUES (?,?,?,?,?,?,?,?,?,?,?)"
    database.executemany(insert, [_summarise_proposal(row) for row in rows])


def _summarise_proposal(row: sqlite3.Row) -> tuple[object, ...]:
    body = unpack(row["body"]) or {}
    kept = row["outcome"] == "passed"
    stage = Stage(row["stage"]) if row["stage"] in FUNNEL else Stage.PARSED
    reached = FUNNEL.index(Stage.KEPT if kept else previous(stage))
    verdict, task = (_read_mapping(body.get(part)) for part in ("verdict", "task"))
    revisions = body.get("revisions")
    opening = str(task.get("instruction") or body.get("raw") or "")
    reason = str(verdict.get("reason", "")).strip().partition("\n")[0]
    return (
        row["rowid"],
        row["round"],
        row["position"],
        int(kept),
        reached,
        str(Stage.KEPT) if kept else str(stage),
        replace_surrogates(str(verdict.get("check", ""))[:100]),
        replace_surrogates(reason[:OPENING]),
        revisions if isinstance(revisions, int) and 0 <= revisions < _MANY else 0,
        replace_surrogates(str(task.get("id", ""))[:100]),
        replace_surrogates(opening[:OPENING]),
    )


def _read_mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _find_number(database: sqlite3.Connection, table: str, columns: Mapping[str, str]) -> int:
    """The number of the row with these values, which is made where there is none."""
    values = tuple(columns.values())
    where = " AND ".join(f"{column}=?" for column in columns)
    found = database.execute(f"SELECT id FROM {table} WHERE {where}", values).fetchone()
    if found:
        return int(found[0])
    marks = ", ".join("?" * len(columns))
    insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
    return int(database.execute(insert, values).lastrowid or 0)
