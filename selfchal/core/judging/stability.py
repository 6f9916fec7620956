"""Stable: nothing asks a clock or chance, and a second run agrees, under another hash seed and perturbed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from selfchal.core.bench import Bench, Evidence, Trial
from selfchal.core.judge import Finding, Stage
from selfchal.core.judging.batch import RAISED, Ending, evaluate_many, run_many
from selfchal.core.judging.chance import asks_chance
from selfchal.core.judging.perturb import UnwrappableError, turns_of
from selfchal.core.judging.source import own_tree
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
            asked = asks_chance(source)
            if asked:
                return Finding.failed(f"{what} asks {asked}, which is not the same next time")
        expected = [_outcome(trial) for trial in (evidence.solution, *evidence.failures, evidence.nothing)]
        found: Sequence[Sequence[Json]] = _perturbed(task, bench, evidence) or [_again(task, bench)]
        # An exception may be the perturbation's own doing: then a plain second run decides.
        if any(other == RAISED != one for row in found for one, other in zip(expected, row, strict=True)):
            found = [_again(task, bench)]
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


def _pieces(task: Task) -> list[tuple[str, str]]:
    failures = [(f"failure case {number}", source) for number, source in enumerate(task.failures, start=1)]
    return [("evaluate", task.evaluate), ("the solution", task.solution), *failures]


def _outcome(trial: Trial) -> bool | str:
    if trial.evaluation is None or not trial.evaluation.ok:
        return RAISED
    return trial.evaluation.value is True


def _perturbed(task: Task, bench: Bench, evidence: Evidence) -> list[list[Json]] | None:
    """For each turn the verdicts of perturbed code judged by a perturbed evaluate; None where that cannot
    be had."""
    evaluate = own_tree(task.evaluate)
    codes = [own_tree(source) for source in (task.solution, *task.failures)]
    turns = [turn for turn in turns_of([evaluate, *codes]) for _ in codes]
    worlds: list[World] = [bench.environment.open(task.context) for _ in turns]
    try:
        outcomes = run_many(bench, codes, worlds, turns)
        if outcomes is None or not all(ran for ran, _ in outcomes):
            return None
        values = [value for _, value in outcomes]
        endings = list(map(Ending, worlds, values, turns))
        for turn in sorted(set(turns), reverse=True):  # after each turn's codes, doing nothing
            endings.insert((turn + 1) * len(codes), Ending(evidence.nothing.world, None, turn))
        found = evaluate_many(bench, evaluate, endings, turned=True)
    except UnwrappableError:
        return None
    width = len(codes) + 1
    return found and [[row[0] for row in found[i : i + width]] for i in range(0, len(found), width)]


def _again(task: Task, bench: Bench) -> list[bool | str]:
    """The verdicts of a plain second run of everything under the other hash seed."""
    trials = [bench.try_code(task, source, hash_seed=1) for source in (task.solution, *task.failures)]
    return [_outcome(trial) for trial in (*trials, bench.try_nothing(task, hash_seed=1))]
