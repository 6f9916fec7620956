"""Plays calls on one world of an installed environment, in a process of its own. Run as a program by the kit.

It reads {"name", "options", "calls"} from stdin, and writes what the environment says and answers as JSON.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import tempfile

from selfchal.core.world import Json, ToolResult
from selfchal.plugins.registry import load_plugins
from selfchal.testing.conformance.case import make


def main() -> None:
    asked = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):
        environment = make(load_plugins().find("environment", asked["name"]), asked["options"])
        world = environment.open({})
        start = world.digest()
        results = [world.call(name, args, kwargs) for name, args, kwargs in asked["calls"]]
        tasks = [task.id for split in environment.splits() for task in environment.test_tasks(split)]
        found = {
            "tools": [spec.name for spec in environment.tools],
            "contexts": [environment.exploration_context(seed) for seed in range(5)],
            "tasks": tasks,
            "start": start,
            "answers": [[_hide_folders(result), result.ok] for result in results],
        }
    print(json.dumps(found))


def _hide_folders(result: ToolResult) -> Json:
    """The answer; in what a tool refused a temporary folder, which each process has of its own, stands as one
    word."""
    if result.ok or not isinstance(result.value, str):
        return result.value
    return re.sub(rf"{re.escape(tempfile.gettempdir())}[^\s'\",;:)]*", "(temporary)", result.value)


if __name__ == "__main__":
    main()
