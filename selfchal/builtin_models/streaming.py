"""The stream of a model whose decoder runs here: turns begin and end every few tokens.

Heavy: imports torch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from selfchal.builtin_models.generation.decoder import WINDOW, ContinuousBatch
from selfchal.builtin_models.generation.rows import Row, RowMaker
from selfchal.core.model import Generation

# Turns that begin at one advance. Conversations that all began together would all act together too, while
# the model waits, and so on turn after turn; begun in parts, some speak while others act.
JOINING = 48


@dataclass
class ContinuousStream:
    """``read`` makes a Generation of a row that ended; ``lock`` is held while the decoder works, which
    whole-turn calls of other threads use too."""

    running: ContinuousBatch
    maker: RowMaker
    read: Callable[[Row], Generation]
    lock: AbstractContextManager[object]
    _joined: deque[Row] = field(default_factory=deque)

    def join(self, key: int, prompt: Sequence[int]) -> None:
        self._joined.append(self.maker.make(prompt, key))

    def advance(self) -> list[tuple[int, Generation]]:
        rows = [self._joined.popleft() for _ in range(min(JOINING, len(self._joined)))]
        self.running.join(row for row in rows if not row.ended)
        ended = [row for row in rows if row.ended]
        with self.lock:
            ended += self.running.advance(WINDOW)
        return [(row.key, self.read(row)) for row in ended]
