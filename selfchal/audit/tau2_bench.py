"""tau2-bench: ``tasks.json`` of a domain, or the domain's folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from selfchal.audit.json_files import read_json_file
from selfchal.audit.service_tasks import DOMAINS, ServiceTask, find_in_service
from selfchal.audit.task_sets import AuditRequest, TaskSet
from selfchal.audit.tau_bench import Action, describe_fault, is_json
from selfchal.core.world import Json
from selfchal.serving.session import ToolCall

_JUDGED = ("DB", "COMMUNICATE")  # parts of a reward that are had here
_FILES = ("tasks.json", "tasks.json.gz")


class _Instructions(BaseModel):
    task_instructions: str | None = None
    reason_for_call: str | None = None
    known_info: str | None = None
    unknown_info: str | None = None
    domain: str | None = None


class _Scenario(BaseModel):
    persona: str | None = None
    instructions: _Instructions | str


class _Criteria(BaseModel):
    actions: list[Action] | None = None
    communicate_info: list[str] | None = None
    nl_assertions: list[str] | None = None
    env_assertions: list[Any] | None = None
    reward_basis: list[str] = list(_JUDGED)


class _Row(BaseModel):
    id: str
    user_scenario: _Scenario
    evaluation_criteria: _Criteria
    initial_state: Any = None


class Tau2Bench:
    """Reads the tasks of one domain."""

    format = "tau2-bench"

    def read(self, path: Path, request: AuditRequest) -> TaskSet | None:
        """A JSON file of rows with evaluation criteria, or a folder with one such."""
        file = _find_file(path)
        rows = read_json_file(file) if file else None
        if file is None or not isinstance(rows, list) or not any(map(_has_criteria, rows)):
            return None
        domain = request.environment or _find_domain(rows) or file.resolve().parent.name
        tasks = [_read_row(row, number, domain) for number, row in enumerate(rows)]
        find = partial(find_in_service, tasks, domain, "tau2", file.resolve().parent, request)
        return TaskSet(f"{self.format} {domain}", [task.describe() for task in tasks], find)


def _find_file(path: Path) -> Path | None:
    if path.is_dir():
        return next((path / name for name in _FILES if (path / name).is_file()), None)
    return path if path.is_file() and is_json(path) else None


def _has_criteria(row: Json) -> bool:
    return isinstance(row, dict) and "evaluation_criteria" in row


def _find_domain(rows: list[Json]) -> str | None:
    """The domain that the first readable row names."""
    for row in rows:
        try:
            told = _Row.model_validate(row).user_scenario.instructions
        except (ValidationError, RecursionError):
            continue
        return told.domain if isinstance(told, _Instructions) else None
    return None


def _read_row(row: Json, number: int, domain: str) -> ServiceTask:
    try:
        read = _Row.model_validate(row)
    except (ValidationError, RecursionError) as error:
        name = str(row.get("id", number)) if isinstance(row, dict) else str(number)
        return ServiceTask(name, unread=f"It is no task of tau2-bench: {describe_fault(error)}.")
    criteria = read.evaluation_criteria
    told = criteria.communicate_info or [] if "COMMUNICATE" in criteria.reward_basis else []
    return ServiceTask(
        read.id,
        _write_instruction(read.user_scenario),
        tuple(ToolCall(action.name, action.arguments) for action in criteria.actions or ()),
        tuple(told),
        unplayable=_explain_unplayable(read, domain),
        unjudged=_explain_unjudged(criteria),
    )


def _write_instruction(scenario: _Scenario) -> str:
    told = scenario.instructions
    if isinstance(told, str):
        return told
    parts = [told.known_info, told.reason_for_call, told.unknown_info, told.task_instructions]
    return "\n".join(part for part in [scenario.persona, *parts] if part)


def _explain_unplayable(row: _Row, domain: str) -> str:
    if domain not in DOMAINS:
        return f"There is no environment here for the domain {domain[:40]!r}."
    return "It begins in a state of its own, which cannot be made here." if row.initial_state else ""


def _explain_unjudged(criteria: _Criteria) -> str:
    """What else the reward hangs on, where the task says something of it."""
    if "NL_ASSERTION" in criteria.reward_basis and criteria.nl_assertions:
        return "A model's opinion counts besides, and was not asked."
    others = [one for one in criteria.reward_basis if one not in (*_JUDGED, "NL_ASSERTION")]
    return f"{', '.join(others)[:80]} counts besides, and is not judged here." if others else ""
