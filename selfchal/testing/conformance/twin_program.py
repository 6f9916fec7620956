"""Asks a plugin what the kit of its kind asks, in a process of its own. Run as a program by the kit.

It reads {"kind", "name", "options"} from stdin, and writes what was seen as JSON.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys

from selfchal.plugins.registry import load_plugins

KITS = {"check": "checks", "model": "models", "synthesizer": "synthesizers", "trainer": "trainers"}


def main() -> None:
    asked = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):
        kit = importlib.import_module(f"selfchal.testing.conformance.{KITS[asked['kind']]}")
        cls = load_plugins().find(asked["kind"], asked["name"])
        seen = kit.tell_seen(cls, asked["options"])
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
