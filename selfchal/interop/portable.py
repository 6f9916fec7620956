"""A task that can leave: all that a stranger needs to open its world, call its tools and judge the end.

The world is opened from the environment's name, options and the task's context. A stranger's episode is the
list of its tool calls, which are made again on a fresh world; ``evaluate`` is then run in a sandbox. What
travels besides are the recorded calls of the solution and of each failure case, so that every copy can be
checked where it arrives. Held-out tasks, secrets and paths of this machine do not travel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from selfchal.core.arena import Arena
from selfchal.core.environment import Environment
from selfchal.core.episode import Reward
from selfchal.core.errors import SandboxError, StoreError
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.serving.call_file import parse_call
from selfchal.serving.session import ANSWER_TOOL, ToolCall, replay, write_answer

VERSION = 1  # of the rows that ``to_json`` writes
Calls = tuple[ToolCall, ...]


class ReplayError(StoreError):
    """A task's own recorded calls do not give what they gave when it was exported, or cannot be read."""


@dataclass(frozen=True)
class PortableTask:
    """``environment`` is its section of a manifest; ``solution`` and ``failures`` are recorded calls;
    ``limits`` are those of one execution, under which the task was judged."""

    environment: Mapping[str, Json]
    task: Task
    solution: Calls
    failures: tuple[Calls, ...]
    limits: Limits = Limits()  # noqa: RUF009 — it is frozen

    def to_json(self) -> dict[str, Json]:
        """One row that ``from_json`` reads on another machine."""
        return {
            "version": VERSION,
            "environment": dict(self.environment),
            "task": self.task.to_json(),
            "solution": _write_calls(self.solution),
            "failures": [_write_calls(calls) for calls in self.failures],
            "limits": asdict(self.limits),
        }

    @classmethod
    def from_json(cls, row: Json) -> PortableTask:
        """Raises ReplayError for what is no such row, or one of a later version."""
        try:
            if row["version"] != VERSION:
                raise ReplayError(
                    f"this task is of version {row['version']!r}, and this selfchal reads {VERSION}"
                )
            failures = tuple(_read_calls(calls) for calls in row["failures"])
            task = Task.from_json(row["task"])
            limits = Limits(**row["limits"])
            return cls(row["environment"], task, _read_calls(row["solution"]), failures, limits)
        except (KeyError, TypeError, ValueError) as error:
            raise ReplayError(f"this is no exported task: {error!r}") from error


class Replayer:
    """Gives episodes their reward, by making their calls again on a fresh world."""

    def __init__(self, environment: Environment, runner: SandboxTaskRunner) -> None:
        self.environment = environment
        self._runner = runner
        self._parameters = {tool.name: list(tool.parameters["properties"]) for tool in environment.tools}

    def reward(self, task: Task, calls: Sequence[ToolCall]) -> Reward:
        """1 where ``evaluate`` is True after the calls, else 0; None where the sandbox failed."""
        session = replay(self.environment, task.context, calls)
        return self._runner.reward(task, session.world, session.answer)

    def reward_surely(self, task: Task, calls: Sequence[ToolCall]) -> Reward:
        """The reward, which has a value. Raises SandboxError where the sandbox failed."""
        reward = self.reward(task, calls)
        if reward.value is None:
            raise SandboxError(f"task {task.id} could not be judged: {reward.reason}")
        return reward

    def record(self, task: Task, source: str) -> Calls:
        """The calls that this code makes on a fresh world, its answer last. Raises SandboxError."""
        execution = self._runner.try_code(task, source).execution
        calls = [
            ToolCall(call.name, call.name_arguments(self._parameters.get(call.name, ())))
            for call in execution.calls
        ]
        if self.environment.answer_required and execution.ok and execution.value is not None:
            calls.append(ToolCall(ANSWER_TOOL, {"answer": write_answer(execution.value)}))
        return tuple(calls)

    def find_fault(self, task: PortableTask) -> str:
        """What the task's own calls give that they must not; empty where all is well.

        Raises SandboxError where the sandbox failed.
        """
        solved = self.reward_surely(task.task, task.solution)
        if solved.value != 1.0:
            return f"the solution's calls, made again, do not solve it: {solved.reason}"
        if self.reward_surely(task.task, ()).value != 0.0:
            return "doing nothing solves it"
        for number, calls in enumerate(task.failures, start=1):
            if self.reward_surely(task.task, calls).value != 0.0:
                return f"the calls of failure case {number}, made again, solve it"
        return ""


def make_replayer(environment: Environment, sandbox: Sandbox, limits: Limits) -> Replayer:
    """``limits`` hold for one execution."""
    arena = Arena(environment, sandbox, limits)
    return Replayer(environment, SandboxTaskRunner(arena))


def _write_calls(calls: Calls) -> list[Json]:
    return [call.to_json() for call in calls]


def _read_calls(rows: Sequence[Json]) -> Calls:
    return tuple(parse_call(row) for row in rows)
