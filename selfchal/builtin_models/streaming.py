"""The stream of a model whose decoder runs here: turns begin and end every few tokens.

Heavy: imports torch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from selfchal.builtin_models.generation.decoder import WINDOW, Flow
from selfchal.builtin_models.generation.rows import Row, RowMaker
from selfchal.core.model import Generation


@dataclass
class FlowStream:
    """``read`` makes a Generation of a row that ended; ``lock`` is held while the decoder works, which
    whole-turn calls of other threads use too."""

    flow: Flow
    maker: RowMaker
    read: Callable[[Row], Generation]
    lock: threading.Lock
    _no_room: list[Row] = field(default_factory=list)

    def join(self, key: int, prompt: Sequence[int]) -> None:
        row = self.maker.make(prompt, key)
        if row.ended:
            self._no_room.append(row)
        else:
            self.flow.join([row])

    def advance(self) -> list[tuple[int, Generation]]:
        ended, self._no_room = self._no_room, []
        with self.lock:
            ended += self.flow.advance(WINDOW)
        return [(row.key, self.read(row)) for row in ended]
