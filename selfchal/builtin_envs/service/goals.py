"""Held-out tasks out of goals: what a user wants, the calls that do it, what they must be told.

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
class Goal:
    """One thing that a user wants done. ``about`` is the row it is about: no two goals share one."""

    kind: str
    said: str
    about: str
    calls: Sequence[Action]
    outputs: Sequence[str] = field(default=())


def sound(database: Database, toolset: Toolset, calls: Iterable[Action]) -> bool:
    """Do all calls succeed, and does each writing call matter for the final state?"""
    actions = list(calls)
    whole = _compute_state_after(database, toolset, actions)
    writes = [i for i, (name, _) in enumerate(actions) if toolset.tools[name].spec.writes]
    without = (_compute_state_after(database, toolset, actions[:i] + actions[i + 1 :]) for i in writes)
    return whole is not None and bool(writes) and all(state != whole for state in without)


def _compute_state_after(database: Database, toolset: Toolset, actions: Sequence[Action]) -> str | None:
    world = TableWorld(database, toolset)
    results = [world.call(name, (), kwargs) for name, kwargs in actions]
    return world.digest() if all(result.ok for result in results) else None


def task_row(opening: str, lookups: Sequence[Action], goals: Sequence[Goal], manner: str) -> RawTask:
    calls = [*lookups, *(call for goal in goals for call in goal.calls)]
    return {
        "instruction": " ".join([opening, *(goal.said for goal in goals), manner]),
        "actions": [{"name": name, "kwargs": kwargs} for name, kwargs in calls],
        "outputs": [output for goal in goals for output in goal.outputs],
        "family": "+".join(sorted(goal.kind for goal in goals)),
    }
