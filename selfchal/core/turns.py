"""A stream for models that give whole turns at a time: endpoints, engines behind a blocking call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from selfchal.core.model import Generation, Sampling
from selfchal.core.seeds import seed_of

Generate = Callable[[Sequence[Sequence[int]], Sampling], list[Generation]]


@dataclass
class TurnStream:
    """Every ``advance`` is one call of ``generate`` for all that joined since the last."""

    generate: Generate
    sampling: Sampling
    _joined: list[tuple[int, Sequence[int]]] = field(default_factory=list)
    _calls: int = 0

    def join(self, key: int, prompt: Sequence[int]) -> None:
        self._joined.append((key, prompt))

    def advance(self) -> list[tuple[int, Generation]]:
        if not self._joined:
            return []
        joined, self._joined = self._joined, []
        # Another seed each time: equal prompts of two calls must not be answered alike.
        sampling = replace(self.sampling, seed=seed_of(self.sampling.seed, self._calls))
        self._calls += 1
        said = self.generate([prompt for _, prompt in joined], sampling)
        return [(key, generation) for (key, _), generation in zip(joined, said, strict=True)]
