"""A set of somebody's tasks in the shape that all checks see, and what a reader of a format promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from selfchal.audit.findings import Finding
from selfchal.core.errors import SelfchalError
from selfchal.core.task import Task
from selfchal.core.world import Json


class AuditError(SelfchalError):
    """What is to be audited cannot be read at all."""


@dataclass(frozen=True)
class GivenTask:
    """One task as it was given. ``id`` is its own, or its number; ``demand`` is a text that is equal for
    tasks that are judged alike, ``context`` one that is equal for tasks that begin alike."""

    id: str
    instruction: str
    demand: str
    context: str = ""


@dataclass(frozen=True)
class CodedTask:
    """A task with an ``evaluate``; ``section`` is of the environment that it is played in."""

    number: int
    section: Mapping[str, Json]
    task: Task


@dataclass(frozen=True)
class TaskSet:
    """All tasks of a path. ``find`` makes the checks that the format allows, when it is asked; findings name
    tasks by their number in ``tasks``. ``coded`` are those of them that a hacker can try."""

    format: str
    tasks: Sequence[GivenTask]
    find: Callable[[], Iterator[Finding]]
    coded: Sequence[CodedTask] = ()


@dataclass(frozen=True)
class AuditRequest:
    """What the caller says beside the path.

    ``environment`` names the environment that the tasks are played in, where their format does not;
    ``options`` are options of that environment; ``sandbox`` runs code of tasks; wrong outcomes are drawn from
    ``secret``. ``run`` says that strangers' containers may be built and run, ``network`` that these may use
    the network.
    """

    environment: str | None = None
    options: Mapping[str, Json] = field(default_factory=dict)
    sandbox: str = "process"
    secret: str | None = None
    run: bool = False
    network: bool = False


class TaskReader(Protocol):
    """Reads one format. It runs nothing of what it reads, and imports none of it."""

    format: str  # as reports call it

    def read(self, path: Path, request: AuditRequest) -> TaskSet | None:
        """The tasks of a path; None where it is of another format. Raises AuditError for one of this format
        that cannot be read."""
