"""A sampler of the toy game that works while the network is updated, as slowly as a test wants it."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from selfchal.core.episode import Group
from selfchal.core.task import Task
from tests.builtin_trainers import toy


class StoppedError(Exception):
    """The sampler was told to stop."""


@dataclass
class SlowAhead:
    """``selfchal.core.ahead.Ahead`` over a copy of the toy's network. ``wait`` is called before each batch with
    its seed; ``stored`` outlives this process as a store does."""

    model: toy.ToyModel
    staleness: int = 1
    wait: Callable[[int], Any] = lambda seed: None
    stored: dict[int, list[Group]] = field(default_factory=dict)
    begun: list[int] = field(default_factory=list)  # seeds that were played, not found stored
    updating: bool = False

    def __post_init__(self) -> None:
        self.network = copy.deepcopy(self.model.network)
        self.collecting = False
        self.stopped = threading.Event()
        self.unstored: dict[int, list[Group]] = {}

    def take_weights(self, updates: int) -> None:
        assert not self.collecting, "weights were taken amid a batch"
        assert not self.updating, "weights were taken amid an update"
        self.updates = updates
        self.network.load_state_dict(self.model.network.state_dict())

    def collect(self, tasks: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        if seed in self.stored:
            return self.stored[seed]
        self.begun.append(seed)
        self.collecting = True
        self.wait(seed)
        if self.stopped.is_set():
            raise StoppedError
        groups = toy.play(self.network, tasks, samples, seed=seed)
        for group in groups:
            for episode in group.episodes:
                episode.weights_version = self.updates
        self.collecting = False
        self.unstored[seed] = groups
        return groups

    def store(self) -> None:
        assert threading.current_thread() is threading.main_thread(), "only the loop's thread may store"
        self.stored |= self.unstored
        self.unstored = {}

    def stop(self) -> None:
        self.stopped.set()


def list_threads() -> list[str]:
    """The names of the threads that roll out ahead; none may be left behind a training."""
    return [one.name for one in threading.enumerate() if one.name.startswith("rollouts")]
