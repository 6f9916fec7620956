"""The held-out tasks of an environment as OpenEnv's task addresses list them: never with what solves them."""

from __future__ import annotations

from collections.abc import Mapping

from selfchal.core.environment import Environment
from selfchal.core.errors import SelfchalError
from selfchal.core.task import TestTask
from selfchal.core.world import Json


class ActionError(Exception):
    """A request that the contract does not know; the text says what is wrong."""


def list_splits(environment: Environment) -> list[Json]:
    """Each with the kind that the contract gives it."""
    kinds = {"train": "train", "test": "test"}
    return [{"name": one, "type": kinds.get(one, "validation")} for one in environment.splits()]


def answer_task_request(environment: Environment, what: str, body: Mapping[str, Json]) -> Json:
    """The response to tasks, num_tasks, task or task_range. Raises ActionError."""
    split = body.get("split")
    tasks = list_tasks(environment, split)
    if what == "num_tasks":
        return {"num_tasks": len(tasks)}
    if what == "task":
        index = body.get("index")
        return {"task": describe_task(find_task(environment, split, index), split, index)}
    start, stop = (body.get(key) if what == "task_range" else None for key in ("start", "stop"))
    if not all(bound is None or type(bound) is int for bound in (start, stop)):
        raise ActionError("start and stop are whole numbers")
    rows = [describe_task(tasks[i], split, i) for i in range(len(tasks))[start:stop]]
    return {"tasks": rows} if what == "task_range" else {"tasks": rows, "env_name": environment.name}


def find_task(environment: Environment, split: Json, index: Json) -> TestTask:
    """The held-out task with this number. Raises ActionError where there is none."""
    tasks = list_tasks(environment, split)
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(tasks):
        raise ActionError(f"split {split!r:.80} has the tasks 0 to {len(tasks) - 1}")
    return tasks[index]


def list_tasks(environment: Environment, split: Json) -> list[TestTask]:
    """The held-out tasks of a split. Raises ActionError where there is no such split."""
    if split not in environment.splits():
        raise ActionError(f"there is no split {split!r:.80}; there are: {', '.join(environment.splits())}")
    try:
        return list(environment.test_tasks(str(split)))
    except SelfchalError as error:
        raise ActionError(str(error)) from error


def describe_task(task: TestTask, split: Json, index: Json) -> dict[str, Json]:
    """What a client is told of a held-out task: never what solves it."""
    return {
        "id": task.id,
        "split": split,
        "index": index,
        "instruction": task.instruction,
        "family": task.family,
    }
