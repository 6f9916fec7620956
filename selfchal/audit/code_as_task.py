"""Code-as-Task: rows of a JSONL file, or the kept tasks of a run, judged as ``selfchal tasks judge`` does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from selfchal.api.reading import open_run
from selfchal.audit.by_judge import find_by_judge
from selfchal.audit.findings import Finding, Grade
from selfchal.audit.portable_trials import find_unchecked_arguments
from selfchal.audit.task_sets import AuditError, AuditRequest, CodedTask, GivenTask, TaskSet
from selfchal.audit.trusted_environments import trust_environment
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.judging.rows import read_row
from selfchal.pipeline.manifest.stored import choose_environment_section, list_environment_names
from selfchal.pipeline.sources import read_lines
from selfchal.pipeline.store import is_run
from selfchal.pipeline.test_sets import EXAM_STATUS

_PARTS = frozenset({"instruction", "evaluate"})


class CodeAsTask:
    """Reads rows, and runs; every row goes through the judge."""

    format = "Code-as-Task"

    def read(self, path: Path, request: AuditRequest) -> TaskSet | None:
        """A ``.jsonl`` file with rows of tasks, or the directory of a run."""
        if path.is_dir():
            return self._read_run(path, request) if is_run(path) else None
        if not (path.is_file() and path.suffix == ".jsonl"):
            return None
        rows = [row for _, row in read_lines(path)]
        if not any(isinstance(row, dict) and row.keys() >= _PARTS for row in rows):
            return None
        return self._make(rows, _choose_environment(path, rows, request), request)

    def _read_run(self, path: Path, request: AuditRequest) -> TaskSet:
        view = open_run(path)
        manifest = view.manifest()
        if manifest.get("plugins"):
            named = ", ".join(map(str, manifest["plugins"]))[:200]
            raise AuditError(
                f"{path}: this run loads plugins from files ({named}); if you trust them, load them "
                "yourself: selfchal --plugin FILE audit … --environment NAME"
            )
        several = len(list_environment_names(manifest)) > 1
        chosen = choose_environment_section(manifest, request.environment if several else None)
        rows = {row["id"]: row for row in view.tasks() if row["status"] != EXAM_STATUS}
        if several:
            rows = {key: row for key, row in rows.items() if row["environment"] == chosen["name"]}
        if not rows:
            raise AuditError(f"{path}: this run has kept no task")
        section = trust_environment(chosen, request)
        return self._make(list(rows.values()), section, request)

    def _make(self, rows: Sequence[Json], section: Mapping[str, Json], request: AuditRequest) -> TaskSet:
        tasks = [_describe(row, number) for number, row in enumerate(rows, start=1)]
        read = enumerate(map(read_row, rows))
        whole = {number: task for number, task in read if isinstance(task, Task)}
        find = partial(_find, rows, section, whole, request)
        coded = [CodedTask(number, section, task) for number, task in whole.items()]
        return TaskSet(f"{self.format} in {section['name']}", tasks, find, coded)


def _choose_environment(path: Path, rows: Sequence[Json], request: AuditRequest) -> dict[str, Json]:
    """The environment that the caller names, or the only one that the rows name."""
    named = {str(row["environment"]) for row in rows if isinstance(row, dict) and row.get("environment")}
    if request.environment is None and len(named) != 1:
        said = f"name several ({', '.join(sorted(named)[:3])})" if named else "do not say their environment"
        raise AuditError(f"{path}: these tasks {said}; add --environment NAME")
    if request.environment is not None:
        return {**request.options, "name": request.environment}
    return trust_environment({"name": named.pop()}, request)


def _describe(row: Json, number: int) -> GivenTask:
    """The task in the shape of all formats; without an id it goes by its number, from 1."""
    task = read_row(row)
    if isinstance(task, str):
        name = row.get("id") if isinstance(row, dict) else None
        return GivenTask(str(name or number), "", "")
    named = str(row.get("id") or number)
    context = json.dumps(task.context, sort_keys=True)
    return GivenTask(named, task.instruction, task.evaluate, context)


def _find(
    rows: Sequence[Json], section: Mapping[str, Json], tasks: Mapping[int, Task], request: AuditRequest
) -> Iterator[Finding]:
    """What the judge finds; of a row that it keeps, what its verifier does not look at."""
    fallen = set[int]()
    for finding in find_by_judge(rows, section, request.sandbox, request.secret):
        if finding.grade is not Grade.DOUBTFUL:
            fallen.add(finding.task)
        yield finding
    kept = {number: task for number, task in tasks.items() if number not in fallen}
    yield from find_unchecked_arguments(kept, section, request)
