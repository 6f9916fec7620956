"""One stored episode, whole or in parts, and the rows that other programs read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter

from selfchal.browsing.addresses import Address
from selfchal.browsing.bodies import read_as
from selfchal.browsing.index import RunIndex
from selfchal.browsing.listing import EpisodeRow, list_where
from selfchal.browsing.source import Source, open_source
from selfchal.core.episode import Episode
from selfchal.core.errors import StoreError
from selfchal.core.world import Json

_EPISODE = TypeAdapter(Episode)
_GROUP = 64  # rollouts of one task that are shown side by side, at most


def read_episode(index: RunIndex, address: Address) -> Episode:
    """Raises StoreError where it is not stored, or cannot be read."""
    with open_source(index.directory) as source:
        return read_from(source, address)


def read_from(source: Source, address: Address) -> Episode:
    """The same, where a store is open already: for many episodes of one run."""
    row = source.find_episode(address.purpose, address.key, address.position)
    if row is None:
        raise StoreError(f"{source.directory} has no episode {address}")
    return read_as(_EPISODE, row["body"], f"the episode {address} of {source.directory}")


def describe_episode(address: Address, episode: Episode) -> dict[str, Json]:
    """A row as ``open_run(…).episodes()`` gives it, with the episode's address."""
    named = {"episode": str(address), "purpose": address.purpose, "batch": address.key}
    return {**named, **episode.to_json(), "end": str(episode.end)}


def _describe_whole(row: EpisodeRow, episode: Episode) -> dict[str, Json]:
    """The same, with what the index knows of it: stage, mode and family."""
    known = {"stage": row.moment.stage, "mode": row.moment.mode, "family": row.family}
    return {**describe_episode(row.address, episode), **known}


def walk_bodies(
    index: RunIndex, rows: Iterator[EpisodeRow]
) -> Iterator[tuple[Address, dict[str, Json] | None]]:
    """The whole episodes of a list, one at a time; None for one that cannot be read."""
    with open_source(index.directory) as source:
        for row in rows:
            try:
                body = _describe_whole(row, read_from(source, row.address))
            except StoreError:
                body = None
            yield row.address, body


def list_group(index: RunIndex, address: Address) -> list[EpisodeRow]:
    """The rollouts of the same task in the same batch, this one among them."""
    own = index.ask(
        "SELECT e.batch, e.task FROM episodes e JOIN batches b ON b.id=e.batch "
        "WHERE b.purpose=? AND b.key=? AND e.position=?",
        address.purpose,
        address.key,
        address.position,
    )
    return list_where(index, "batch=? AND task=?", *own[0], count=_GROUP) if own else []


def describe_row(row: EpisodeRow) -> dict[str, Json]:
    """A line of a list as JSON."""
    shown: dict[str, Any] = {
        "episode": str(row.address),
        "stage": row.moment.stage,
        "mode": row.moment.mode,
        "task": row.task,
        "family": row.family,
        "sample": row.sample,
        "reward": row.reward,
        "end": row.end,
        "steps": row.steps,
        "tool_calls": row.tool_calls,
        "tokens": row.tokens,
        "sampled": row.sampled,
        "seconds": row.seconds,
        "opening": row.opening,
    }
    if row.before is not None:
        shown["before"] = row.before.word
    if row.after is not None:
        shown["after"] = row.after.word
    return shown
