"""Strong: failure cases really do something, and evaluate notices what is not the solution's outcome.

Refused is a task whose failure cases are all no-ops, whose evaluate accepts the solution with one of its
changing calls left out, or accepts an answer that is not the solution's. What else mutants show (altered
arguments, conditions of evaluate that nothing tests) is measured and kept with the task.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from selfchal.core.evidence import Evidence, TaskRunner, Trial
from selfchal.core.judge import Finding, Stage
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.judging.batch import Ending, evaluate_many, tool_names
from selfchal.judging.checks.answers import list_wrong_answers
from selfchal.judging.checks.needs import counts_answer
from selfchal.judging.checks.unchecked_values import first_said, first_unchecked
from selfchal.judging.checks.unrelated_constants import first_unrelated_constant
from selfchal.judging.guest.runs import RAISED, RAN_OUT
from selfchal.judging.half_changes import BALANCE, PART, first_half, half_changes
from selfchal.judging.mutants import Mutant, altered_answers, altered_arguments, left_out, other_records
from selfchal.judging.other_writes import exchanged_members, other_writes
from selfchal.judging.runner import changed_rows
from selfchal.judging.source.checksums import find_checksum
from selfchal.judging.source.drop_conditions import weakened
from selfchal.judging.source.except_hooks import hook_excepts
from selfchal.judging.source.parse import nodes_of, parse_evaluate
from selfchal.judging.source.purity import all_pure

_ALONE = 2  # refused outcomes that are asked again in a process of their own,
_ALONE_IMPURE = 6  # and of a verifier that could tell that it is judged in company
_LONGEST_CONSTANT = 200  # characters of a constant of evaluate that is tried as an answer


class StrengthConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    noop_failures: bool = Field(False, description="Accept a task whose failure cases all change nothing.")
    min_arguments: float = Field(
        0.0, ge=0, le=1, description="Least share of altered arguments that evaluate must notice."
    )


@dataclass(frozen=True)
class Strength:
    """Failure cases do something, and evaluate refuses what is not the solution's outcome."""

    config: StrengthConfig = field(default_factory=StrengthConfig)
    name: ClassVar[str] = "strength"
    stage: ClassVar[Stage] = Stage.STRONG
    Config: ClassVar[type[BaseModel]] = StrengthConfig

    def check(self, task: Task, runner: TaskRunner, evidence: Evidence) -> Finding:
        diagnostics: dict[str, Json] = {"footprint": changed_rows(evidence.solution.world)}
        by_answer = counts_answer(task, runner.environment)
        idle = [n for n, trial in enumerate(evidence.failures, 1) if not _is_acting(trial, by_answer)]
        diagnostics["noop_failures"] = idle
        if evidence.failures and len(idle) == len(evidence.failures) and not self.config.noop_failures:
            return Finding.failed(
                "no failure case changes anything",
                "Every failure case left the world as it was and gave no answer, so they only show that "
                "doing nothing fails. Write failure cases whose calls work but do the wrong thing.",
                **diagnostics,
            )
        checksum = find_checksum(task.evaluate)
        if checksum is not None:
            return Finding.failed(
                f"evaluate uses {checksum}: nobody can tell what a checksum accepts",
                f"evaluate uses {checksum}. Compare with the expected value itself.",
                **diagnostics,
            )
        draw, constants = random.Random(evidence.secret), _list_constants(task)
        if by_answer:  # there the world is only read, or walked through
            wrong = list_wrong_answers(task, runner, evidence, constants, draw)
            if wrong is None:
                return Finding.failed("evaluate is too slow or too large to be searched", **diagnostics)
            mutants = list(altered_answers(evidence, wrong))
        else:
            writing = _first_writing(runner, evidence)
            if writing is not None:
                return Finding.failed(
                    f"evaluate changes what it should look at: it calls {writing}",
                    f"evaluate calls {writing}, which changes the world. Let it only read.",
                    **diagnostics,
                )
            unrelated = first_unrelated_constant(task, runner, evidence)
            if unrelated is not None:
                return Finding.failed(
                    f"evaluate compares with {unrelated!r}, which nothing in the task has to do with",
                    f"evaluate compares with {unrelated!r}, which no instruction says and no tool knows.",
                    **diagnostics,
                )
            mutants = [
                *left_out(evidence),
                *other_records(evidence, constants, draw),
                *other_writes(evidence, runner.environment.tools, _list_compared(task, constants), draw),
                *altered_arguments(evidence, runner.environment.tools, draw),
                *half_changes(evidence),
                *exchanged_members(evidence, runner.environment.tools),
            ]
        return self._measure(task, runner, evidence, mutants, diagnostics)

    def _measure(
        self,
        task: Task,
        runner: TaskRunner,
        evidence: Evidence,
        mutants: Sequence[Mutant],
        diagnostics: dict[str, Json],
    ) -> Finding:
        tried = _try_all(task, runner, evidence, mutants)
        if isinstance(tried, str):
            return Finding.failed(tried, **diagnostics)
        told = _find_otherwise_alone(task, runner, evidence, mutants, tried.verdicts)
        if told is not None:
            return Finding.failed(
                f"evaluate says otherwise of {told.what} when it has a process of its own: "
                "it looks at how it is run",
                **diagnostics,
            )
        accepted = [
            mutant for mutant, verdict in zip(mutants, tried.verdicts, strict=True) if verdict is True
        ]
        altered = [mutant for mutant in mutants if mutant.kind == "argument"]
        unnoticed = [mutant.what for mutant in accepted if mutant.kind == "argument"]
        conditions, untested = tried.conditions, tried.untested
        diagnostics |= {
            "mutants": len(mutants),
            "specificity": round(1 - len(accepted) / len(mutants), 4) if mutants else None,
            "arguments": [len(altered) - len(unnoticed), len(altered)],
            "unnoticed": unnoticed[:5],
            "conditions": [conditions - len(untested), conditions],
            "untested": untested[:5],
        }
        for mutant in accepted:
            if mutant.kind not in ("argument", "form", PART, BALANCE):
                return Finding.failed(
                    f"evaluate accepts {mutant.what}",
                    f"evaluate also returned True for {mutant.what}. Make it stricter.",
                    **diagnostics,
                )
        half = first_half([one for one in mutants if one.kind in (PART, BALANCE)], altered, accepted)
        if half is not None:
            return Finding.failed(
                f"evaluate accepts {half.what}",
                f"evaluate also returned True for {half.what}. Make it check all of them.",
                **diagnostics,
            )
        forms = [mutant for mutant in mutants if mutant.kind == "form"]
        unchecked = first_unchecked(task, evidence, altered, forms, accepted)
        asked = [mutant for mutant in mutants if mutant.kind != "other write"]
        if unchecked is None and len(accepted) == len(asked):  # it tells nothing of the asked change apart
            unchecked = first_said(task, evidence, accepted)
        if unchecked is not None:
            return Finding.failed(
                f"evaluate accepts {unchecked.what}, although the instruction says it",
                f"evaluate also returned True for {unchecked.what}. Make it check that too.",
                **diagnostics,
            )
        if altered and len(unnoticed) > (1 - self.config.min_arguments) * len(altered):
            return Finding.failed(f"evaluate does not notice {unnoticed[0]}", **diagnostics)
        return Finding.passed(**diagnostics)


