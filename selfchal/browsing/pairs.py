"""Before and after: the two attempts at a held-out task that were drawn alike, side by side."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from selfchal.browsing.addresses import Address
from selfchal.browsing.filters import read_outcome
from selfchal.browsing.index import RunIndex
from selfchal.browsing.outcomes import Solved

PAGE = 50
_SELECT = """
SELECT p.*, t.name, t.opening, f.name family, old_batch.key before_key,
  old.position before_position,
  new_batch.key after_key, new.position after_position
FROM pairs p JOIN tasks t ON t.id=p.task JOIN families f ON f.id=t.family
LEFT JOIN episodes old ON old.id=p.before_episode LEFT JOIN batches old_batch ON old_batch.id=old.batch
LEFT JOIN episodes new ON new.id=p.after_episode LEFT JOIN batches new_batch ON new_batch.id=new.batch
"""


@dataclass(frozen=True)
class Attempt:
    """One side of a pair."""

    address: Address
    solved: Solved


@dataclass(frozen=True)
class Pair:
    """``test_set`` is held-out or exam. A side that was not played yet, or in that mode never, is None."""

    number: int
    test_set: str
    mode: str
    task: str
    opening: str
    family: str
    sample: int
    before: Attempt | None
    after: Attempt | None


@dataclass(frozen=True)
class PairFilter:
    """``before`` and ``after`` are outcomes in words; what is empty asks for nothing."""

    before: str = ""
    after: str = ""
    mode: str = ""
    task: str = ""


def list_pairs(
    index: RunIndex, wanted: PairFilter, after: int = 0, count: int = PAGE
) -> tuple[list[Pair], int | None]:
    """Pairs after the one with this number, and where the next page begins (None: there is none).

    Raises StoreError for a word that is no outcome.
    """
    conditions: list[str] = ["p.id>?"]
    values: list[object] = [after]
    for column in ("before", "after"):
        if word := getattr(wanted, column):
            conditions.append(f"p.{column}=?")
            values.append(read_outcome(word))
    for condition, value in (("p.mode=?", wanted.mode), ("t.name=?", wanted.task)):
        if value:
            conditions.append(condition)
            values.append(value)
    query = f"{_SELECT} WHERE {' AND '.join(conditions)} ORDER BY p.id LIMIT ?"
    pairs = [_read_pair(row) for row in index.ask(query, *values, count + 1)]
    return pairs[:count], pairs[count - 1].number if len(pairs) > count else None


def find_pair(index: RunIndex, address: Address) -> Pair | None:
    """The pair that this episode is one side of; None where it is in none."""
    where = (
        "WHERE p.id=(SELECT e.pair FROM episodes e JOIN batches b ON b.id=e.batch "
        "WHERE b.purpose=? AND b.key=? AND e.position=?)"
    )
    rows = index.ask(f"{_SELECT} {where}", address.purpose, address.key, address.position)
    return _read_pair(rows[0]) if rows else None


def count_changes(index: RunIndex) -> dict[tuple[str, str, str], int]:
    """Pairs by mode, outcome before and outcome after, where both sides were played."""
    query = (
        "SELECT mode, before, after, count(*) count FROM pairs "
        "WHERE before IS NOT NULL AND after IS NOT NULL GROUP BY mode, before, after"
    )
    return {
        (row["mode"], Solved(row["before"]).word, Solved(row["after"]).word): row["count"]
        for row in index.ask(query)
    }


def _read_pair(row: sqlite3.Row) -> Pair:
    sides = {}
    for when in ("before", "after"):
        key = row[f"{when}_key"]
        address = Address("evaluate", key, row[f"{when}_position"]) if key is not None else None
        sides[when] = Attempt(address, Solved(row[when])) if address else None
    return Pair(
        number=row["id"],
        test_set=row["test_set"],
        mode=row["mode"],
        task=row["name"],
        opening=row["opening"],
        family=row["family"],
        sample=row["sample"],
        **sides,
    )
