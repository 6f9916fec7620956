"""Runs below some directories, and what a list says of each."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from selfchal.browsing.source import open_source
from selfchal.core.errors import StoreError
from selfchal.core.world import Json
from selfchal.pipeline.failure import FAILURE, STAGE
from selfchal.pipeline.manifest.stored import list_environment_names
from selfchal.pipeline.store import DATABASE, Store, is_run

DEEPEST = 4  # folders below a directory in which runs are looked for
MOST_FOLDERS = 20_000  # that are looked into
_FRESH = 60.0  # seconds: what was written to so lately is most likely under way
_SKIPPED = frozenset(["checkpoints", "node_modules", "__pycache__"])


class Status(StrEnum):
    """Nothing tells a run that waits for a slow model from one that was killed but how long it is silent."""

    ENDED = "ended"
    FAILED = "failed"
    RUNNING = "running"
    SILENT = "stopped, or waiting"


@dataclass(frozen=True)
class RunSummary:
    """What stands in a run's files beside its rows. ``written`` is when it last stored something, in
    seconds since 1970. ``fault`` says why the rest is empty, where it could not be read."""

    directory: Path
    name: str
    status: Status
    written: float
    manifest: Mapping[str, Any]
    results: Mapping[str, Any]
    stage: str = ""
    failure: Mapping[str, Any] | None = None
    fault: str = ""

    @property
    def environments(self) -> str:
        """The names of all as text; empty where there is none."""
        return ", ".join(list_environment_names(self.manifest))[:100]

    def option(self, section: str, key: str = "name") -> str:
        """An option of the manifest as text; empty where there is none."""
        values = self.manifest.get(section)
        return str(values.get(key, ""))[:100] if isinstance(values, Mapping) else ""


def find_runs(directories: Sequence[Path]) -> list[Path]:
    """The directories of all runs there and below, each once, in the order of their paths."""
    found: dict[Path, Path] = {}
    for directory in directories:
        if not directory.exists():
            raise StoreError(f"there is no directory {str(directory)!r}")
        for run in _walk(directory):
            found.setdefault(run.resolve(), run)
    return sorted(found.values())


def _walk(top: Path) -> Iterator[Path]:
    waiting, looked = [(top, 0)], 0
    while waiting and looked < MOST_FOLDERS:
        folder, depth = waiting.pop()
        looked += 1
        if is_run(folder):
            yield folder
            continue
        if depth == DEEPEST:
            continue
        try:
            with os.scandir(folder) as entries:
                inner = [Path(e.path) for e in entries if e.is_dir(follow_symlinks=False)]
        except OSError:
            continue  # a folder that may not be read holds no run that could be
        waiting += [(each, depth + 1) for each in inner if each.name not in _SKIPPED and each.name[0] != "."]


def summarise_run(directory: Path) -> RunSummary:
    """Never raises for a run that cannot be read: the list then says so."""
    written = _find_written(directory)
    try:
        with Store.read(directory) as store:
            manifest, results = store.manifest(), store.results()
        with open_source(directory) as source:
            failure, stage = source.fact(FAILURE), source.fact(STAGE)
    except StoreError as error:
        return RunSummary(directory, directory.name, Status.SILENT, written, {}, {}, fault=str(error))
    failure = failure if isinstance(failure, Mapping) else None
    if not isinstance(manifest, Mapping) or not isinstance(results, Mapping):
        fault = "its manifest or its results are no mapping"
        return RunSummary(directory, directory.name, Status.SILENT, written, {}, {}, fault=fault)
    status = _find_status(results, failure, written)
    found = RunSummary(directory, "", status, written, manifest, results, str(stage or "")[:100], failure)
    return replace(found, name=found.option("run") or directory.name)


def _find_written(directory: Path) -> float:
    times = [0.0]
    for name in (DATABASE, f"{DATABASE}-wal"):
        try:
            times.append((directory / name).stat().st_mtime)
        except OSError:
            continue
    return max(times)


def _find_status(results: Mapping[str, Json], failure: Mapping[str, Any] | None, written: float) -> Status:
    if failure is not None:
        return Status.FAILED
    if results:
        return Status.ENDED
    return Status.RUNNING if time.time() - written < _FRESH else Status.SILENT


def describe_run(summary: RunSummary) -> dict[str, Json]:
    """A line of a list as JSON."""
    results = summary.results
    return {
        "directory": str(summary.directory),
        "name": summary.name,
        "status": str(summary.status),
        "stage": summary.stage,
        "environment": summary.environments,
        "model": summary.option("model"),
        "trainer": summary.option("trainer"),
        "seed": summary.option("run", "seed"),
        "before": read_rate(results, "before"),
        "after": read_rate(results, "after"),
        "difference": results.get("difference"),
        "error": str(summary.failure.get("error", "")) if summary.failure else summary.fault,
    }


def read_rate(results: Mapping[str, Any], when: str) -> float | None:
    """pass@1 at a moment, of the held-out tasks or else of the exam; None where it was not measured."""
    part = results if when in results else results.get("exam")
    rates = part.get(when) if isinstance(part, Mapping) else None
    rate = rates.get("pass@1") if isinstance(rates, Mapping) else None
    return float(rate) if isinstance(rate, int | float) else None
