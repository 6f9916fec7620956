"""The engine contract: where the scenes of a run live, and where its tasks are judged.

A run gives its engine orders, plain data that says what is to be played. Whatever an order needs beside
itself (environment, sandbox, judge, synthesizer) a ``Worker`` has, and a worker can be made anew in any
process that has selfchal and the run's plugins. The models stay where the run is: what a scene asks one of
them (a simulated user's words, a grade, attempts at a task) is a question, which the run answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from pydantic import BaseModel

from selfchal.core.episode import Episode
from selfchal.core.evidence import Attempt
from selfchal.core.judge import Filter, Verdict
from selfchal.core.model import Message
from selfchal.core.scene import Scene
from selfchal.core.synthesizer import Proposal, ProposalRequest
from selfchal.core.task import MIN_FAILURES, Task, TestTask

Role = Literal["user", "measured_user", "judge"]  # whose words a scene asks for


@dataclass(frozen=True)
class TaskOrder:
    """Play a task, a synthetic or a held-out one, for the ``sample``-th time. ``measured``: for a score, so
    that the users of an evaluation speak."""

    environment: str
    task: Task | TestTask
    sample: int = 0
    measured: bool = False

    @property
    def name(self) -> str:
        return self.task.id


@dataclass(frozen=True)
class ProposalOrder:
    """Make a proposal. What solves held-out tasks is known where it is made."""

    environment: str
    request: ProposalRequest

    @property
    def name(self) -> str:
        return f"proposal-{self.request.round}-{self.request.index}"

    @property
    def sample(self) -> int:
        return self.request.index


Order = TaskOrder | ProposalOrder


@dataclass(frozen=True)
class ChatQuestion:
    """What would the model in this role say after these messages? The answer is text."""

    role: Role
    messages: tuple[Message, ...]


@dataclass(frozen=True)
class AttemptsQuestion:
    """How do so many attempts at the task end? The answer is a list of ``Attempt``."""

    environment: str
    task: Task
    attempts: int


Question = ChatQuestion | AttemptsQuestion


class Ask(Protocol):
    """Answers what a scene asks the models of the run."""

    def __call__(self, question: Question) -> str | list[Attempt]:
        """Called in the thread in which the scene acts. Raises PromptRefusedError, ModelError."""


class Worker(Protocol):
    """Makes the scenes of a run's orders, and judges tasks. Several threads may use it."""

    def make_scene(self, order: Order) -> Scene:
        """A fresh scene; that of a ``ProposalOrder`` is a ``ProposalScene``."""

    def judge(
        self,
        environment: str,
        task: Task,
        filters: Filter = Filter.FULL,
        min_failures: int = MIN_FAILURES,
    ) -> Verdict:
        """The verdict on one task. Nothing that a task does raises."""

    def close(self) -> None:
        """Free what was opened for this worker."""


class WorkerSpec(Protocol):
    """How a worker is made in another process. It pickles."""

    def open(self, ask: Ask) -> Worker:
        """Make the worker here. Raises what its plugins raise."""


class Player(Protocol):
    """Plays scenes with a model of the run, from where the run is."""

    def play(
        self, scenes: Sequence[Scene], samples: Sequence[int], at_once: int | None = None
    ) -> Iterator[tuple[int, Episode]]:
        """Every scene to its end: index and episode, in the order in which they end. ``samples`` number the
        episodes of one task. So many scenes act ``at_once``; without it as many as this machine's cores
        serve, which is too few for scenes that live elsewhere."""


@dataclass(frozen=True)
class Finished:
    """What came of the order with this index. Of a ``TaskOrder`` there is no proposal."""

    index: int
    episode: Episode
    proposal: Proposal | None = None


@dataclass(frozen=True)
class NodeWork:
    """What workers of one machine have done: ``orders`` that ended there, tasks that were judged among them,
    and ``seconds`` in which they were busy, side by side counted twice."""

    orders: int
    seconds: float


@runtime_checkable
class SpansNodes(Protocol):
    """An engine whose workers live on other machines: what they print and what they do belongs to the run."""

    def keep_logs(self, directory: Path) -> None:
        """Called before ``open``: what workers print goes there, NODE-PID.log each. Make the directory when
        there is something to write."""

    def measure_nodes(self) -> Mapping[str, NodeWork]:
        """By the name of the machine, since ``open``."""


class Engine(Protocol):
    """Plays orders and judges tasks, in this process, in others, or on other machines."""

    name: ClassVar[str]
    Config: ClassVar[type[BaseModel]]

    def __init__(self, config: Any) -> None:
        """Start nothing yet."""

    def open(self, here: Worker, spec: WorkerSpec, ask: Ask) -> None:
        """Called once, before anything is played. ``here`` works in this process and is closed by the run;
        workers made of ``spec`` elsewhere have their questions answered by ``ask``.

        Raises EngineError where no worker can be had.
        """

    def play(self, orders: Sequence[Order], player: Player) -> Iterator[Finished]:
        """Play every order once; each as it ends. Equal orders and player: equal episodes, wherever they are
        played. A worker that is lost costs none of them.

        Raises EngineError where no worker is left and none can be had.
        """

    def judge(
        self, environment: str, tasks: Sequence[Task], filters: Filter = Filter.FULL
    ) -> Iterator[tuple[int, Verdict]]:
        """The index and the verdict of each task, as they come. A worker that is lost costs none of them."""

    def close(self) -> None:
        """End what was started."""
