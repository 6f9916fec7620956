"""Needs: the values that a solution hands to tools, and what could be read about them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from selfchal.core.environment import Environment
from selfchal.core.evidence import StateExplorer, TaskRunner
from selfchal.core.task import Task
from selfchal.core.world import Call, Json
from selfchal.judging.mutants import placed
from selfchal.judging.reading.queries import Literal, find_literals
from selfchal.judging.source.parse import takes_answer
from selfchal.judging.state_explorer import ReadToolExplorer, is_id
from selfchal.judging.wording import Wording, features


def counts_answer(task: Task, environment: Environment) -> bool:
    """Is the task judged by the agent's answer, or by the final state alone?"""
    return environment.answer_required and takes_answer(task.evaluate)


_QUOTED = re.compile(r"""['"\u2018\u201c]([^'"\u2018-\u201d\n]{1,60})['"\u2019\u201d]""")
_MOST_QUOTED = 8


@dataclass(frozen=True)
class Need:
    """One value that the solution handed over: in which call, where, under which parameter. A value that
    stands in a statement, as of SQL, has it as its ``literal``."""

    call: int
    where: tuple[str | int, ...]
    value: Json
    parameter: str
    literal: Literal | None = None

    def exchange(self, other: Json) -> Json:
        """The argument with another value in the place of this one."""
        return self.literal.exchange(other) if self.literal else other


def is_told(need: Need, wording: Wording) -> bool:
    """Does the instruction say this value, or name the switch that it sets?"""
    if wording.says(need.value):
        return True
    switch = isinstance(need.value, bool) or str(need.value).casefold() in ("yes", "no", "none")
    return switch and bool(wording.mentioned(features([need.parameter])))


def is_counted(need: Need, wording: Wording) -> bool:
    """Told, where a word like "a" or "no" only tells a number of what it stands before."""
    value = need.value
    if isinstance(value, int | float) and not isinstance(value, bool) and value in (0, 1):
        return value in wording.amounts or wording.counts(value, need.parameter)
    return is_told(need, wording)


def needs_of(environment: Environment, calls: Sequence[Call], by_answer: bool) -> list[Need]:
    """What the calls that matter were given: where the state counts, those that changed it."""
    parameters = {tool.name: list(tool.parameters.get("properties", {})) for tool in environment.tools}
    return list(_list_needs(calls, by_answer, parameters))


def _list_needs(calls: Sequence[Call], answers: bool, parameters: Mapping[str, list[str]]) -> Iterator[Need]:
    for number, call in enumerate(calls):
        if call.changed == answers:  # where the answer counts, a changing call walks from page to page
            continue
        names = parameters.get(call.name, [])
        for where, value in placed([list(call.args), dict(call.kwargs)]):
            index = where[1]
            fields = [key for key in where[1:] if isinstance(key, str)]
            positional = (
                names[index] if isinstance(index, int) and where[0] == 0 and index < len(names) else ""
            )
            parameter = fields[-1] if fields else positional
            literals = find_literals(value) if isinstance(value, str) else None
            if literals is None:
                yield Need(number, where, value, parameter)
            for literal in literals or ():
                yield Need(number, where, literal.value, parameter, literal)


@dataclass(frozen=True)
class Documents:
    """What every agent is told besides the task: the policy and the tools."""

    environment: Environment

    @property
    def text(self) -> str:
        tools = " ".join(f"{tool.description} {tool.parameters}" for tool in self.environment.tools)
        return f"{self.environment.policy} {tools}"

    @cached_property
    def wording(self) -> Wording:
        return _make_wording(self.text)

    def action(self, tool: str) -> str:
        """What a tool does, in the words of its description."""
        return next((spec.description for spec in self.environment.tools if spec.name == tool), "")

    def choices(self, tool: str, parameter: str) -> list[Json]:
        """The values that a tool's schema allows for a parameter; empty when it allows any."""
        for spec in self.environment.tools:
            if spec.name == tool:
                schema = spec.parameters.get("properties", {}).get(parameter, {})
                return list(schema.get("enum", ()))
        return []


@lru_cache(maxsize=8)
def _make_wording(text: str) -> Wording:
    """Every task of an environment has the same documents."""
    return Wording(text)


def explore(task: Task, runner: TaskRunner, calls: Sequence[Call]) -> StateExplorer:
    """What can be read from the ids of the context and of a solution's needs on."""
    needs = needs_of(runner.environment, calls, counts_answer(task, runner.environment))
    explorer = ReadToolExplorer(runner.environment.open(task.context), runner.environment.tools)
    named: dict[str, set[Json]] = {}
    for need in needs:
        named.setdefault(need.parameter, set()).add(need.value)
    starts = [str(value) for value in task.context.values() if isinstance(value, str)]
    starts += [need.value for need in needs if isinstance(need.value, str) and is_id(need.value)]
    starts += _QUOTED.findall(task.instruction)[:_MOST_QUOTED]  # an agent would look these up as well
    explorer.read(starts, named)
    return explorer
