"""New: a task is no near-duplicate of an earlier one, and not too near a held-out test task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from selfchal.core.judge import Finding, Stage
from selfchal.core.task import Task, TestTask
from selfchal.judging.checks.near_duplicates import NEAR, HeldOutTexts, SeenTasks


class NoveltyConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    near: float = Field(
        NEAR,
        gt=0,
        le=1,
        description="Two instructions that share so many of their word triples are alike.",
    )


@dataclass(frozen=True)
class Novelty:
    """A task is no near-duplicate of an earlier one, and not too near a held-out test task."""

    config: NoveltyConfig = field(default_factory=NoveltyConfig)
    name: ClassVar[str] = "novelty"
    stage: ClassVar[Stage] = Stage.NEW
    Config: ClassVar[type[BaseModel]] = NoveltyConfig

    def compare(
        self, tasks: Sequence[Task], earlier: Sequence[Task], held_out: Sequence[TestTask]
    ) -> list[Finding]:
        """Of two twins the earlier one passes. ``diagnostics`` name the task that one repeats or is near."""
        seen, tests = SeenTasks(self.config.near), HeldOutTexts.of(held_out)
        for task in earlier:
            seen.find_twin(task)
        return [self._compare_one(task, seen, tests) for task in tasks]

    def _compare_one(self, task: Task, seen: SeenTasks, tests: HeldOutTexts) -> Finding:
        nearest = tests.nearest(task)
        if nearest and nearest[1] >= self.config.near:
            name, share = nearest
            return Finding.failed(
                f"too near the held-out task {name} ({share:.0%} of its word triples)", near_held_out=name
            )
        twin = seen.find_twin(task)
        if twin:
            return Finding.failed(f"a near-duplicate of task {twin}", near_duplicate_of=twin)
        return Finding.passed()
