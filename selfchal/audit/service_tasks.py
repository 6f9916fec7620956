"""Tasks of tau-bench and tau2-bench: played in our retail and airline, which make the same calls, or by tau2.

A task has ground-truth calls and texts that the user must be told. It is solved where the world is as those
calls leave it, and every text was said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from selfchal.api.opening import using_environment
from selfchal.audit.call_trials import PLAYED, Played, TrialChecks, explain_too_long
from selfchal.audit.findings import CheckName, Finding, Grade, skip_checks
from selfchal.audit.hidden_demands import find_hidden_demands
from selfchal.audit.task_sets import AuditRequest, GivenTask
from selfchal.core.environment import Environment
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.task import TestTask
from selfchal.core.world import Json
from selfchal.serving.session import Observation, ToolCall

DOMAINS = ("retail", "airline")
_PLAYED = (*PLAYED, CheckName.HIDDEN_DEMAND)
_SHORTEST_OUTPUT = 3  # a required text of fewer characters stands in many others


@dataclass(frozen=True)
class ServiceTask:
    """One task. ``unread`` says why it cannot be read, ``unplayable`` why it cannot be played, ``unjudged``
    what else its reward hangs on; each is empty where that is not so. ``start`` is a text that is equal for
    tasks that begin alike, ``context`` what their world is opened with."""

    id: str
    instruction: str = ""
    calls: tuple[ToolCall, ...] = ()
    outputs: tuple[str, ...] = ()
    unread: str = ""
    unplayable: str = ""
    unjudged: str = ""
    start: str = ""
    context: Mapping[str, Json] = field(default_factory=dict)

    def describe(self) -> GivenTask:
        """The task in the shape of all formats."""
        demand = [[call.to_json() for call in self.calls], self.outputs]
        return GivenTask(self.id, self.instruction, json.dumps(demand, sort_keys=True), self.start)


@dataclass(frozen=True)
class ServiceTrial:
    """Plays one task."""

    environment: Environment
    task: TestTask
    calls: Sequence[ToolCall]
    answer: str | None

    def play(self, calls: Sequence[ToolCall], answer: str | None) -> Played:
        """See ``CallTrial``."""
        world = self.environment.open(self.task.context)
        results = [world.call(call.name, (), call.arguments) for call in calls]
        seen = tuple(Observation(world.show(result), result.ok) for result in results)
        passed = self.environment.grade(self.task, world, answer, [answer or "ok"])
        return Played(passed, world.digest(), seen)


def describe_our_world(domain: str, profile: str, folder: Path, request: AuditRequest) -> Mapping[str, Json]:
    """The section of a manifest for our retail or airline. ``folder`` is where the tables are looked for."""
    data = folder.parent if folder.name == domain else folder
    return {"name": domain, "profile": profile, "data": str(data), **request.options}


def find_in_service(
    tasks: Sequence[ServiceTask], section: Mapping[str, Json], request: AuditRequest
) -> Iterator[Finding]:
    """All findings on the tasks of one file, which are played in the environment of this section."""
    yield from _read_only(tasks)
    playable = [
        (number, task) for number, task in enumerate(tasks) if not task.unread and not task.unplayable
    ]
    if not playable:
        return
    try:
        with using_environment(section) as environment:
            for number, task in playable:
                try:
                    yield from list(_find_on_task(number, task, environment, request.secret or ""))
                except EnvironmentDataError as error:
                    yield from skip_checks(number, _PLAYED, f"It does not begin: {error}")
    except EnvironmentDataError as error:
        for number, _ in playable:
            yield from skip_checks(number, _PLAYED, f"There is no world: {error}")


def _read_only(tasks: Sequence[ServiceTask]) -> Iterator[Finding]:
    """What is found without a world."""
    for number, task in enumerate(tasks):
        if task.unread:
            yield Finding(number, CheckName.READABLE, Grade.CERTAIN, task.unread)
            continue
        if not task.instruction.strip():
            yield Finding(number, CheckName.HIDDEN_DEMAND, Grade.CERTAIN, "The instruction is empty.")
        for text in task.outputs:
            if len(text) < _SHORTEST_OUTPUT:
                reason = f"The text {text!r}, which must be said, stands within many others."
                yield Finding(number, CheckName.VACUOUS, Grade.DOUBTFUL, reason)
        if task.unplayable:
            yield from skip_checks(number, _PLAYED, task.unplayable)


def _find_on_task(number: int, task: ServiceTask, environment: Environment, secret: str) -> Iterator[Finding]:
    tools = {tool.name: tool for tool in environment.tools}
    ending = {name for name, tool in tools.items() if tool.ends_episode}
    calls = [call for call in task.calls if call.name not in ending]  # as the originals do
    if too_long := explain_too_long(calls):
        yield from skip_checks(number, _PLAYED, too_long)
        return
    truth = {
        "actions": [call.to_json() for call in calls],
        "outputs": list(task.outputs),
    }
    given = TestTask(f"{number} {task.id}", task.instruction, task.context, truth)
    answer = " ; ".join(["Done.", *task.outputs]) if task.outputs else None
    trial = ServiceTrial(environment, given, calls, answer)
    random = Random(f"{secret} {number} {task.id}")
    for finding in TrialChecks(number, trial, tools, random).find():
        yield _lower(finding, task.unjudged) if task.unjudged else finding
    yield from find_hidden_demands(number, environment, given, calls)


def _lower(finding: Finding, unjudged: str) -> Finding:
    """Where a model gives a part of the reward, what passes here may fail there."""
    passing = (CheckName.NO_OP, CheckName.ALTERED_SOLUTION, CheckName.ANSWERS)
    if finding.check not in passing or finding.grade is not Grade.CERTAIN:
        return finding
    return Finding(finding.task, finding.check, Grade.DOUBTFUL, f"{finding.reason} {unjudged}")
