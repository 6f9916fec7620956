"""Rows: prompts on their way to a generation, and what one sampled token does to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from selfchal.builtin_models.generation.sampling import stream
from selfchal.builtin_models.generation.stops import StopStrings
from selfchal.core.model import Sampling


@dataclass
class Row:
    """One prompt on its way: its ids, its noise stream, and what was sampled so far."""

    prompt: tuple[int, ...]
    stream: int
    room: int  # how many tokens it may get
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finished: bool = False
    ended: bool = False

    @property
    def fed(self) -> int:
        """How many of its tokens a cache holds: all but the last."""
        return len(self.prompt) + len(self.ids) - 1


def make_rows(prompts: Sequence[Sequence[int]], sampling: Sampling, context: int) -> list[Row]:
    """A row a prompt; one that leaves no room in the context has ended already."""
    seen: Counter[tuple[int, ...]] = Counter()
    rows = []
    for prompt in map(tuple, prompts):
        room = min(sampling.max_tokens, context - len(prompt))
        row = Row(prompt, stream(sampling.seed, prompt, seen[prompt]), room, ended=room <= 0)
        seen[prompt] += 1
        rows.append(row)
    return rows


def record(
    rows: Sequence[Row],
    tokens: Sequence[int],
    logprobs: Sequence[float],
    stops: StopStrings,
    ends: frozenset[int],
) -> list[int]:
    """Append each running row's token; the indices of the rows that end with it."""
    ending = []
    for index, (row, token, logprob) in enumerate(zip(rows, tokens, logprobs, strict=True)):
        if row.ended:
            continue
        row.ids.append(token)
        row.logprobs.append(logprob)
        row.finished = token in ends or stops.reached(row.ids)
        row.ended = row.finished or len(row.ids) >= row.room
        if row.ended:
            ending.append(index)
    return ending
