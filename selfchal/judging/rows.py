"""Judge anybody's tasks: tasks or rows of JSON in, one verdict each out, in order, on several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from selfchal.core.environment import Environment
from selfchal.core.judge import AnyCheck, Outcome, Stage, Verdict
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.judging.comparing import list_comparing, note_alike

MOST_FAILURES = 50  # failure cases of a row: each takes a process
_PARTS = ("instruction", "evaluate", "solution")


@dataclass(frozen=True)
class UnreadableRow:
    """A line of a file that holds no row; ``text`` is what could be read of it."""

    reason: str
    text: str = ""


def judge_each(
    judge: Callable[[Task], Verdict],
    environment: Environment,
    tasks: Sequence[Any],
    checks: Sequence[AnyCheck],
    threads: int,
) -> Iterator[tuple[str, Verdict]]:
    """The id and the verdict of each task, in order.

    A task is a ``Task`` or a row (``instruction``, ``evaluate``, ``solution``, ``failures``, ``context``);
    whatever is neither fails at the stage ``parsed``. What those of the ``checks`` that compare tasks find,
    and instructions that give away what the environment redacts, are noted in ``diagnostics`` and not
    refused: in a set of somebody's own they may be meant.
    """
    read = [task if isinstance(task, Task) else read_row(task) for task in tasks]
    notes = iter(note_alike(list_comparing(checks), [task for task in read if isinstance(task, Task)]))
    with ThreadPoolExecutor(threads, thread_name_prefix="judge") as pool:
        verdicts = pool.map(partial(_judge_task, judge), read)
        for row, task, verdict in zip(tasks, read, verdicts, strict=True):
            if isinstance(task, Task):
                noted = {**verdict.diagnostics, **next(notes), **_note_redacted(environment, task)}
                yield task.id, replace(verdict, diagnostics=noted)
            else:
                yield str(row.get("id", "")) if isinstance(row, Mapping) else "", verdict


def format_verdict(name: str, verdict: Verdict) -> dict[str, Json]:
    """A verdict as a row: ``id``, ``outcome``, ``stage`` (where it fell; ``kept`` when it passed), ``check``
    (the one that refused it; empty where the paper's filter did), ``reason``, ``feedback`` and
    ``diagnostics``."""
    return {
        "id": name,
        "outcome": str(verdict.outcome),
        "stage": str(Stage.KEPT if verdict.passed else verdict.stage),
        "check": verdict.check,
        "reason": verdict.reason,
        "feedback": verdict.feedback,
        "diagnostics": dict(verdict.diagnostics),
    }


def _judge_task(judge: Callable[[Task], Verdict], task: Task | str) -> Verdict:
    """The verdict on a task, or on a row that is none for this reason."""
    return judge(task) if isinstance(task, Task) else Verdict(Outcome.FAILED, Stage.PARSED, task, task)


def read_row(row: Any) -> Task | str:
    """The task in a row, or what is wrong with the row."""
    if isinstance(row, UnreadableRow):
        return row.reason
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
    if len(failures) > MOST_FAILURES:
        return f"there are {len(failures)} failure cases; {MOST_FAILURES} are the most that are run"
    if not isinstance(context, Mapping):
        return "context must be an object"
    return Task.from_json({**row, "id": str(row.get("id") or ""), "diagnostics": {}, "provenance": {}})


def _note_redacted(environment: Environment, task: Task) -> dict[str, Json]:
    redacted = environment.redact(task.instruction, task.context)
    return {} if redacted == task.instruction else {"gives_away": "what the environment redacts"}
