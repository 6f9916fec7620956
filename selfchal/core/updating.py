"""When a model is updated and when it samples: what a training loop puts around every update.

A sampler on the GPU that also trains must give its memory up before an update and take it back before the
next sample. It cannot know when: only the loop does. Models that keep nothing there need not be told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class MakesRoom(Protocol):
    """A trainable model that gives memory up while it is updated."""

    def begin_update(self) -> None:
        """Before the network computes for an update: free what only sampling needs. What cannot be sampled
        from without that is not, from here to ``end_update``. Raises ModelError."""

    def end_update(self) -> None:
        """After the update, whatever ended it: the model may be sampled from again, with the weights that
        ``on_weights_updated`` announced."""


@runtime_checkable
class MeasuresSampling(Protocol):
    """A trainable model that knows how fast it samples."""

    def measure_sampling(self) -> Mapping[str, float]:
        """What was sampled since the last call, as metrics of an update."""


@contextmanager
def updating(model: Any) -> Iterator[None]:
    """Around every update, from the first pass of the network to the last step of the optimiser."""
    if not isinstance(model, MakesRoom):
        yield
        return
    model.begin_update()
    try:
        yield
    finally:
        model.end_update()


@contextmanager
def pausing_update(model: Any) -> Iterator[None]:
    """Around what is sampled within ``updating``, where a library's own loop goes on after it."""
    if not isinstance(model, MakesRoom):
        yield
        return
    model.end_update()
    try:
        yield
    finally:
        model.begin_update()
