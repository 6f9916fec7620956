"""Rolling out while the network is updated: what a trainer is given for ``rollout.staleness``."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from selfchal.core.ahead import SamplerAhead, SamplesAhead
from selfchal.core.episode import Episode, Group
from selfchal.core.errors import PluginError
from selfchal.core.task import Task
from selfchal.pipeline.collecting import Collector, group
from selfchal.pipeline.store import Store


@dataclass
class RolloutsAhead:
    """``selfchal.core.ahead.Ahead`` of a run. What one thread plays, the run's main thread stores: a batch
    that a kill cuts short is played again, and one that was stored is taken from there."""

    collector: Collector
    sampler: SamplerAhead
    staleness: int
    _offset: int = 0  # from what the sampler counts to the number of updates
    _stop: threading.Event = field(default_factory=threading.Event)
    _played: deque[tuple[int, list[Episode]]] = field(default_factory=deque)  # with the seed; not stored yet

    def take_weights(self, updates: int) -> None:
        self._offset = updates - self.sampler.take_weights()

    def collect(self, tasks: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        episodes = self._find_stored(seed)
        if episodes is None:
            episodes = self.collector.play(tasks, samples, seed, self.sampler, self._stop)
            for episode in episodes:
                if episode.weights_version is not None:
                    episode.weights_version += self._offset
            self._played.append((seed, episodes))
        return group(tasks, samples, episodes, seed)

    def _find_stored(self, seed: int) -> list[Episode] | None:
        """What an earlier process stored, by a connection of this thread's own."""
        key = self.collector.name_batch(seed)
        with Store.read(self.collector.context.store.directory) as store:
            return list(store.episodes("train", key)) if store.has("train", key) else None

    def store(self) -> None:
        while self._played:
            self.collector.keep(*self._played[0])
            self._played.popleft()  # not before: a failure to write must not lose it

    def stop(self) -> None:
        self._stop.set()


def open_ahead(collector: Collector) -> RolloutsAhead | None:
    """What a training rolls out with during its updates; None where the manifest lets the two take turns."""
    context = collector.context
    staleness = context.manifest.settings.rollout.staleness
    if not staleness:
        return None
    model = context.trainable_model
    if not isinstance(model, SamplesAhead):
        kind = type(model).__name__
        raise PluginError(f"the model {kind} says that it can be sampled from during updates, and cannot")
    return RolloutsAhead(collector, model.open_sampler(), staleness)