def _find_otherwise_alone(
    task: Task,
    runner: TaskRunner,
    evidence: Evidence,
    mutants: Sequence[Mutant],
    verdicts: Sequence[bool | str | None],
) -> Mutant | None:
    """A mutant that evaluate accepts in a process of its own only.

    A verifier that is not pure could notice that it runs in a shared process, be strict there, and be lenient
    later when it hands out rewards. Any code may run out of stack, memory or calls in a shared process. So of
    what was refused some are asked again alone, as rewards are, drawn from the secret.
    """
    pure = _is_pure(task, runner)
    suspect = {RAN_OUT} if pure else {RAN_OUT, RAISED, False}
    refused = [mutant for mutant, verdict in zip(mutants, verdicts, strict=True) if verdict in suspect]
    draw = random.Random(f"{evidence.secret}/alone")
    drawn = draw.sample(refused, min(_ALONE if pure else _ALONE_IMPURE, len(refused)))
    return next((m for m in drawn if runner.verdict(task, m.world, m.answer).value is True), None)


def _is_pure(task: Task, runner: TaskRunner) -> bool:
    return all_pure([task.evaluate], [name for names in tool_names(runner) for name in names])


def _is_acting(trial: Trial, by_answer: bool) -> bool:
    """Did the failure case do something that could be taken for the task?"""
    return trial.changed or (by_answer and trial.execution.value is not None)


