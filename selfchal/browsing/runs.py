"""Runs below some directories, and what a list says of each."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from selfchal.browsing.source import Source, list_written_files, open_source
from selfchal.core.errors import StoreError
from selfchal.core.world import Json
from selfchal.pipeline.failure import FAILURE, STAGE
from selfchal.pipeline.manifest.stored import list_environment_names
from selfchal.pipeline.run_lock import is_locked
from selfchal.pipeline.statistics import Estimate, estimate
from selfchal.pipeline.store import Store, is_run

DEEPEST = 4  # folders below a directory in which runs are looked for
MOST_FOLDERS = 20_000  # that are looked into
_FRESH = 60.0  # seconds: what was written to so lately is most likely under way
_EARLIER = (
    "",
    "judge tasks",
    "make the exam",
    "evaluate before",
)  # stages in which nothing is measured whole
_SHORT = 200  # characters of an error in a list
_SKIPPED = frozenset(["checkpoints", "node_modules", "__pycache__"])


class Status(StrEnum):
    """A run that is under way holds a lock. Where there are no locks, nothing tells one that waits for a slow
    model from one that was killed but how long it is silent."""

    ENDED = "ended"
    FAILED = "failed"
    RUNNING = "running"
    STOPPED = "stopped"
    SILENT = "stopped, or waiting"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class RunSummary:
    """What stands in a run's files beside its rows. ``written`` is when it last stored something, in
    seconds since 1970. ``fault`` says why the rest is empty, where it could not be read. ``early`` is pass@1
    before training of a run that has no results yet, where that was measured whole."""

    directory: Path
    name: str
    status: Status
    written: float
    manifest: Mapping[str, Any]
    results: Mapping[str, Any]
    stage: str = ""
    failure: Mapping[str, Any] | None = None
    fault: str = ""
    early: Estimate | None = None

    @property
    def error(self) -> str:
        """What a run failed of, or why it cannot be read; empty of any other."""
        return str(self.failure.get("error", "")) if self.failure else self.fault

    @property
    def short_error(self) -> str:
        """Its first line, for a list."""
        line = next(iter(self.error.strip().splitlines()), "")
        return line if len(line) <= _SHORT else f"{line[:_SHORT]}…"

    def rate(self, when: str) -> float | None:
        """pass@1 at a moment: that of the results, or the one that was measured so far."""
        if when == "before" and self.early is not None:
            return self.early.mean
        return read_rate(self.results, when)

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
        if not directory.is_dir():
            raise StoreError(f"{directory} is not a directory; name one that holds a run, or runs below it")
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
    written = max((found.st_mtime for found in list_written_files(directory)), default=0.0)
    try:
        with Store.read(directory) as store:
            manifest, results = store.manifest(), store.results()
        if not isinstance(manifest, Mapping) or not isinstance(results, Mapping):
            raise StoreError("its manifest or its results are no mapping")
        with open_source(directory) as source:
            failure, stage = source.fact(FAILURE), source.fact(STAGE)
            early = None if results else _measure_early(source, stage)
    except StoreError as error:
        return RunSummary(directory, directory.name, Status.UNREADABLE, written, {}, {}, fault=str(error))
    failure = failure if isinstance(failure, Mapping) else None
    status = _find_status(directory, results, failure, written)
    stage = str(stage or "")[:100]
    found = RunSummary(directory, "", status, written, manifest, results, stage, failure, early=early)
    return replace(found, name=found.option("run") or directory.name)


def _measure_early(source: Source, stage: object) -> Estimate | None:
    """pass@1 before training, once its stage has ended; of the exam where there is nothing else."""
    if not isinstance(stage, str) or stage in _EARLIER:
        return None
    rows = source.list_rewards("before") or source.list_rewards("exam before")
    found = estimate(rows) if rows else None
    return found if found and found.tasks else None


def _find_status(
    directory: Path, results: Mapping[str, Json], failure: Mapping[str, Any] | None, written: float
) -> Status:
    if failure is not None:
        return Status.FAILED
    if results:
        return Status.ENDED
    locked = is_locked(directory)
    if locked is not None:
        return Status.RUNNING if locked else Status.STOPPED
    return Status.RUNNING if time.time() - written < _FRESH else Status.SILENT


def describe_run(summary: RunSummary, money: float | None = None) -> dict[str, Json]:
    """A line of a list as JSON; ``money`` is what a run without results has cost so far."""
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
        "before": summary.rate("before"),
        "after": summary.rate("after"),
        "money": read_money(results) if results else money,
        "difference": results.get("difference"),
        "error": summary.error,
    }


def read_rate(results: Mapping[str, Any], when: str) -> float | None:
    """pass@1 at a moment, of the held-out tasks or else of the exam; None where it was not measured."""
    part = results if when in results else results.get("exam")
    rates = part.get(when) if isinstance(part, Mapping) else None
    rate = rates.get("pass@1") if isinstance(rates, Mapping) else None
    return float(rate) if isinstance(rate, int | float) else None


def read_money(results: Mapping[str, Any]) -> float | None:
    """What a run cost that has ended; None where its models have no prices."""
    costs = results.get("costs")
    spent = costs.get("all") if isinstance(costs, Mapping) else None
    money = spent.get("money") if isinstance(spent, Mapping) else None
    return float(money) if isinstance(money, int | float) else None
