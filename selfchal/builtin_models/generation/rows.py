"""A row is a prompt and what was sampled for it so far. This module makes rows and adds tokens to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from selfchal.builtin_models.generation.sampling import stream
from selfchal.builtin_models.generation.stops import StopStrings
from selfchal.core.model import Sampling


@dataclass
class Row:
    """A prompt's ids, the key of its noise, and what was sampled for it so far."""

    prompt: tuple[int, ...]
    stream: int
    capacity: int  # how many tokens it may get
    key: int = 0  # the caller's own number for it
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    joined: int = 0  # how many rows joined before it; rows that end together leave in this order
    finished: bool = False
    ended: bool = False

    @property
    def tokens(self) -> tuple[int, ...]:
        """The prompt and what was sampled so far."""
        return (*self.prompt, *self.ids) if self.ids else self.prompt

    @property
    def longest(self) -> int:
        """How many tokens it may come to have."""
        return len(self.prompt) + self.capacity

    @property
    def fed(self) -> int:
        """How many of its tokens a cache holds: all but the last."""
        return len(self.prompt) + len(self.ids) - 1


@dataclass
class RowMaker:
    """Makes the rows of one call; equal prompts are told apart by how many there were before."""

    sampling: Sampling
    context: int
    seen: Counter[tuple[int, ...]] = field(default_factory=Counter)

    def make(self, ids: Sequence[int], key: int = 0) -> Row:
        """A row whose prompt fills the context has ended already."""
        prompt = tuple(ids)
        capacity = min(self.sampling.max_tokens, self.context - len(prompt))
        row = Row(
            prompt, stream(self.sampling.seed, prompt, self.seen[prompt]), capacity, key, ended=capacity <= 0
        )
        self.seen[prompt] += 1
        return row


def make_rows(prompts: Sequence[Sequence[int]], sampling: Sampling, context: int) -> list[Row]:
    """One row for each prompt, in order."""
    maker = RowMaker(sampling, context)
    return [maker.make(prompt) for prompt in prompts]


def record(
    rows: Sequence[Row],
    tokens: Sequence[int],
    logprobs: Sequence[float],
    stops: StopStrings,
    ends: frozenset[int],
) -> list[int]:
    """Append its token to each running row. Returns the indices of the rows that end with it."""
    ending = []
    for index, (row, token, logprob) in enumerate(zip(rows, tokens, logprobs, strict=True)):
        if row.ended:
            continue
        row.ids.append(token)
        row.logprobs.append(logprob)
        row.finished = token in ends or stops.reached(row.ids)
        row.ended = row.finished or len(row.ids) >= row.capacity
        if row.ended:
            ending.append(index)
    return ending
