"""The synthesizer contract: the challenger explores an environment and proposes tasks.

A proposal is an episode like any other: rollouts drive the synthesizer's scenes in batches,
so exploration, revision and the trusted judging between them all happen turn by turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

from selfchal.core.arena import Arena
from selfchal.core.judge import Filter, Outcome, Verdict
from selfchal.core.scene import Scene
from selfchal.core.task import MIN_FAILURES, Task
from selfchal.core.world import Json


class Judging(Protocol):
    """The judge as a synthesizer sees it (``selfchal.judging.Judge``)."""

    def __call__(
        self, task: Task, filters: Filter = Filter.FULL, min_failures: int = MIN_FAILURES
    ) -> Verdict: ...


def _knows_none(tool: str, arguments: Mapping[str, Json]) -> bool:
    return False


@dataclass(frozen=True)
class ProposalContext:
    """What every proposal of a run is made with. ``solves_held_out`` says of a call (a tool, its arguments
    by name) whether it solves a held-out task, so that no synthesizer has to look at these."""

    arena: Arena
    judge: Judging
    solves_held_out: Callable[[str, Mapping[str, Json]], bool] = _knows_none


@dataclass(frozen=True)
class ProposalRequest:
    """One proposal to make. ``focus`` names what the tasks so far do not cover (tools, tables)."""

    index: int
    round: int
    seed: int
    focus: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proposal:
    """What came of a request: the task if it parsed, its verdict, how often it was revised, and what the
    parser had to forgive. ``diagnostics`` counts turns and sandbox executions. ``environment`` is filled in
    by the run."""

    index: int
    round: int
    verdict: Verdict
    task: Task | None = None
    raw: str = ""
    revisions: int = 0
    forgiven: tuple[str, ...] = ()
    diagnostics: Mapping[str, Json] = field(default_factory=dict)
    environment: str = ""

    def to_json(self) -> dict[str, Json]:
        return {
            **asdict(self),
            "task": self.task.to_json() if self.task else None,
            "verdict": {**asdict(self.verdict), "outcome": str(self.verdict.outcome)},
            "forgiven": list(self.forgiven),
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Proposal:
        verdict = Verdict(**{**row["verdict"], "outcome": Outcome(row["verdict"]["outcome"])})
        task = Task.from_json(row["task"]) if row["task"] else None
        return cls(**{**row, "verdict": verdict, "task": task, "forgiven": tuple(row["forgiven"])})


class ProposalScene(Scene, Protocol):
    """A scene that ends in a proposal."""

    @property
    def proposal(self) -> Proposal:
        """The outcome; valid once the scene has ended."""


class Synthesizer(Protocol):
    """A challenger: makes the scenes in which a model explores and proposes tasks."""

    name: ClassVar[str]
    Config: ClassVar[type[BaseModel]]

    def __init__(self, config: Any) -> None: ...

    def scene(self, request: ProposalRequest, context: ProposalContext) -> ProposalScene:
        """A scene in which the challenger makes this proposal."""
