"""Is the task dependent on its tools? The outcome of the solution must hang on what the tools answer.

A task whose solution calls no tool, or calls one for show, teaches nothing about the environment. So the
solution is run again in worlds whose every answer is altered: to another value, to numbers in the opposite
order, to one value for all, and to another one for each call. Where the same answer comes out of each, and
it is nothing that a tool had said or that could be worked out of it, no tool was needed for it. Where the
final state counts, doing nothing must fail already, and state changes through tools alone: nothing is left
to ask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from selfchal.core.evidence import Evidence, TaskRunner
from selfchal.core.judge import Finding, Stage
from selfchal.core.sandbox import Program
from selfchal.core.task import Task
from selfchal.core.world import Json, ToolHost, ToolResult
from selfchal.judging.checks.derived import is_derived
from selfchal.judging.checks.needs import counts_answer
from selfchal.judging.mutants import placed
from selfchal.judging.same_answer import is_same_answer, read_number, read_tolerance
from selfchal.judging.wording import Wording

_ENOUGH_NUMBERS = 2
_CHOICES = frozenset({"yes", "no", "true", "false"})
_SHORTEST = 3  # characters of an answer that cannot stand in an instruction by chance


class DependenceConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Dependence:
    """The solution calls tools, and its outcome comes from what they say."""

    config: DependenceConfig = field(default_factory=DependenceConfig)
    name: ClassVar[str] = "dependence"
    stage: ClassVar[Stage] = Stage.STRONG
    Config: ClassVar[type[BaseModel]] = DependenceConfig

    def check(self, task: Task, runner: TaskRunner, evidence: Evidence) -> Finding:
        execution = evidence.solution.execution
        if not execution.calls:
            return Finding.failed(
                "the solution calls no tool",
                "The solution calls no tool of the environment. Write a task that needs them.",
            )
        if not counts_answer(task, runner.environment) or execution.value is None:
            return Finding.passed()
        if _gives_answer_away(task, evidence):
            return Finding.failed(
                f"the instruction gives the answer away: {execution.value!r}",
                "The answer stands in the instruction. Ask for something that has to be found out.",
            )
        if _could_be_read(execution.value, [call.value for call in execution.calls]):
            return Finding.passed()  # written down after it was read
        if all(self._is_unmoved(task, runner, execution.value, change) for change in CHANGES):
            return Finding.failed(
                "the answer does not depend on what any tool says",
                "With other answers from every tool the solution still gave the same result. "
                "Write a task whose answer comes from the tools.",
            )
        return Finding.passed()

    def _is_unmoved(self, task: Task, runner: TaskRunner, answer: Json, change: Change) -> bool:
        """Does the solution still give this answer when the tools' answers are changed so?"""
        altered = AlteredAnswers(runner.environment.open(task.context), change)
        again = runner.run(Program(task.solution), altered)
        return again.ok and is_same_answer(again.value, answer, read_tolerance(task.instruction))


Change = Callable[[Json, int], Json]


@dataclass
class AlteredAnswers:
    """A world's tools with every answer altered in value, never in type; ``change`` gets the answer and how
    many calls were made before."""

    world: ToolHost
    change: Change
    calls: int = 0

    @property
    def tool_names(self) -> Sequence[str]:
        return self.world.tool_names

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        result = self.world.call(name, args, kwargs)
        self.calls += 1
        return ToolResult(self.change(result.value, self.calls - 1), result.ok, result.raises)


def alter(value: Json) -> Json:
    """Another value of the same type, lists and objects with a member more; None stays None."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value * 3 + 7
    if isinstance(value, float):
        return value * 1.7 + 3.3
    if isinstance(value, str):
        return value[::-1] + "q"
    if isinstance(value, list | tuple):
        return [alter(inner) for inner in (*value, *value[:1])]
    return (
        {**{key: alter(inner) for key, inner in value.items()}, "more": 1}
        if isinstance(value, dict)
        else value
    )


def turn(scalar: Json) -> Json:
    """Numbers in the opposite order: what was the larger of two is the smaller. Others are altered."""
    if isinstance(scalar, int | float) and not isinstance(scalar, bool):
        return -scalar
    return alter(scalar)


def level(scalar: Json) -> Json:
    """The same for all of a type: what differed is equal. A solution may ask for no more than that."""
    return scalar if isinstance(scalar, bool) or scalar is None else "q" if isinstance(scalar, str) else 7


def _change_scalars(value: Json, change: Callable[[Json], Json]) -> Json:
    """The value with its lists and objects as they are, and all within them changed."""
    if isinstance(value, list | tuple):
        return [_change_scalars(inner, change) for inner in value]
    if isinstance(value, dict):
        return {key: _change_scalars(inner, change) for key, inner in value.items()}
    return change(value)


def part(value: Json, number: int) -> Json:
    """Another value for every call: what was equal differs."""
    for _ in range(1 + number % 3):
        value = alter(value)
    return value


CHANGES: tuple[Change, ...] = (
    lambda value, _: alter(value),
    lambda value, _: _change_scalars(value, turn),
    lambda value, _: _change_scalars(value, level),
    part,
)


def _could_be_read(answer: Json, seen: Sequence[Json]) -> bool:
    """Did the tools say this answer, or two numbers and more that it may be worked out of?"""
    if is_derived(answer, seen, Wording("")):
        return True
    numbers = Wording(" ".join(str(leaf) for value in seen for _, leaf in placed(value))).numbers
    return read_number(answer) is not None and len(numbers) >= _ENOUGH_NUMBERS


def _gives_answer_away(task: Task, evidence: Evidence) -> bool:
    """Is the answer in the instruction, and none of several things that the task is to choose from?

    What was to be chosen from was handed to the tools, or came back from them beside the answer.
    """
    answer = evidence.solution.execution.value
    if isinstance(answer, bool) or not isinstance(answer, str | int | float):
        return False
    if str(answer).strip().casefold() in _CHOICES:  # of a question that offers both
        return False
    said, wanted = _squeeze(task.instruction), _squeeze(answer)
    if len(wanted) < _SHORTEST or wanted not in said:
        return False
    calls = evidence.solution.execution.calls
    given = [_squeeze(leaf) for call in calls for _, leaf in placed([list(call.args), dict(call.kwargs)])]
    if any(wanted in text for text in given):
        return False
    lines = [line for call in calls for _, leaf in placed(call.value) for line in str(leaf).splitlines()]
    return not any(
        len(other) >= _SHORTEST and other in said and other != wanted and other not in given
        for other in map(_squeeze, lines)
    )


def _squeeze(value: Json) -> str:
    """Letters and digits alone."""
    return "".join(filter(str.isalnum, str(value).casefold()))
