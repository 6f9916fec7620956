"""Judge anybody's tasks: rows of JSON in, one verdict a row out, in order, on every core."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

from selfchal.core.environment import Environment
from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.synthesizer import Judging
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.judging.comparing import list_comparing, note_alike
from selfchal.judging.processes import JudgeProcesses, JudgeSpec, enough_processes

_MANY = 30  # rows a core that are worth a second to start its process
_PARTS = ("instruction", "evaluate", "solution")


def judge_rows(
    spec: JudgeSpec, rows: Sequence[Any], processes: int | None = None
) -> Iterator[dict[str, Json]]:
    """A verdict for each row (``instruction``, ``evaluate``, ``solution``, ``failures``, ``context``).

    Each has ``id``, ``outcome``, ``stage`` (where it fell; ``kept`` when it passed), ``reason``, ``feedback``
    and ``diagnostics``. What the checks that compare tasks find, and instructions that give away what the
    environment redacts, are noted in ``diagnostics`` and not refused: in a set of somebody's own they may be
    meant.

    ``processes``: enough for all cores where the rows are worth the start; 0 judges in this one.
    """
    environment = spec.environment()
    cores = os.cpu_count() or 1
    worth = cores > 1 and len(rows) >= _MANY * cores
    many = processes if processes is not None else enough_processes() * worth
    tasks = [read_row(row) for row in rows]
    comparing = list_comparing(make() for make in spec.checks)
    notes = iter(note_alike(comparing, [task for task in tasks if isinstance(task, Task)]))
    with ExitStack() as closing:
        judge: Judging
        if many:
            judge = closing.enter_context(JudgeProcesses(spec, many))
        else:
            sandbox = spec.sandbox()
            closing.callback(sandbox.close)
            judge = spec.make_judge(environment, sandbox)
        # in this process the threads mostly wait for the sandbox
        pool = closing.enter_context(ThreadPoolExecutor(many or 2 * cores, thread_name_prefix="judge"))
        verdicts = pool.map(partial(_judge_task, judge), tasks)
        for row, task, verdict in zip(rows, tasks, verdicts, strict=True):
            if isinstance(task, Task):
                yield _format_verdict(task.id, verdict, next(notes) | _note_redacted(environment, task))
            else:
                yield _format_verdict(str(row.get("id", "")) if isinstance(row, Mapping) else "", verdict, {})


def _judge_task(judge: Judging, task: Task | str) -> Verdict:
    """The verdict on a task, or on a row that is none for this reason."""
    return judge(task) if isinstance(task, Task) else Verdict(Outcome.FAILED, Stage.PARSED, task, task)


def read_row(row: Any) -> Task | str:
    """The task in a row, or what is wrong with the row."""
    if not isinstance(row, Mapping):
        return f"a task is a JSON object, not {type(row).__name__}"
    missing = [part for part in (*_PARTS, "failures") if part not in row]
    if missing:
        return f"the row has no {', '.join(missing)}"
    wrong = [part for part in _PARTS if not isinstance(row[part], str)]
    if wrong:
        return f"{', '.join(wrong)} must be text"
    failures, context = row["failures"], row.get("context") or {}
    if not isinstance(failures, list) or not all(isinstance(one, str) for one in failures):
        return "failures must be a list of texts"
    if not isinstance(context, Mapping):
        return "context must be an object"
    return Task.from_json({**row, "id": str(row.get("id") or ""), "diagnostics": {}, "provenance": {}})


def _note_redacted(environment: Environment, task: Task) -> dict[str, Json]:
    redacted = environment.redact(task.instruction, task.context)
    return {} if redacted == task.instruction else {"gives_away": "what the environment redacts"}


def _format_verdict(name: str, verdict: Verdict, notes: Mapping[str, Json]) -> dict[str, Json]:
    return {
        "id": name,
        "outcome": str(verdict.outcome),
        "stage": str(Stage.KEPT if verdict.passed else verdict.stage),
        "reason": verdict.reason,
        "feedback": verdict.feedback,
        "diagnostics": {**verdict.diagnostics, **notes},
    }
