"""What decided over a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfchal.browsing.index import RunIndex
from selfchal.browsing.proposals import find_by_task, read_proposal
from selfchal.browsing.source import open_source, read_test_tasks


def find_verifier(index: RunIndex, task: str) -> Mapping[str, Any]:
    """A task's own ``evaluate``, or what a held-out task expects (``truth``); empty where that was not
    noted. The index must know the task."""
    if row := find_by_task(index, task):
        found = read_proposal(index, row.round, row.index).task
        parts = (
            {name: getattr(found, name) for name in ("evaluate", "solution", "instruction")} if found else {}
        )
        return {"round": row.round, "index": row.index, **parts}
    with open_source(index.directory) as source:
        noted = read_test_tasks(source).get(task, {})
    return {name: noted[name] for name in ("family", "instruction", "truth") if name in noted}
