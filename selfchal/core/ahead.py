"""Sampling while the network is updated, with weights from before the update (``rollout.staleness``).

What is sampled so is older than the weights that it changes. How much older is bounded, and a trainer that
overlaps the two corrects for it by the log-probabilities which an episode keeps of what sampled it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from selfchal.core.episode import Group
from selfchal.core.model import Model
from selfchal.core.task import Task


class SamplerAhead(Model, Protocol):
    """What a trainable model is sampled from while its network is updated. It needs no closing."""

    def take_weights(self) -> int:
        """Sample with the weights as they are now. Gives the ``weights_version`` of what they sample.

        Called outside of updates, while nothing is rolled out. A model that also takes newer weights on the
        way counts one more for each ``on_weights_updated``. Raises ModelError.
        """


@runtime_checkable
class SamplesAhead(Protocol):
    """A trainable model that can be sampled from while its network is updated.

    Its class has a class method ``find_staleness_obstacle(config)``, which says why it cannot with these
    options; empty where it can. ``find_hosted_staleness_obstacle(config)`` says so of servers that the engine
    hosts, where that differs.
    """

    def open_sampler(self) -> SamplerAhead:
        """Called once a training. Raises ModelError."""


class Ahead(Protocol):
    """Rolls out in a thread of the trainer's own while the network is updated. One thread collects."""

    @property
    def staleness(self) -> int:
        """How many updates older than the weights that it changes an episode may be."""

    def take_weights(self, updates: int) -> None:
        """What is collected next is sampled with the weights as they are now, those after so many
        ``updates``. Called outside of updates, while nothing is collected. Raises ModelError."""

    def collect(self, tasks: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        """``Training.collect``, from the trainer's own thread. ``Episode.weights_version`` is the number of
        updates behind the weights that sampled the first turn."""

    def store(self) -> None:
        """Keep what was collected since. Called in the thread of ``Trainer.train``."""

    def stop(self) -> None:
        """End what is being collected: ``collect`` raises. Any thread may call it."""
