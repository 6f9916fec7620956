"""tau2-bench: ``tasks.json`` of a domain, or the domain's folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel, ValidationError

from selfchal.audit.findings import Finding
from selfchal.audit.json_files import read_json_file
from selfchal.audit.service_tasks import DOMAINS, ServiceTask, describe_our_world, find_in_service
from selfchal.audit.task_sets import AuditRequest, TaskSet
from selfchal.audit.tau_bench import Action, describe_fault, is_json
from selfchal.core.world import Json
from selfchal.serving.session import ToolCall

PLAYER = "tau2"  # the environment that asks tau2 itself
_JUDGED = ("DB", "COMMUNICATE")  # parts of a reward that are had here
_PLAYED = (*_JUDGED, "ENV_ASSERTION", "ACTION")  # and those that tau2 says
_CURE = f"--environment {PLAYER} --set python=PATH lets tau2 play it"
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
        told = _find_domain(rows) or file.resolve().parent.name
        if request.environment == PLAYER:
            domain = str(request.options.get("domain", told))
            tasks = [_read_row(row, number, None) for number, row in enumerate(rows)]
            find = partial(_find_by_tau2, rows, tasks, domain, request)
        else:
            domain = request.environment or told
            tasks = [_read_row(row, number, domain) for number, row in enumerate(rows)]
            section = describe_our_world(domain, "tau2", file.resolve().parent, request)
            find = partial(find_in_service, tasks, section, request)
        return TaskSet(f"{self.format} {domain}", [task.describe() for task in tasks], find)


def _find_by_tau2(
    rows: list[Json], tasks: Sequence[ServiceTask], domain: str, request: AuditRequest
) -> Iterator[Finding]:
    """All findings, where tau2 itself plays the tasks, in the Python that the user named."""
    with TemporaryDirectory(prefix="selfchal-audit-") as folder:
        file = Path(folder, "tasks.json")
        file.write_text(json.dumps(rows), encoding="utf-8")
        options = {**request.options, "domain": domain, "tasks": str(file), "most_tasks": len(rows)}
        yield from find_in_service(tasks, {"name": PLAYER, **options}, request)


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


def _read_row(row: Json, number: int, domain: str | None) -> ServiceTask:
    """``domain`` is of our own worlds; None where tau2 plays."""
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
        unplayable=_explain_unplayable(read, domain) if domain is not None else "",
        unjudged=_explain_unjudged(criteria, _PLAYED if domain is None else _JUDGED),
        start=json.dumps(read.initial_state, sort_keys=True) if read.initial_state else "",
        context={"index": number} if domain is None else {},
    )


def _write_instruction(scenario: _Scenario) -> str:
    told = scenario.instructions
    if isinstance(told, str):
        return told
    parts = [told.known_info, told.reason_for_call, told.unknown_info, told.task_instructions]
    return "\n".join(part for part in [scenario.persona, *parts] if part)


def _explain_unplayable(row: _Row, domain: str) -> str:
    if domain not in DOMAINS:
        return f"There is no environment here for the domain {domain[:40]!r}; {_CURE}."
    return (
        f"It begins in a state of its own, which cannot be made here; {_CURE}." if row.initial_state else ""
    )


def _explain_unjudged(criteria: _Criteria, judged: Sequence[str]) -> str:
    """What else the reward hangs on, where the task says something of it."""
    if "NL_ASSERTION" in criteria.reward_basis and criteria.nl_assertions:
        return "A model's opinion counts besides, and was not asked."
    others = [one for one in criteria.reward_basis if one not in (*judged, "NL_ASSERTION")]
    return f"{', '.join(others)[:80]} counts besides, and is not judged here." if others else ""
