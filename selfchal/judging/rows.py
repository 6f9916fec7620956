"""Judge anybody's tasks: rows of JSON in, one verdict a row out, in order, on every core."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

from selfchal.core.arena import Arena
from selfchal.core.environment import Environment
from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.synthesizer import Judging
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.judging.checks.novelty import Novelty
from selfchal.judging.judge import Judge
from selfchal.judging.processes import JudgeProcesses, JudgeSpec, enough_processes
from selfchal.judging.runner import SandboxTaskRunner

_MANY = 30  # rows a core that are worth a second to start its process
_PARTS = ("instruction", "evaluate", "solution")


def judge_rows(
    spec: JudgeSpec, rows: Sequence[Any], processes: int | None = None
) -> Iterator[dict[str, Json]]:
    """A verdict for each row (``instruction``, ``evaluate``, ``solution``, ``failures``, ``context``).

    Each has ``id``, ``outcome``, ``stage`` (where it fell; ``kept`` when it passed), ``reason``, ``feedback``
    and ``diagnostics``. Near-duplicates and instructions that give away what the environment redacts are
    noted in ``diagnostics``, not refused: in a set of somebody's own they may be meant.

    ``processes``: enough for all cores where the rows are worth the start; 0 judges in this one.
    """
    environment = spec.environment()
    cores = os.cpu_count() or 1
    worth = cores > 1 and len(rows) >= _MANY * cores
    many = processes if processes is not None else enough_processes() * worth
    novelty = Novelty()
    with ExitStack() as closing:
        judge: Judging
        if many:
            judge = closing.enter_context(JudgeProcesses(spec, many))
        else:
            sandbox = spec.sandbox()
            closing.callback(sandbox.close)
            judge = Judge(SandboxTaskRunner(Arena(environment, sandbox, spec.limits)))
        # in this process the threads mostly wait for the sandbox
        pool = closing.enter_context(ThreadPoolExecutor(many or 2 * cores, thread_name_prefix="judge"))
        for name, task, verdict in pool.map(partial(_judge_row, judge), rows):
            yield _format_verdict(environment, name, task, verdict, novelty)


def _judge_row(judge: Judging, row: Any) -> tuple[str, Task | None, Verdict]:
    task = read_row(row)
    if isinstance(task, str):
        return str(row.get("id", "")) if isinstance(row, Mapping) else "", None, _refuse_row(task)
    return task.id, task, judge(task)


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


def _refuse_row(reason: str) -> Verdict:
    return Verdict(Outcome.FAILED, Stage.PARSED, reason, reason)


def _format_verdict(
    environment: Environment, name: str, task: Task | None, verdict: Verdict, novelty: Novelty
) -> dict[str, Json]:
    diagnostics = dict(verdict.diagnostics)
    if task is not None:
        twin = novelty.twin(task)
        diagnostics |= {"near_duplicate_of": twin} if twin else {}
        if environment.redact(task.instruction, task.context) != task.instruction:
            diagnostics["gives_away"] = "what the environment redacts"
    return {
        "id": name,
        "outcome": str(verdict.outcome),
        "stage": str(Stage.KEPT if verdict.passed else verdict.stage),
        "reason": verdict.reason,
        "feedback": verdict.feedback,
        "diagnostics": diagnostics,
    }
