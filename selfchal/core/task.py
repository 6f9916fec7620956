"""Tasks: the Code-as-Task that a challenger writes, and an environment's held-out test task."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from selfchal.core.world import Json

MIN_FAILURES = 3  # paper, appendix D: "at least 3" failure cases


@dataclass(frozen=True)
class Task:
    """A Code-as-Task (paper, section 4.2).

    ``evaluate`` is source that defines ``evaluate()`` or ``evaluate(answer)`` and returns exactly
    True or False on a throw-away copy of the final world; an assert that fails in it is a False.
    ``solution`` and each of ``failures`` are source that calls tools by name and, where the environment
    asks for an answer, assign ``result``.
    ``context`` says what world the task is about (a user id, a start page, a seed).
    """

    id: str
    environment: str
    context: Mapping[str, Json]
    instruction: str
    evaluate: str
    solution: str
    failures: tuple[str, ...]
    diagnostics: Mapping[str, Json] = field(default_factory=dict)
    provenance: Mapping[str, Json] = field(default_factory=dict)

    def with_diagnostics(self, diagnostics: Mapping[str, Json]) -> Task:
        return replace(self, diagnostics=diagnostics)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "failures": list(self.failures)}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Task:
        """Read a stored or foreign task; ``id`` may be absent. Raises KeyError for a missing part."""
        parts = {key: row[key] for key in ("instruction", "evaluate", "solution")}
        context = row.get("context") or {}
        return cls(
            id=row.get("id") or task_id(context, *parts.values(), *row["failures"]),
            environment=row.get("environment", ""),
            context=context,
            failures=tuple(row["failures"]),
            diagnostics=row.get("diagnostics") or {},
            provenance=row.get("provenance") or {},
            **parts,
        )


def task_id(context: Mapping[str, Json], *parts: str) -> str:
    """Content address: equal tasks have equal ids, on any machine."""
    text = json.dumps([context, *parts], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True)
class TestTask:
    """A held-out task of an environment: never shown to a synthesizer or a trainer.

    ``truth`` is private to the environment that made the task; only its ``grade`` and ``oracle`` read it.
    ``family`` groups tasks in the report (a message-decoding task, a three-step task). ``environment`` is
    filled in by the run that asks for the task.
    """

    __test__ = False  # not a test class, whatever pytest thinks of the name

    id: str
    instruction: str
    context: Mapping[str, Json]
    truth: Mapping[str, Json]
    family: str = ""
    environment: str = ""
