"""Episodes that a filter lets through, a page at a time.

A page begins after a number that the page before ended with (keyset), so the thousandth page costs what the
first does. The index is walked in windows; where what is asked for is rare, a page ends after ``PATIENCE``
seconds with what was found, and says how far it got.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from selfchal.browsing.addresses import Address, Moment
from selfchal.browsing.filters import EpisodeFilter, write_conditions, write_match
from selfchal.browsing.index import RunIndex
from selfchal.browsing.outcomes import Solved
from selfchal.browsing.summaries import UNREADABLE
from selfchal.core.episode import End
from selfchal.core.errors import StoreError

PATIENCE = 0.1  # seconds that a page may take to be found, about
WINDOW = 25_000  # episodes that are looked at before the clock is
PAGE = 50
MOST_FAMILIES = 500  # that are offered

_COLUMNS = """
SELECT e.id, b.purpose, b.key, e.position, s.stage, s.mode, t.name task, t.opening, f.name family, e.sample,
  e.reward, e.outcome, e.ending, e.steps, e.tool_calls, e.tokens, e.sampled, e.seconds, e.pair,
  p.before, p.after
FROM {chosen} e
JOIN batches b ON b.id=e.batch JOIN stages s ON s.id=e.stage JOIN tasks t ON t.id=e.task
JOIN families f ON f.id=e.family LEFT JOIN pairs p ON p.id=e.pair
"""


@dataclass(frozen=True)
class EpisodeRow:
    """One line of a list. ``before`` and ``after`` are the outcomes of the pair that it belongs to."""

    number: int
    address: Address
    moment: Moment
    task: str
    opening: str
    family: str
    sample: int
    reward: float | None
    solved: Solved
    end: str
    steps: int
    tool_calls: int
    tokens: int
    sampled: int
    seconds: float
    before: Solved | None
    after: Solved | None
    pair: int | None


@dataclass(frozen=True)
class Page:
    """``following`` is where the next page begins, None after the last one. ``complete``: was as much found
    as a page holds, or all there is? Otherwise time was up."""

    rows: list[EpisodeRow]
    following: int | None
    complete: bool


def list_episodes(
    index: RunIndex,
    wanted: EpisodeFilter,
    after: int | None = None,
    count: int = PAGE,
    newest: bool = False,
    patience: float = PATIENCE,
) -> Page:
    """The first ``count`` episodes after the one with this number, in the order in which they were stored, or
    the other way round. Raises StoreError where the filter asks for what there cannot be."""
    query = _Query.of(wanted, newest)
    if wanted.text and not query.match:
        return Page([], None, True)
    last = _find_last(index)
    start, end = time.monotonic(), last + 1
    at = (end if newest else 0) if after is None else after
    rows: list[EpisodeRow] = []
    while True:
        low, high = (max(at - WINDOW - 1, 0), at) if newest else (at, at + WINDOW + 1)
        rows += query.read(index, low, high, count - len(rows))
        if len(rows) == count:
            return Page(rows, rows[-1].number, True)
        at = low + 1 if newest else high - 1
        if at <= 1 if newest else at >= last:
            return Page(rows, None, True)
        if time.monotonic() - start > patience:
            return Page(rows, at, False)


def walk_episodes(index: RunIndex, wanted: EpisodeFilter) -> Iterator[EpisodeRow]:
    """All of them, page by page."""
    after: int | None = 0
    while after is not None:
        page = list_episodes(index, wanted, after, 500)
        yield from page.rows
        after = page.following


def find_row(index: RunIndex, address: Address) -> EpisodeRow | None:
    """The line of one episode; None where it is not stored, or not indexed yet."""
    where = "WHERE b.purpose=? AND b.key=? AND e.position=?"
    rows = index.ask(
        f"{_COLUMNS.format(chosen='episodes')} {where}", address.purpose, address.key, address.position
    )
    return read_row(rows[0]) if rows else None


def list_where(index: RunIndex, where: str, *values: object, count: int = PAGE) -> list[EpisodeRow]:
    """Episodes by a condition on the index's own columns, in the order in which they were stored."""
    chosen = f"(SELECT * FROM episodes WHERE {where} ORDER BY id LIMIT {count})"
    return [read_row(row) for row in index.ask(f"{_COLUMNS.format(chosen=chosen)} ORDER BY e.id", *values)]


