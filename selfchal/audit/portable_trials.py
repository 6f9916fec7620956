"""Tasks that selfchal has exported: played by the replay that rewards their episodes elsewhere, and judged.

Their recorded calls are tried by the checks of every task that is a list of calls, their code by the judge.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from selfchal.api.opening import open_sandbox, using_environment
from selfchal.audit.by_judge import find_by_judge
from selfchal.audit.call_trials import PLAYED, Played, TrialChecks, explain_too_long
from selfchal.audit.findings import CheckName, Finding, Grade, skip_checks
from selfchal.audit.task_sets import AuditRequest
from selfchal.audit.trusted_environments import NOT_OPENED, opening_trusted
from selfchal.core.errors import EnvironmentDataError, SandboxError
from selfchal.core.sandbox import Limits
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.interop.portable import PortableTask, Replayer, ReplayError, make_replayer
from selfchal.judging.rows import read_row
from selfchal.serving.session import ANSWER_TOOL, Observation, ToolCall, WorldSession

# What the limits that a stranger's task asks for may be at most.
_MOST = Limits(seconds=30.0, memory=2 * 2**30, calls=10_000)
_CHECKS = (*PLAYED, CheckName.FAILURE_CASES)


@dataclass(frozen=True)
class PortableTrial:
    """Plays one exported task. Its answer is the call of ``submit_answer`` that ends its solution."""

    replayer: Replayer
    task: PortableTask

    @property
    def calls(self) -> Sequence[ToolCall]:
        """The solution's calls without its answer."""
        return [call for call in self.task.solution if call.name != ANSWER_TOOL]

    @property
    def answer(self) -> str | None:
        """The solution's answer."""
        answers = [call.arguments.get("answer") for call in self.task.solution if call.name == ANSWER_TOOL]
        return str(answers[-1]) if answers else None

    def play(self, calls: Sequence[ToolCall], answer: str | None) -> Played:
        """See ``CallTrial``."""
        answering = [] if answer is None else [ToolCall(ANSWER_TOOL, {"answer": answer})]
        session = WorldSession(self.replayer.environment, self.task.task.context)
        seen: list[Observation] = [session.call(call) for call in calls]
        reward = self.replayer.reward_surely(self.task.task, [*calls, *answering])
        return Played(reward.value == 1.0, session.world.digest(), tuple(seen))


def find_in_portable(tasks: Mapping[int, PortableTask], request: AuditRequest) -> Iterator[Finding]:
    """Findings on exported tasks by their number. Each environment is opened once."""
    if not tasks:
        return
    with open_sandbox(request.sandbox) as sandbox, opening_trusted(request) as open_trusted:
        for number, task in tasks.items():
            try:
                environment = open_trusted(task.environment)
            except NOT_OPENED as error:
                yield from skip_checks(number, _CHECKS, f"There is no world: {error}.")
                continue
            replayer = make_replayer(environment, sandbox, _bound(task.limits))
            yield from _find_on_task(number, task, replayer, request.secret or "")
            row = task.task.to_json()
            for finding in find_by_judge([row], environment, sandbox, request.secret):
                yield replace(finding, task=number)


def find_unchecked_arguments(
    tasks: Mapping[int, Task], section: Mapping[str, Json], request: AuditRequest
) -> Iterator[Finding]:
    """Of sound rows, the arguments of their solutions that may be others: its calls are recorded and altered.

    A solution that its calls alone do not make again is left aside.
    """
    if not tasks:
        return
    with using_environment(section) as environment, open_sandbox(request.sandbox) as sandbox:
        replayer = make_replayer(environment, sandbox, _MOST)
        tools = {tool.name: tool for tool in environment.tools}
        for number, task in tasks.items():
            try:
                made = PortableTask(section, task, replayer.record(task, task.solution), (), _MOST)
            except SandboxError:
                continue
            if not explain_too_long(made.solution):
                random = Random(f"{request.secret} {number} {task.id}")
                trial = PortableTrial(replayer, made)
                yield from TrialChecks(number, trial, tools, random).find_unchecked_arguments()


def _bound(limits: Limits) -> Limits:
    return replace(
        _MOST,
        seconds=min(limits.seconds, _MOST.seconds),
        memory=min(limits.memory, _MOST.memory),
        calls=min(limits.calls, _MOST.calls),
    )


def _find_on_task(number: int, task: PortableTask, replayer: Replayer, secret: str) -> Iterator[Finding]:
    tools = {tool.name: tool for tool in replayer.environment.tools}
    random = Random(f"{secret} {number} {task.task.id}")
    if too_long := next(filter(None, map(explain_too_long, (task.solution, *task.failures))), ""):
        yield from skip_checks(number, _CHECKS, too_long)
        return
    try:
        yield from TrialChecks(number, PortableTrial(replayer, task), tools, random).find()
        for index, calls in enumerate(task.failures, start=1):
            if replayer.reward_surely(task.task, calls).value == 1.0:
                reason = f"The calls of failure case {index} pass."
                yield Finding(number, CheckName.FAILURE_CASES, Grade.CERTAIN, reason)
    except SandboxError as error:
        yield from skip_checks(number, (CheckName.FAILURE_CASES,), f"The sandbox failed: {error}")
    except EnvironmentDataError as error:
        yield from skip_checks(number, _CHECKS, f"There is no world: {error}")


def read_portable(text: str) -> PortableTask | None:
    """The exported task in a stranger's text; None where it is none, or a part has another type.

    Of the judge's notes only the type of the answer is kept.
    """
    try:
        row = json.loads(text)
        task = PortableTask.from_json(row)
    except (ReplayError, ValueError, RecursionError, AttributeError, IndexError):
        return None
    plain = read_row(row["task"])
    kind = task.task.diagnostics.get("answer_type", "") if isinstance(task.task.diagnostics, dict) else ""
    if not isinstance(plain, Task) or not isinstance(kind, str):
        return None
    diagnostics = {"answer_type": kind} if kind else {}
    return replace(task, task=replace(plain, diagnostics=diagnostics))
