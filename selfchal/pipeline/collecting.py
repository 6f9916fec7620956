"""How a run collects the episodes that a trainer learns from: rolled out, stored, and given as groups."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from selfchal.core.engine import TaskOrder
from selfchal.core.episode import Episode, Group
from selfchal.core.errors import TrainingError
from selfchal.core.model import Model
from selfchal.core.task import Task
from selfchal.pipeline.context import RunContext
from selfchal.rollout.rollout import Rollout

Rewrite = Callable[[Sequence[Episode]], None]  # changes rewards in place; for controls


@dataclass(frozen=True)
class Collector:
    """Rolls tasks out with the present weights (or the teacher's) and stores the groups."""

    context: RunContext
    round: int
    rewrite: Rewrite | None = None

    def __call__(self, tasks: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        store, key = self.context.store, self.name_batch(seed)
        if not store.has("train", key):
            self.keep(seed, self.play(tasks, samples, seed, self.context.teacher or self.context.model))
        return group(tasks, samples, list(store.episodes("train", key)), seed)

    def name_batch(self, seed: int) -> str:
        """The key of a batch in the store."""
        return f"{self.round}/{seed:010d}"

    def play(
        self,
        tasks: Sequence[Task],
        samples: int,
        seed: int,
        model: Model,
        stop: threading.Event | None = None,
    ) -> list[Episode]:
        """Roll out with this model, until ``stop`` is set."""
        context, rollout = self.context, self.context.manifest.settings.rollout
        sampling = context.sampling(rollout.temperature, context.seed("collect", self.round, seed))
        how = Rollout(model, sampling, rollout.batch, rollout.lockstep, stop=stop)
        orders = [TaskOrder(task.environment, task, n) for task in tasks for n in range(samples)]
        episodes = [one.episode for one in context.play(orders, how)]
        if self.rewrite:
            self.rewrite(episodes)
        return episodes

    def keep(self, seed: int, episodes: Sequence[Episode]) -> None:
        """Store a batch, and tell whoever watches."""
        self.context.store.put_episodes("train", self.name_batch(seed), episodes)
        self.context.watch.episodes_finished("train", episodes)


def group(tasks: Sequence[Task], samples: int, episodes: Sequence[Episode], seed: int) -> list[Group]:
    """The groups of a batch. Raises TrainingError where it holds other tasks than these."""
    if [episode.task for episode in episodes] != [task.id for task in tasks for _ in range(samples)]:
        raise TrainingError(
            f"collect was called again with seed {seed}, for other tasks or another number of samples; "
            "give each call of one training a seed of its own"
        )
    return [Group(tasks[i].id, tuple(episodes[i * samples : (i + 1) * samples])) for i in range(len(tasks))]
