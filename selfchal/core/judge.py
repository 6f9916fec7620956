"""The judge's words: verdicts with reasons, in three values, and the checks that give them.

A check sees a task and a bench to try code on (``selfchal.core.bench``). The paper's checks come first,
then ours; the first that fails decides. A sandbox failure makes ``could_not_check``, never ``failed``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pydantic import BaseModel

from selfchal.core.task import Task
from selfchal.core.world import Json

if TYPE_CHECKING:
    from selfchal.core.bench import Bench


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    COULD_NOT_CHECK = "could_not_check"


@dataclass(frozen=True)
class Verdict:
    """``stage`` names the check that decided (or the last one passed); ``feedback`` is what the
    challenger is told (a traceback, the failure case that passed); ``audit`` holds what was measured."""

    outcome: Outcome
    stage: str
    reason: str = ""
    feedback: str = ""
    audit: Mapping[str, Json] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return self.outcome is Outcome.PASSED


@dataclass(frozen=True)
class Finding:
    """What one check found. ``audit`` is kept with the task whatever the outcome."""

    outcome: Outcome
    reason: str = ""
    feedback: str = ""
    audit: Mapping[str, Json] = field(default_factory=dict)


class Check(Protocol):
    name: ClassVar[str]
    Config: ClassVar[type[BaseModel]]

    def __init__(self, config: Any) -> None: ...

    def examine(self, task: Task, bench: Bench) -> Finding: ...
