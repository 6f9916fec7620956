"""Runs that built-in watchers are told of, without a run."""

from __future__ import annotations

from pathlib import Path

from selfchal.core.watcher import RunInfo
from selfchal.pipeline.watch import Watch, Watchers

MANIFEST = {"run": {"name": "r", "seed": 0}}


def watch_by(watcher: object, directory: Path | None = None) -> tuple[Watch, Watchers, RunInfo]:
    """A run that this watcher alone watches."""
    watchers = Watchers()
    watchers.add(watcher, "this test")
    run = RunInfo("r", directory, MANIFEST)
    return Watch(run, watchers), watchers, run
