"""The trainer contract: an RL algorithm gets tasks and a way to roll them out, and improves the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

from selfchal.core.ahead import Ahead
from selfchal.core.episode import Group
from selfchal.core.model import Capability, Metrics, TrainableModel
from selfchal.core.task import Task


class Collect(Protocol):
    """Rolls tasks out with the present weights and rewards every episode by its task's ``evaluate``."""

    def __call__(self, tasks: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        """``samples`` episodes a task, in the order of ``tasks``. Same weights and seed: same groups.

        Stored under ``seed``, which must differ from call to call of one training. Raises TrainingError for
        a seed that was used for other tasks or another number of samples.
        """


WriteFiles = Callable[[Path], Callable[[], None] | None]


class Progress(Protocol):
    """Where a trainer reports and saves. A call returns when the data is safe on disk; what ``write_files``
    wants to be waited for comes later."""

    def log(self, step: int, metrics: Metrics) -> None:
        """Metrics of update ``step`` (from 1): numbers, of numpy or torch too. Those that are not finite are
        left out. Raises TrainingError for what is no number."""

    def save(self, step: int, state: Any, write_files: WriteFiles | None = None) -> None:
        """Checkpoint: the model's weights and ``state`` after ``step``.

        ``state`` is made of tensors, numbers, text, bytes, None, and lists, tuples, sets and dicts of them:
        what ``torch.load`` reads with ``weights_only``. Raises TrainingError for anything else.

        ``write_files`` makes a directory, at the path that it is called with, of what is too large for one
        process: several processes write a part each. Where it gives a function back, they go on writing
        while training goes on, and the function waits for them. The checkpoint counts once all of it is
        there. Raises StoreError where it, or the one before it, could not be written.
        """

    def files_of(self, step: int) -> Path:
        """The directory that ``write_files`` made for the checkpoint after ``step``."""

    def latest(self) -> tuple[int, Any] | None:
        """The newest checkpoint's step and state, its weights loaded into the model; None at first."""

    def total(self, steps: int) -> None:
        """How many updates there will be, for the progress display."""

    def note(self, text: str) -> None:
        """A sentence for the person, such as why training ends early."""

    def is_over(self) -> bool:
        """Is the run's budget used up? Asked after each update; training then ends with its best weights."""


@dataclass(frozen=True)
class Training:
    """All a trainer has. ``validation``: synthetic tasks kept out of ``tasks``, to choose checkpoints.

    ``off_policy``: ``collect`` rolls another model out (distillation), so the episodes' ids and
    log-probabilities are not this model's, and validation would measure the other one.
    ``ahead``: collects while the network is updated. Only trainers whose class has a class method
    ``find_staleness_obstacle(config)`` get one, and then take what they train on from it.
    """

    model: TrainableModel
    tasks: Sequence[Task]
    validation: Sequence[Task]
    collect: Collect
    progress: Progress
    seed: int
    off_policy: bool = False
    ahead: Ahead | None = None


class Trainer(Protocol):
    """An RL algorithm: groups of episodes in, better weights out."""

    name: ClassVar[str]
    Config: ClassVar[type[BaseModel]]
    needs: ClassVar[frozenset[Capability]]

    def __init__(self, config: Any) -> None: ...

    def group_size(self) -> int:
        """How many episodes of one task this trainer compares with each other; 1 where it compares none."""

    def count_episodes(self, tasks: int) -> int:
        """How many episodes it rolls out at most where it trains on so many tasks, for an estimate."""

    def one_pass(self, groups: int) -> Trainer:
        """This trainer with its options set so that it learns from each of so many groups once.

        A challenger that is trained has episodes already, which no further update can be made on.
        """

    def train(self, training: Training) -> None:
        """Train in place; on return the model holds the weights to evaluate.

        Resumes from ``training.progress.latest()`` where there is a checkpoint.
        """
