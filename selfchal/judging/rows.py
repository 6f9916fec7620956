"""Judge anybody's tasks: tasks or rows of JSON in, one verdict each out, in order, on several threads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from selfchal.core.environment import Environment
from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.synthesizer import Judging
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.judging.checks.novelty import Novelty

_PARTS = ("instruction", "evaluate", "solution")


def judge_each(
    judge: Judging, environment: Environment, tasks: Sequence[Any], threads: int
) -> Iterator[tuple[str, Verdict]]:
    """The id and the verdict of each task, in order.

    A task is a ``Task`` or a row (``instruction``, ``evaluate``, ``solution``, ``failures``, ``context``);
    whatever is neither fails at the stage ``parsed``. Near-duplicates and instructions that give away what
    the environment redacts are noted in ``diagnostics``, not refused: in a set of somebody's own they may
    be meant.
    """
    novelty = Novelty()
    with ThreadPoolExecutor(threads, thread_name_prefix="judge") as pool:
        for name, task, verdict in pool.map(partial(_judge_row, judge), tasks):
            yield name, verdict if task is None else _add_notes(environment, task, verdict, novelty)


def format_verdict(name: str, verdict: Verdict) -> dict[str, Json]:
    """A verdict as a row: ``id``, ``outcome``, ``stage`` (where it fell; ``kept`` when it passed),
    ``reason``, ``feedback`` and ``diagnostics``."""
    return {
        "id": name,
        "outcome": str(verdict.outcome),
        "stage": str(Stage.KEPT if verdict.passed else verdict.stage),
        "reason": verdict.reason,
        "feedback": verdict.feedback,
        "diagnostics": dict(verdict.diagnostics),
    }


def _judge_row(judge: Judging, row: Any) -> tuple[str, Task | None, Verdict]:
    task = row if isinstance(row, Task) else read_row(row)
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


def _add_notes(environment: Environment, task: Task, verdict: Verdict, novelty: Novelty) -> Verdict:
    notes: dict[str, Json] = {}
    if twin := novelty.twin(task):
        notes["near_duplicate_of"] = twin
    if environment.redact(task.instruction, task.context) != task.instruction:
        notes["gives_away"] = "what the environment redacts"
    return replace(verdict, diagnostics={**verdict.diagnostics, **notes})
