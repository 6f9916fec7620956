"""Sound tasks of our own retail world, in the formats of tau-bench and tau2-bench, to plant faults in."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from selfchal import open_environment

OWN_WORLD = {"profile": "compat", "data": None}  # options that play the tasks in our own world


@cache
def _make_rows(count: int) -> list[dict[str, Any]]:
    tasks = open_environment({"name": "retail", **OWN_WORLD}).test_tasks("test")
    told = [task for task in tasks if task.truth["outputs"]][:count]
    return [{"instruction": task.instruction, **task.truth} for task in told]


def make_tau_rows(count: int) -> list[dict[str, Any]]:
    """Rows of tau-bench, each with a text that must be said."""
    rows = copy.deepcopy(_make_rows(count))
    return [{"index": index, "user_id": "", **row} for index, row in enumerate(rows)]


def make_tau2_rows(count: int) -> list[dict[str, Any]]:
    """The same tasks as rows of tau2-bench."""
    return [
        {
            "id": f"t{index}",
            "user_scenario": {"instructions": {"domain": "retail", "reason_for_call": row["instruction"]}},
            "evaluation_criteria": {
                "actions": [
                    {"name": action["name"], "arguments": action["kwargs"]} for action in row["actions"]
                ],
                "communicate_info": row["outputs"],
                "reward_basis": ["DB", "COMMUNICATE"],
            },
        }
        for index, row in enumerate(make_tau_rows(count))
    ]
