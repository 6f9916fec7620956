"""Runs with kept tasks, made without a model: what is exported in the tests."""

from __future__ import annotations

from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from selfchal.core.task import Task
from selfchal.pipeline.store import Store
from tests.benchmarks.loading import load_benchmark


@cache
def sound_tasks(environment: str, count: int) -> tuple[Task, ...]:
    """The first sound tasks of an environment that were written by hand, without any judge's notes."""
    rows = load_benchmark("natural_tasks").read_tasks(environment)
    return tuple(Task.from_json({**row, "environment": environment}) for row in islice(rows, count))


def write_run(
    directory: Path, environment: dict[str, Any], tasks: tuple[Task, ...], status: str = "train"
) -> Path:
    """A run that kept these tasks; ``environment`` is its section of the manifest."""
    manifest = {"run": {"name": "demo"}, "environment": environment, "model": {"name": "seedling"}}
    with Store.create(directory, manifest) as store:
        store.put_tasks(1, [(task, status) for task in tasks])
    return directory
