"""Whether a call solves a held-out task is told without showing the task."""

from __future__ import annotations

from typing import Any

from selfchal import HeldOut, open_environment, small_environment
from selfchal.pipeline.held_out_calls import HeldOutCalls


def switch(state: dict[str, Any], lamp: str, on: bool) -> str:
    """Switch a lamp."""
    state[lamp] = on
    return "ok"


House = small_environment(
    "house",
    start={"hall": False, "attic": False},
    writes=[switch],
    test_tasks=[HeldOut("Light in the hall, please.", [("switch", {"lamp": "hall", "on": True})])],
)


def test_the_calls_of_the_environments_own_solutions_are_known() -> None:
    solves = HeldOutCalls(open_environment(House))
    assert solves("switch", {"lamp": "hall", "on": True})
    assert not solves("switch", {"lamp": "attic", "on": True})
    assert not solves("switch", {"lamp": "hall", "on": False})
    assert not solves("light", {"lamp": "hall", "on": True})
