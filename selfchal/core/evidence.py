"""Evidence: what running a task's own code showed, and the means that a check of the judge is given.

The judge makes it (``selfchal.judging``); a check, built in or a third party's, only reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from selfchal.core.environment import Chat, Environment
from selfchal.core.sandbox import Execution, Limits, Program, Sandbox
from selfchal.core.task import Task
from selfchal.core.world import Call, Json, ToolHost, World


@dataclass(frozen=True)
class Trial:
    """One piece of code run on a fresh world, then ``evaluate`` on a throw-away copy of the outcome:
    ``evaluation``, which is None when the code itself did not run to its end."""

    execution: Execution
    world: World
    evaluation: Execution | None = None

    @property
    def passes(self) -> bool:
        """``evaluate`` returned exactly True."""
        return self.evaluation is not None and self.evaluation.ok and self.evaluation.value is True

    @property
    def changed(self) -> bool:
        """Did any call change the world?"""
        return any(call.changed for call in self.execution.calls)


@dataclass(frozen=True)
class Attempt:
    """What a solver that got only the instruction ended with."""

    passed: bool
    digest: str  # of the final world
    answer: Json = None


class Solver(Protocol):
    def __call__(self, task: Task, attempts: int) -> Sequence[Attempt]:
        """Try the task from its instruction and the tools alone, ``attempts`` times."""


Verdicts = Sequence[bool | str]  # text where evaluate raised


class Replays(Protocol):
    """A solution's recorded calls, made again with one of them altered or left out."""

    def without(self, index: int) -> World | None:
        """The world after all calls but this one; None when one is refused that was not refused before."""

    def altered(self, index: int, call: Call) -> World | None:
        """The world after the calls with ``call`` in that position; None as above."""

    def exchanged(self, value: Json, other: Json) -> World | None:
        """The world after the calls with ``other`` wherever ``value`` was given; None as above."""


class StateExplorer(Protocol):
    """What an agent could read about the values that the solution hands over, by the reading tools alone."""

    @property
    def described(self) -> Mapping[str, Sequence[Json]]:
        """By id: the scalars of the records that it stands in."""

    @property
    def shown(self) -> Mapping[str, Sequence[Json]]:
        """By id: the scalars that reading it shows."""

    @property
    def siblings(self) -> Mapping[str, set[str]]:
        """By id: the ids that stand beside it."""

    @property
    def readable(self) -> Mapping[str, set[str]]:
        """By id: the tools that show it."""

    @property
    def seen(self) -> set[str]:
        """Every text that some reading showed."""

    @property
    def listed(self) -> set[str]:
        """The names of records in lists that need nothing to be read."""

    @property
    def numbers(self) -> set[float]:
        """Every number that some reading showed, sizes of lists included."""

    def finds(self, record: str, told: Callable[[str], bool]) -> bool:
        """Does some tool give this record for fields of it that are told (an e-mail address, a name)?"""

    def list_finding(self, record: str, told: Callable[[str], bool]) -> Iterator[str]:
        """The fields by which tools give this record, where all that a tool needs are told."""

    def read_field(self, record: str, name: str) -> str | None:
        """The text that reading this record shows under a name; None where there is none."""

    def features(self, value: Json) -> frozenset[str]:
        """The words and numbers of a value, and of all that describes it."""

    def alike(self, one: str, other: str) -> bool:
        """Are these ids of one kind?"""


@dataclass(frozen=True)
class Evidence:
    """What running a task's own code showed: the solution, each failure case, doing nothing.

    ``explored`` gives what could be read about the values that the solution hands over; it is read when
    the first check asks for it. ``replays`` makes the solution's calls again, with one of them altered.
    ``again`` has a row of verdicts for each run that sound code cannot tell from these; or is None.
    """

    solution: Trial
    failures: tuple[Trial, ...]
    nothing: Trial
    explored: Callable[[], StateExplorer]
    replays: Replays
    again: Sequence[Verdicts] | None = None
    secret: str = ""  # made of the run's secret and the task: what wrong outcomes are drawn from


class TaskRunner(Protocol):
    """Where a check tries code, on fresh worlds. Every method raises SandboxError when the sandbox failed."""

    @property
    def environment(self) -> Environment: ...

    @property
    def sandbox(self) -> Sandbox: ...

    @property
    def limits(self) -> Limits: ...

    @property
    def solver(self) -> Solver | None:
        """Attempts from the instruction alone; None where no model is at hand."""

    @property
    def chat(self) -> Chat | None:
        """The judge model, one greedy answer at a time; None where no model is at hand."""

    def try_code(self, task: Task, source: str, hash_seed: int = 0) -> Trial:
        """Run ``source`` (a solution or a failure case) on a fresh world and evaluate the outcome."""

    def try_nothing(self, task: Task, hash_seed: int = 0) -> Trial:
        """``evaluate`` on the world as it was opened, with no answer."""

    def verdict(self, task: Task, world: World, answer: Json, hash_seed: int = 0) -> Execution:
        """``evaluate`` on a throw-away copy of this world, with this very value."""

    def run(self, program: Program, world: ToolHost, limits: Limits | None = None) -> Execution:
        """Run any program against a world."""
