"""What a run tells whoever watches it: stages, how far they are, metrics. The command line draws it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from selfchal.core.model import Metrics


class Watcher(Protocol):
    """All calls come from the run's main thread."""

    def stage(self, name: str, total: int | None, unit: str) -> None:
        """A stage begins: ``total`` of ``unit`` are to come (None: not known)."""
        ...

    def advance(self, done: int, counts: Mapping[str, int]) -> None:
        """``done`` of the stage's total so far, and its counts so far (why proposals fell, rewards)."""
        ...

    def metrics(self, step: int, metrics: Metrics) -> None:
        """The trainer made update ``step``."""
        ...

    def note(self, text: str) -> None:
        """A sentence for the person (what was resumed, a warning)."""
        ...

    def end(self, seconds: float) -> None:
        """The stage is over."""
        ...


class Silent:
    """Watches nothing."""

    def stage(self, name: str, total: int | None, unit: str) -> None:
        pass

    def advance(self, done: int, counts: Mapping[str, int]) -> None:
        pass

    def metrics(self, step: int, metrics: Metrics) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def end(self, seconds: float) -> None:
        pass
