"""Stable: nothing asks a clock or chance, and a second run agrees, under another hash seed and perturbed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from selfchal.core.bench import Bench, Evidence, Trial
from selfchal.core.judge import Finding, Stage
from selfchal.core.judging.batch import RAISED, evaluate_many, run_many
from selfchal.core.judging.chance import asks_chance
from selfchal.core.judging.perturb import UnwrappableError
from selfchal.core.judging.source import parse_source
from selfchal.core.task import Task
from selfchal.core.world import Json, World


class StabilityConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Stability:
    config: StabilityConfig = field(default_factory=StabilityConfig)
    name: ClassVar[str] = "stability"
    stage: ClassVar[Stage] = Stage.STABLE
    Config: ClassVar[type[BaseModel]] = StabilityConfig

    def examine(self, task: Task, bench: Bench, evidence: Evidence) -> Finding:
        for what, source in _pieces(task):
            asked = asks_chance(parse_source(source, what))
            if asked:
                return Finding.failed(f"{what} asks {asked}, which is not the same next time")
        expected = [_outcome(trial) for trial in (evidence.solution, *evidence.failures, evidence.nothing)]
        found = _perturbed(task, bench, evidence) or _again(task, bench)
        # An exception may be the perturbation's own doing: then a plain second run decides.
        if any(other == RAISED != one for one, other in zip(expected, found, strict=True)):
            found = _again(task, bench)
        differing = [i for i, (one, other) in enumerate(zip(expected, found, strict=True)) if one != other]
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


def _pieces(task: Task) -> list[tuple[str, str]]:
    failures = [(f"failure case {number}", source) for number, source in enumerate(task.failures, start=1)]
    return [("evaluate", task.evaluate), ("the solution", task.solution), *failures]


def _outcome(trial: Trial) -> bool | str:
    if trial.evaluation is None or not trial.evaluation.ok:
        return RAISED
    return trial.evaluation.value is True


def _perturbed(task: Task, bench: Bench, evidence: Evidence) -> list[bool | str] | None:
    """The verdicts of perturbed code judged by a perturbed evaluate; None where that cannot be had."""
    sources = [task.solution, *task.failures]
    worlds: list[World] = [bench.environment.open(task.context) for _ in sources]
    try:
        outcomes = run_many(bench, [parse_source(source, "code") for source in sources], worlds)
        if outcomes is None or not all(ran for ran, _ in outcomes):
            return None
        jobs: list[tuple[int, int, Json]] = [(0, i, value) for i, (_, value) in enumerate(outcomes)]
        jobs.append((0, len(worlds), None))
        worlds.append(evidence.nothing.world)
        return evaluate_many(bench, [parse_source(task.evaluate, "evaluate")], worlds, jobs)
    except UnwrappableError:
        return None


def _again(task: Task, bench: Bench) -> list[bool | str]:
    """The verdicts of a plain second run of everything under the other hash seed."""
    trials = [bench.try_code(task, source, hash_seed=1) for source in (task.solution, *task.failures)]
    return [_outcome(trial) for trial in (*trials, bench.try_nothing(task, hash_seed=1))]
