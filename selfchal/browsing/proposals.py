"""What the challenger proposed: the funnel, lists of what was kept and what fell, one proposal whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter

from selfchal.browsing.addresses import Address
from selfchal.browsing.bodies import read_as
from selfchal.browsing.index import RunIndex
from selfchal.browsing.listing import check_choice
from selfchal.browsing.source import open_source
from selfchal.core.errors import StoreError
from selfchal.core.judge import FUNNEL
from selfchal.core.synthesizer import Proposal
from selfchal.pipeline.test_sets import EXAM_ROUND

PAGE = 50
_PROPOSAL = TypeAdapter(Proposal)


@dataclass(frozen=True)
class ProposalRow:
    """One line of a list. ``stage`` is the one that was not reached, or ``kept``; ``check`` refused it."""

    number: int
    round: int
    index: int
    kept: bool
    stage: str
    check: str
    reason: str
    revisions: int
    task: str
    opening: str


@dataclass(frozen=True)
class Fallen:
    """How many proposals did not reach a stage, by the check that refused them."""

    stage: str
    check: str
    count: int


def count_funnel(index: RunIndex) -> dict[str, int]:
    """How many proposals reached each stage, of all rounds that train."""
    query = "SELECT reached, count(*) count FROM proposals WHERE round!=? GROUP BY reached"
    counts = {row["reached"]: row["count"] for row in index.ask(query, EXAM_ROUND)}
    return {str(stage): sum(n for at, n in counts.items() if at >= i) for i, stage in enumerate(FUNNEL)}


def count_fallen(index: RunIndex) -> list[Fallen]:
    """In the order of the funnel."""
    query = (
        "SELECT stage, failed_check, min(reached) at, count(*) count FROM proposals WHERE NOT kept "
        "GROUP BY stage, failed_check ORDER BY at, failed_check"
    )
    return [Fallen(row["stage"], row["failed_check"], row["count"]) for row in index.ask(query)]


def list_proposals(
    index: RunIndex, stage: str = "", check: str = "", after: int = 0, count: int = PAGE
) -> tuple[list[ProposalRow], int | None]:
    """Proposals after the one with this number, and where the next page begins (None: there is none)."""
    conditions: list[str] = ["id>?"]
    values: list[object] = [after]
    for column, value in (("stage", stage), ("failed_check", check)):
        if value:
            conditions.append(f"{column}=?")
            values.append(value)
    query = f"SELECT * FROM proposals WHERE {' AND '.join(conditions)} ORDER BY id LIMIT ?"
    rows = [_read_row(row) for row in index.ask(query, *values, count + 1)]
    return rows[:count], rows[count - 1].number if len(rows) > count else None


def check_proposal_filter(index: RunIndex, stage: str, check: str) -> None:
    """Raises StoreError, which names what there is, for a stage or a check that no proposal can have."""
    check_choice("stage of proposals", stage, [str(each) for each in FUNNEL])
    check_choice("check that refused", check, list_checks(index))


def list_checks(index: RunIndex) -> list[str]:
    """Those that refused a proposal."""
    return sorted({each.check for each in count_fallen(index) if each.check})


def find_by_task(index: RunIndex, task: str) -> ProposalRow | None:
    """The proposal that a task of the run came from; None of a held-out task."""
    rows = index.ask("SELECT * FROM proposals WHERE task=? ORDER BY kept DESC, id LIMIT 1", task)
    return _read_row(rows[0]) if rows else None


def read_proposal(index: RunIndex, round_: int, position: int) -> Proposal:
    """Raises StoreError where it is not stored, or cannot be read."""
    with open_source(index.directory) as source:
        row = source.find_proposal(round_, position)
    if row is None:
        raise StoreError(f"{index.directory} has no proposal {position} of round {round_}")
    return read_as(_PROPOSAL, row["body"], f"proposal {position} of round {round_}")


def find_conversation(index: RunIndex, round_: int, position: int) -> Address | None:
    """The episode in which a proposal was made and revised; None where it was given, or is not indexed."""
    name = f"proposal-{round_}-{position}"
    query = (
        "SELECT b.purpose, b.key, e.position FROM tasks t JOIN episodes e ON e.task=t.id "
        "JOIN batches b ON b.id=e.batch WHERE t.name=? AND b.purpose IN ('challenge', 'exam') LIMIT 1"
    )
    rows = index.ask(query, name)
    return Address(rows[0]["purpose"], rows[0]["key"], rows[0]["position"]) if rows else None


def describe_row(row: ProposalRow) -> Mapping[str, object]:
    """A line of a list as JSON."""
    return {name: value for name, value in vars(row).items() if name != "number"}


def _read_row(row: sqlite3.Row) -> ProposalRow:
    return ProposalRow(
        number=row["id"],
        round=row["round"],
        index=row["position"],
        kept=bool(row["kept"]),
        stage=row["stage"],
        check=row["failed_check"],
        reason=row["reason"],
        revisions=row["revisions"],
        task=row["task"],
        opening=row["opening"],
    )