def _first_writing(runner: TaskRunner, evidence: Evidence) -> str | None:
    """A tool that evaluate called after the solution and by which the world changes, if there is one. Of a
    tool that does not say that it only reads, it is tried: many say nothing."""
    reading = {tool.name for tool in runner.environment.tools if tool.only_reads}
    calls = evidence.solution.evaluation.calls if evidence.solution.evaluation else ()
    for call in calls:
        if call.ok and call.name not in reading:
            world = evidence.solution.world.fork()
            before = world.digest()
            world.call(call.name, call.args, call.kwargs)
            if world.digest() != before:
                return call.name
    return None


def _list_constants(task: Task) -> list[Json]:
    """The texts and numbers in evaluate, each a likely second answer."""
    nodes = nodes_of(parse_evaluate(task.evaluate))
    values = [node.value for node in nodes if isinstance(node, ast.Constant)]
    return [
        value
        for value in values
        if not isinstance(value, bool)
        and isinstance(value, str | int | float)
        and len(str(value)) <= _LONGEST_CONSTANT
    ]


def _list_compared(task: Task, constants: Sequence[Json]) -> list[Json]:
    """The constants of evaluate that are no mere names of fields."""
    nodes = nodes_of(parse_evaluate(task.evaluate))
    slices = [node.slice for node in nodes if isinstance(node, ast.Subscript)]
    names = [node.value for node in slices if isinstance(node, ast.Constant)]
    return [one for one in constants if constants.count(one) > names.count(one)]


@dataclass(frozen=True)
class _Tried:
    """evaluate's verdict on each mutant of the solution; how many of its own conditions there are, and which
    of them could be dropped without anyone (failure cases, doing nothing, mutants) noticing."""

    verdicts: Sequence[bool | str | None]
    conditions: int
    untested: Sequence[str]


def _try_all(task: Task, runner: TaskRunner, evidence: Evidence, mutants: Sequence[Mutant]) -> _Tried | str:
    """Or why the task falls. Of a pure evaluate the outcomes that were judged before are judged again, in
    another process under the other hash seed. Raises SandboxError."""
    conditions, verifier = weakened(hook_excepts(task.evaluate))
    pure = _is_pure(task, runner)
    trials = [*([evidence.solution] if pure else []), *evidence.failures, evidence.nothing]
    before = [Ending(trial.world, trial.execution.value) for trial in trials]
    endings = [*before, *(Ending(mutant.world, mutant.answer) for mutant in mutants)]
    rows = evaluate_many(runner, verifier, endings, len(conditions), pure)
    if rows is None:
        return f"evaluate is too slow or too large to be tried on {len(mutants)} altered outcomes"
    if pure and any(
        isinstance(row[0], bool) and row[0] is not trial.passes
        for row, trial in zip(rows, trials, strict=False)
    ):
        return (
            "evaluate gives another verdict when it is run again: it depends on the order of a set or on "
            "what ran before"
        )
    noticed = {number for row in rows for number, verdict in enumerate(row) if verdict is True}
    untested = [what for number, what in enumerate(conditions, start=1) if number not in noticed]
    return _Tried([row[0] for row in rows[len(before) :]], len(conditions), untested)
