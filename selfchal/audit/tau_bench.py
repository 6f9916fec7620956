"""tau-bench: a list of tasks as JSON, or the Python file of a checkout, which is read and not run."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, BaseModel, Field, ValidationError

from selfchal.audit.json_files import read_json_file
from selfchal.audit.python_literals import read_task_list
from selfchal.audit.service_tasks import DOMAINS, ServiceTask, describe_our_world, find_in_service
from selfchal.audit.task_sets import AuditError, AuditRequest, TaskSet
from selfchal.core.world import Json
from selfchal.serving.session import ToolCall


class Action(BaseModel):
    """A ground-truth call. Older lists say ``arguments`` for ``kwargs``, as tau2-bench does."""

    name: str
    arguments: dict[str, Any] = Field(validation_alias=AliasChoices("kwargs", "arguments"))


class _Row(BaseModel):
    instruction: str
    actions: list[Action]
    outputs: list[str] = []


class TauBench:
    """Reads a file of tasks. Its domain is the folder's name, or the environment that the caller names."""

    format = "tau-bench"

    def read(self, path: Path, request: AuditRequest) -> TaskSet | None:
        """A JSON file of rows with actions, or ``tasks_*.py``."""
        if not path.is_file():
            return None
        rows = _read_rows(path)
        if not any(isinstance(row, dict) and "actions" in row for row in rows):
            return None
        tasks = [_read_row(row, number) for number, row in enumerate(rows)]
        domain = request.environment or path.resolve().parent.name
        if domain not in DOMAINS:
            raise AuditError(
                f"{path}: these are tasks of tau-bench, and nothing says whether of retail or of airline; "
                "add --environment retail, or airline"
            )
        section = describe_our_world(domain, "compat", path.resolve().parent, request)
        find = partial(find_in_service, tasks, section, request)
        return TaskSet(f"{self.format} {domain}", [task.describe() for task in tasks], find)


def is_json(path: Path) -> bool:
    """Is the file called as JSON, packed or not?"""
    return path.name.endswith((".json", ".json.gz"))


def _read_rows(path: Path) -> list[Json]:
    """The rows of the file; none where it is no list."""
    if path.suffix == ".py" and path.name.startswith("tasks_"):
        return read_task_list(path)
    rows = read_json_file(path) if is_json(path) else None
    return rows if isinstance(rows, list) else []


def _read_row(row: Json, number: int) -> ServiceTask:
    index = row.get("index", number) if isinstance(row, dict) else number
    name = str(index)
    try:
        read = _Row.model_validate(row)
    except (ValidationError, RecursionError) as error:
        return ServiceTask(name, unread=f"It is no task of tau-bench: {describe_fault(error)}.")
    calls = tuple(ToolCall(action.name, action.arguments) for action in read.actions)
    return ServiceTask(name, read.instruction, calls, tuple(read.outputs))


def describe_fault(error: ValidationError | RecursionError) -> str:
    """The first thing that is wrong with a row, in a few words."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part)[:40] for part in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])
