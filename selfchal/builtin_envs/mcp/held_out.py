"""Held-out tasks of a JSONL file: an instruction, calls that solve it, and the answer if it asks for one.

A task is solved when the final state is the one that its calls leave, and the answer is the expected one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from selfchal.builtin_envs.answers import same_answer
from selfchal.builtin_envs.mcp.world import McpWorld
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.task import TestTask, task_id
from selfchal.core.world import Json, World
from selfchal.text_files import explain_unreadable, read_text_file
from selfchal.tools.solving_calls import try_calls, write_turns

_FORM = '{"instruction": "…", "calls": [["TOOL", {"PARAMETER": "…"}]], "answer": …}'


def read_held_out(path: Path, opened: Callable[[], McpWorld]) -> tuple[TestTask, ...]:
    """The tasks, each tried with its own calls. Raises EnvironmentDataError where they fail."""
    try:
        lines = read_text_file(path.expanduser()).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EnvironmentDataError(
            f"test_tasks: {path} cannot be read: {explain_unreadable(error)}"
        ) from error
    rows = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    return tuple(_make_task(line, f"{path}, line {number}", opened()) for number, line in rows)


def _make_task(line: str, where: str, world: McpWorld) -> TestTask:
    try:
        row = json.loads(line)
        instruction, calls = row["instruction"], list(_read_calls(row.get("calls", [])))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EnvironmentDataError(f"{where}: write {_FORM} ({error})") from error
    try_calls(world, calls, f"{where}: the task")
    truth = {"calls": calls, "answer": row.get("answer"), "digest": world.digest()}
    id_ = task_id({}, instruction, json.dumps(calls), json.dumps(row.get("answer")))
    return TestTask(id_, instruction, {}, truth, row.get("family", ""))


def _read_calls(calls: Json) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """Each as ``[TOOL, {…}]`` or ``{"name": TOOL, "kwargs": {…}}``."""
    for call in calls:
        if isinstance(call, dict):
            yield str(call["name"]), dict(call.get("kwargs") or {})
        else:
            name, kwargs = call
            yield str(name), dict(kwargs)


def grade(task: TestTask, world: World, answer: str | None) -> bool:
    expected = task.truth["answer"]
    return world.digest() == task.truth["digest"] and (expected is None or same_answer(expected, answer))


def write_oracle(task: TestTask) -> list[str]:
    """The turns that solve the task."""
    expected = task.truth["answer"]
    said = expected if isinstance(expected, str) else json.dumps(expected)
    calls = [f"{name}(**{dict(kwargs)!r})" for name, kwargs in task.truth["calls"]]
    return write_turns(calls, "done" if expected is None else said)
