"""Judges tasks from a file, on all cores, in the file's order."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selfchal.cli.choices import choose_plugin
from selfchal.core.bench import Bench
from selfchal.core.environment import Environment
from selfchal.core.errors import ManifestError
from selfchal.core.judge import FUNNEL, Filter, Outcome, Stage, Verdict
from selfchal.core.judging import Judge
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.plugins import load_plugins

Row = tuple[int, Json]  # the line's number and what it holds


def read_tasks(path: Path) -> list[Row]:
    """The file's lines. Raises ManifestError for a file that cannot be read or a line that is no JSON."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"cannot read {path}: {error}") from error
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                rows.append((number, json.loads(line)))
            except (ValueError, RecursionError) as error:
                raise ManifestError(f"{path}, line {number}: not JSON ({error})") from error
    return rows


@contextmanager
def open_judge(environment: str, sandbox: str, overrides: Sequence[str]) -> Iterator[Judge]:
    """A judge with every installed check, in the order of the funnel."""
    place: Environment = choose_plugin("environment", environment, overrides).make()
    box: Sandbox = choose_plugin("sandbox", sandbox).make()
    try:
        plugins = load_plugins()
        checks = [choose_plugin("check", name) for name in plugins.names("check")]
        ordered = sorted(checks, key=lambda choice: FUNNEL.index(choice.plugin.stage))
        yield Judge(Bench(place, box, Limits()), [choice.make() for choice in ordered])
    finally:
        box.close()


def judge_all(judge: Judge, rows: Sequence[Row], filters: Filter) -> Iterator[tuple[int, str, Verdict]]:
    """Line number, task id and verdict of each, in order; a line that is no task is a failed one."""

    def one(row: Row) -> tuple[int, str, Verdict]:
        number, body = row
        try:
            task = _task(body)
        except (KeyError, TypeError, ValueError) as error:
            return number, "-", Verdict(Outcome.FAILED, Stage.PARSED, f"not a task: {_why(error)}")
        return number, task.id, judge(task, filters)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        yield from pool.map(one, rows)


def _task(body: Json) -> Task:
    if not isinstance(body, dict):
        raise TypeError("a line must be an object")
    wrong = [key for key in ("instruction", "evaluate", "solution") if not isinstance(body[key], str)]
    failures: Any = body["failures"]
    if wrong or not (isinstance(failures, list) and all(isinstance(code, str) for code in failures)):
        raise TypeError("instruction, evaluate and solution are text, failures a list of texts")
    if not isinstance(body.get("context") or {}, Mapping):
        raise TypeError("context is an object")
    return Task.from_json(body)


def _why(error: Exception) -> str:
    return f"it has no {error.args[0]!r}" if isinstance(error, KeyError) else str(error)