@dataclass(frozen=True)
class Choices:
    """What there is to filter by in a run."""

    stages: list[str]
    modes: list[str]
    families: list[str]


def list_choices(index: RunIndex) -> Choices:
    stages = index.ask("SELECT DISTINCT stage FROM stages ORDER BY id")
    modes = index.ask("SELECT DISTINCT mode FROM stages WHERE mode!='' ORDER BY id")
    families = index.ask("SELECT name FROM families WHERE name!='' ORDER BY name LIMIT ?", MOST_FAMILIES)
    return Choices(*([row[0] for row in rows] for rows in (stages, modes, families)))


def check_filter(index: RunIndex, wanted: EpisodeFilter) -> None:
    """Raises StoreError where nothing can fit, for the run has no such stage, mode or family, or there is no
    word in the text. The index must be up to date: what is not indexed yet is not known."""
    choices = list_choices(index)
    for name, known in (("stage", choices.stages), ("mode", choices.modes)):
        check_choice(name, getattr(wanted, name), known)
    if wanted.family and not index.ask("SELECT 1 FROM families WHERE name=?", wanted.family):
        check_choice("family", wanted.family, choices.families)
    check_choice("end", wanted.end, [*map(str, End), UNREADABLE])
    if wanted.text and not write_match(wanted.text, wanted.where):
        raise StoreError(f"there is no word to search for in {wanted.text[:80]!r}")


def check_choice(name: str, value: str, known: Sequence[str]) -> None:
    """Raises StoreError, which names what there is, where the value is set and not known."""
    if value and value not in known:
        there = f"there are: {', '.join(known)[:1000]}" if known else "there is none in this run yet"
        raise StoreError(f"{value[:80]!r} is no {name} of this run; {there}")


@dataclass(frozen=True)
class _Query:
    conditions: str
    values: tuple[object, ...]
    match: str
    newest: bool

    @classmethod
    def of(cls, wanted: EpisodeFilter, newest: bool) -> _Query:
        pairs = list(write_conditions(wanted))
        conditions = "".join(f" AND {condition}" for condition, _ in pairs)
        match = write_match(wanted.text, wanted.where)
        return cls(conditions, tuple(value for _, value in pairs), match, newest)

    def read(self, index: RunIndex, low: int, high: int, count: int) -> list[EpisodeRow]:
        """Up to ``count`` whose number is between the two."""
        order = "DESC" if self.newest else "ASC"
        matched: tuple[object, ...] = (self.match,) if self.match else ()
        number, matching = "e.id", "episodes e WHERE"
        if self.match:
            number = "x.rowid"
            matching = "texts x CROSS JOIN episodes e ON e.id=x.rowid WHERE texts MATCH ? AND"
        chosen = (
            f"SELECT e.* FROM {matching} {number}>? AND {number}<?{self.conditions} "
            f"ORDER BY {number} {order} LIMIT ?"
        )
        values = (*matched, low, high, *self.values, count)
        rows = index.ask(f"{_COLUMNS.format(chosen=f'({chosen})')} ORDER BY e.id {order}", *values)
        return [read_row(row) for row in rows]


def _find_last(index: RunIndex) -> int:
    return int(index.ask("SELECT coalesce(max(id), 0) FROM episodes")[0][0])


def read_row(row: sqlite3.Row) -> EpisodeRow:
    return EpisodeRow(
        number=row["id"],
        address=Address(row["purpose"], row["key"], row["position"]),
        moment=Moment(row["stage"], row["mode"]),
        task=row["task"],
        opening=row["opening"],
        family=row["family"],
        sample=row["sample"],
        reward=row["reward"],
        solved=Solved(row["outcome"]),
        end=row["ending"],
        steps=row["steps"],
        tool_calls=row["tool_calls"],
        tokens=row["tokens"],
        sampled=row["sampled"],
        seconds=row["seconds"],
        before=_read_outcome(row["before"]),
        after=_read_outcome(row["after"]),
        pair=row["pair"],
    )


def _read_outcome(value: int | None) -> Solved | None:
    return None if value is None else Solved(value)
