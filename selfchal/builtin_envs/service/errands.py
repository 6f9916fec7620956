"""Held-out tasks out of errands: what a user wants, the calls that do it, what they must be told.

Every task is tried in its world before it is offered: all calls succeed, the state changes, and it is
another one without the last writing call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from selfchal.builtin_envs.tables.database import Database
from selfchal.builtin_envs.tables.world import TableWorld, Toolset
from selfchal.core.world import Json

Action = tuple[str, dict[str, Json]]
RawTask = Mapping[str, Json]  # instruction, actions [{name, kwargs}], outputs; index, family


@dataclass(frozen=True)
class Errand:
    """One thing that a user wants done. ``about`` is the row it is about: no two errands share one."""

    kind: str
    said: str
    about: str
    calls: Sequence[Action]
    outputs: Sequence[str] = field(default=())


def sound(database: Database, toolset: Toolset, calls: Iterable[Action]) -> bool:
    """Do all calls succeed, and does each writing call matter for the final state?"""
    actions = list(calls)
    whole = _state_after(database, toolset, actions)
    writes = [i for i, (name, _) in enumerate(actions) if toolset.tools[name].spec.writes]
    without = (_state_after(database, toolset, actions[:i] + actions[i + 1 :]) for i in writes)
    return whole is not None and bool(writes) and all(state != whole for state in without)


def _state_after(database: Database, toolset: Toolset, actions: Sequence[Action]) -> str | None:
    world = TableWorld(database, toolset)
    results = [world.call(name, (), kwargs) for name, kwargs in actions]
    return world.digest() if all(result.ok for result in results) else None


def task_row(opening: str, lookups: Sequence[Action], errands: Sequence[Errand], manner: str) -> RawTask:
    calls = [*lookups, *(call for errand in errands for call in errand.calls)]
    return {
        "instruction": " ".join([opening, *(errand.said for errand in errands), manner]),
        "actions": [{"name": name, "kwargs": kwargs} for name, kwargs in calls],
        "outputs": [output for errand in errands for output in errand.outputs],
        "family": "+".join(sorted(errand.kind for errand in errands)),
    }
