"""Keeps ``metrics.jsonl`` in the run directory: one line an update, for programs that read along.

It watches every run by its entry point alone and keeps no state: what it needs comes with each hook.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from selfchal.core.hookspecs import hookimpl
from selfchal.core.watcher import RunInfo
from selfchal.core.world import Json
from selfchal.write_whole import write_whole

METRICS = "metrics.jsonl"


@hookimpl
def run_started(run: RunInfo) -> None:
    """A kill may have cut the last line short."""
    _keep(run, lambda row: True)


@hookimpl
def update_finished(run: RunInfo, stage: str, step: int, metrics: Mapping[str, float]) -> None:
    if run.directory is not None:
        with (run.directory / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"stage": stage, "step": step, **metrics}) + "\n")


@hookimpl
def updates_discarded(run: RunInfo, stage: str, after: int) -> None:
    _keep(run, lambda row: row["stage"] != stage or row["step"] <= after)


def _keep(run: RunInfo, wanted: Callable[[Mapping[str, Json]], bool]) -> None:
    """Write the file anew with the rows that are wanted, where it is there and holds others."""
    path = run.directory / METRICS if run.directory is not None else None
    if path is None or not path.exists():
        return
    text = path.read_text(encoding="utf-8")
    whole = [line for line in text.splitlines(keepends=True) if line.endswith("}\n")]
    kept = "".join(line for line in whole if wanted(json.loads(line)))
    if kept != text:
        write_whole(path, lambda part: part.write_text(kept, encoding="utf-8"))
