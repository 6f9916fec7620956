"""A plugin asked the same in other processes, whose sets and hashes have another order: it answers alike.

``tell_seen`` of the kit of its kind says what it is asked; ``twin_program`` asks it there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfchal.core.world import Json
from selfchal.plugins.registry import load_plugins
from selfchal.testing.conformance.case import demand

HASH_SEEDS = ("1", "2")
_PROGRAM = Path(__file__).parent / "twin_program.py"


def is_registered(kind: str, cls: type[Any]) -> bool:
    """Can another process find this class by its name?"""
    offered = {(item.kind, item.name): item.cls for item in load_plugins().all()}
    return offered.get((kind, getattr(cls, "name", ""))) is cls


def demand_alike(kind: str, cls: type[Any], options: Mapping[str, Json]) -> None:
    """Each process says what it saw: pairs of what was asked, in words, and what came of it."""
    asked = json.dumps({"kind": kind, "name": cls.name, "options": dict(options)})
    running = []
    for hash_seed in HASH_SEEDS:
        path = os.pathsep.join(sys.path)
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}
        running.append(
            subprocess.Popen(
                [sys.executable, str(_PROGRAM)],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    seen = []
    for process in running:
        told, failed = process.communicate(asked)
        said = (failed.strip().splitlines() or ["it says nothing"])[-1]  # of a traceback the error itself
        demand(process.returncode == 0, f"in another process it fails: {said[:300]}")
        seen.append(json.loads(told.splitlines()[-1]))
    for (what, one), (_, other) in zip(*seen, strict=True):
        demand(one == other, f"{what} is {one!r:.80} in one process and {other!r:.80} in another")
