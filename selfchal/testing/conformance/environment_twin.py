"""Plays calls on one world of an installed environment, in a process of its own. Run as a program by the kit.

It reads {"name", "options", "calls"} from stdin, and writes what the environment says and answers as JSON.
"""

from __future__ import annotations

import contextlib
import json
import sys

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
            "answers": [[result.value, result.ok] for result in results],
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
