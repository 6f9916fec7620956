"""Stable: nothing asks a clock or chance, and a second run agrees, under another hash seed and perturbed.

Nothing of that reaches plain code, so there the runs that were made are enough (``selfchal.judging.trials``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from selfchal.core.evidence import Evidence, TaskRunner, Trial, Verdicts
from selfchal.core.judge import Finding, Stage
from selfchal.core.task import Task
from selfchal.judging.guest.runs import RAISED
from selfchal.judging.source.introspection import find_introspection
from selfchal.judging.source.nondeterminism import asks_nondeterminism


class StabilityConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Stability:
    """What evaluate says stays the same with another hash seed, clock and order of sets."""

    config: StabilityConfig = field(default_factory=StabilityConfig)
    name: ClassVar[str] = "stability"
    stage: ClassVar[Stage] = Stage.STABLE
    Config: ClassVar[type[BaseModel]] = StabilityConfig

    def check(self, task: Task, runner: TaskRunner, evidence: Evidence) -> Finding:
        for what, source in _list_pieces(task):
            asked = asks_nondeterminism(source)
            if asked:
                return Finding.failed(f"{what} asks {asked}, which is not the same next time")
        if seen := find_introspection(task.evaluate):
            return Finding.failed(
                f"evaluate looks at the interpreter that runs it ({seen})",
                f"evaluate uses {seen}. A verifier reads the world through its tools and compares. It must "
                "not look at frames, modules, names or addresses, nor keep anything for its next run.",
            )
        expected = [
            _describe_outcome(trial) for trial in (evidence.solution, *evidence.failures, evidence.nothing)
        ]
        found: Sequence[Verdicts] = evidence.again or [_run_again(task, runner)]
        # An exception may be the perturbation's own doing: then a plain second run decides.
        if any(other == RAISED != one for row in found for one, other in zip(expected, row, strict=True)):
            found = [_run_again(task, runner)]
        differing = [i for row in found for i, one in enumerate(expected) if one != row[i]]
        if not differing:
            return Finding.passed()
        names = [
            "the solution",
            *(f"failure case {i + 1}" for i in range(len(task.failures))),
            "doing nothing",
        ]
        return Finding.failed(
            f"evaluate gives another verdict after {names[differing[0]]} when it is run again: "
            "it depends on the order of a set, a clock or chance"
        )


def _list_pieces(task: Task) -> list[tuple[str, str]]:
    failures = [(f"failure case {number}", source) for number, source in enumerate(task.failures, start=1)]
    return [("evaluate", task.evaluate), ("the solution", task.solution), *failures]


def _describe_outcome(trial: Trial) -> bool | str:
    if trial.evaluation is None or not trial.evaluation.ok:
        return RAISED
    return trial.evaluation.value is True


def _run_again(task: Task, runner: TaskRunner) -> list[bool | str]:
    """The verdicts of a plain second run of everything under the other hash seed."""
    trials = [runner.try_code(task, source, hash_seed=1) for source in (task.solution, *task.failures)]
    return [_describe_outcome(trial) for trial in (*trials, runner.try_nothing(task, hash_seed=1))]
