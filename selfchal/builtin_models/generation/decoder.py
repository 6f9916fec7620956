"""The decode loop: many conversations continued at once, token ids in, token ids and log-probabilities out.

Rows that wait join the batch between two windows of steps, with their prompts fed (``prefill``). Each step
feeds every row its last token and samples its next one. Rows that end leave the batch, and what they left in
the cache is kept, since their conversation may go on.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice

import numpy as np
import torch
from transformers import PreTrainedModel

from selfchal.builtin_models.generation.budget import COPIES, MemoryBudget, is_out_of_memory
from selfchal.builtin_models.generation.prefill import Prefill
from selfchal.builtin_models.generation.prefix_cache import PrefixCache, pack
from selfchal.builtin_models.generation.ragged_cache import GROWTH, Layout, RaggedKVCache
from selfchal.builtin_models.generation.row_selection import RowSelection, gather_rows, sort_by_length
from selfchal.builtin_models.generation.rows import Row, make_rows, record
from selfchal.builtin_models.generation.sampling import draw, uniforms
from selfchal.builtin_models.generation.stops import StopStrings
from selfchal.core.errors import ModelError
from selfchal.core.model import Sampling

log = logging.getLogger(__name__)

WINDOW = 8  # steps from one look at who joins to the next
SMALLEST_FEED = 512  # tokens of a prefill pass; what does not fit then will not fit
REPACK_BELOW = 0.75  # ended rows are dropped when the running share of a batch falls under this


class Decoder:
    """Generation over one network. ``on_weights_updated`` must follow every update of the network."""

    def __init__(
        self,
        network: PreTrainedModel,
        layout: Layout,
        *,
        context: int,
        rows: int,
        cache_bytes: int | None = None,
    ) -> None:
        """``cache_bytes``: for conversations that may go on; by default as many as the memory allows."""
        self.network = network
        self.context = context
        self.most_rows = rows
        self.budget = MemoryBudget(network.device, layout.token_bytes)
        self._layout = layout
        self._cache_bytes = cache_bytes
        self._prefix_cache = PrefixCache(0)
        self.on_weights_updated()
        self._prefill = Prefill(network, layout, self._prefix_cache)
        self._joined = count()

    def on_weights_updated(self) -> None:
        self._prefix_cache.clear()
        bound = self._cache_bytes
        if bound is None:  # asked anew: what else lies on a GPU changes
            bound = self.budget.bound_cache(self.most_rows, self.context)
        self._prefix_cache.capacity = bound

    def free_memory(self) -> None:
        """Give all back that is kept from one call to the next."""
        self._prefix_cache.clear()
        self.budget.release()

    def halve(self, running: int) -> None:
        """After memory ran out with so many rows: take half as many from now on, and feed half as much in a
        pass. Raises ModelError where there was one row alone."""
        if running <= 1 and self._prefill.most_tokens <= SMALLEST_FEED:
            raise ModelError(
                "there is not enough memory for one conversation: lower model.context, or take a larger GPU"
            )
        self.most_rows = max(1, running // 2)
        self._prefill.most_tokens = max(SMALLEST_FEED, self._prefill.most_tokens // 2)
        log.warning(
            "memory ran out with %d conversations; from now on %d go on at a time", running, self.most_rows
        )
        self.free_memory()

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        stops: StopStrings,
        ends: frozenset[int],
    ) -> list[Row]:
        """One finished row for each prompt, in order."""
        rows = make_rows(prompts, sampling, self.context)
        running = ContinuousBatch(self, sampling, stops, ends)
        running.join([row for row in rows if not row.ended])
        while running.busy:
            running.advance(WINDOW)
        running.close()
        return rows

    @contextmanager
    def inferring(self) -> Iterator[None]:
        """In evaluation mode and without gradients; the network's mode is restored at the end."""
        training = self.network.training
        if training:  # asked first: setting the mode of every module takes as long as a step
            self.network.eval()
        try:
            with torch.inference_mode():
                yield
        finally:
            if training:
                self.network.train()

    def empty(self) -> Batch:
        return Batch([], gather_rows(self._layout, [], 0, self.network.device))

    def step(self, batch: Batch, sampling: Sampling) -> tuple[list[int], list[float]]:
        """Feed every row its last token and sample its next one: tokens and log-probabilities, one a row."""
        device = self.network.device
        ids = torch.tensor(batch.last, device=device)[:, None]  # [rows, 1]
        logits = batch.kv_cache.forward(self.network, ids, batch.ones, batch.longest)[:, -1]
        batch.longest += 1
        steps = np.array([len(row.ids) for row in batch.rows], dtype=np.uint64)
        noise = torch.from_numpy(uniforms(batch.streams, steps)).to(device)
        tokens, logprobs = draw(logits, noise, sampling.temperature, sampling.top_p)
        return tokens.tolist(), logprobs.tolist()

    def repack(self, batch: Batch, joining: list[Row]) -> Batch:
        """A batch of the rows that still run and of the joining ones, whose prompts are fed here."""
        self.keep(batch)
        selections, rows = [], []
        if batch.running:
            alive = [index for index, row in enumerate(batch.rows) if not row.ended]
            rows = [batch.rows[index] for index in alive]
            selections.append(RowSelection(batch.kv_cache, alive, [row.fed for row in rows]))
        if joining:
            for selection, members in self._prefill.feed(joining):
                selections.append(selection)
                for row in members:
                    row.joined = next(self._joined)
                rows += members
        if self.network.device.type == "cpu":  # only there do rows of similar length attend together
            order, selections = sort_by_length(selections)
            rows = [rows[index] for index in order]
        longest = max(length for selection in selections for length in selection.lengths)
        kv_cache = gather_rows(self._layout, selections, longest + GROWTH, self.network.device)
        return Batch(rows, kv_cache, longest)

    def keep(self, batch: Batch) -> None:
        """Put the ended rows of a batch into the prefix cache: their next turn continues there."""
        ended = [index for index, row in enumerate(batch.rows) if row.ended]
        if not ended:
            return
        rows = [batch.rows[index] for index in ended]
        lengths = [row.fed for row in rows]
        if len(rows) * max(lengths) * self.budget.token_bytes > self._prefix_cache.capacity:
            return  # it would not be taken, and a copy of it might not fit
        selection = RowSelection(batch.kv_cache, ended, lengths, frozen=True)
        kv_cache = gather_rows(self._layout, [selection], 0, self.network.device)
        self._prefix_cache.add(kv_cache, [pack(row.prompt + tuple(row.ids[:-1])) for row in rows])


class ContinuousBatch:
    """Rows that are continued together: they join between two windows and leave when they end."""

    def __init__(
        self, decoder: Decoder, sampling: Sampling, stops: StopStrings, ends: frozenset[int]
    ) -> None:
        self._decoder, self._sampling, self._stops, self._ends = decoder, sampling, stops, ends
        self._waiting: deque[Row] = deque()
        self._batch = decoder.empty()
        self._most_rows = decoder.most_rows  # for which there is memory
        self._trying = 0  # rows of the batch that is being packed

    @property
    def busy(self) -> bool:
        return bool(self._waiting or self._batch.running)

    def join(self, rows: Iterable[Row]) -> None:
        self._waiting.extend(rows)

    def advance(self, steps: int) -> list[Row]:
        """Give every running row at most so many tokens. Returns the rows that ended, in a fixed order.

        Where memory runs out, the rows begin again with half as many at a time; what they have sampled stays.
        Raises ModelError where there is too little for one.
        """
        ended: list[Row] = []
        try:
            with self._decoder.inferring():
                self._advance(steps, ended)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        else:
            return ended
        self._retreat()  # here, where no traceback holds tensors any more
        return ended

    def _advance(self, steps: int, ended: list[Row]) -> None:
        if self._waiting and self._batch.running < min(self._most_rows, self._decoder.most_rows):
            self._repack()
        for _ in range(steps):
            if not self.busy:
                break
            if self._batch.running <= REPACK_BELOW * self._count_wanted():
                self._repack()
            ended += self._step()

    def close(self) -> None:
        """Keep what the last rows left in the cache, where there is memory for it."""
        try:
            with self._decoder.inferring():
                self._decoder.keep(self._batch)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            self._decoder.free_memory()

    def _count_wanted(self) -> int:
        most = min(self._most_rows, self._decoder.most_rows)
        return min(most, self._batch.size + len(self._waiting))

    def _repack(self) -> None:
        joining = self._choose_joining()
        self._trying = self._batch.running + len(joining)
        self._batch = self._decoder.repack(self._batch, joining)
        self._trying = 0
        for _ in joining:  # not before: they wait on where memory runs out
            self._waiting.popleft()

    def _choose_joining(self) -> list[Row]:
        """Those of the waiting rows, the first ones, for which there are rows and memory at their longest."""
        budget, batch = self._decoder.budget, self._batch
        going = [row.longest for row in batch.rows if not row.ended]
        widest, running = max(going, default=0), len(going)
        bytes_left = budget.measure(batch.kv_cache.nbytes())
        joining: list[Row] = []
        for row in islice(self._waiting, self._decoder.most_rows - running):
            widest = max(widest, row.longest)
            needed = COPIES * (running + len(joining) + 1) * widest * budget.token_bytes
            if needed > bytes_left and running + len(joining):
                self._most_rows = running + len(joining)
                return joining
            joining.append(row)
        self._most_rows = self._decoder.most_rows
        return joining

    def _retreat(self) -> None:
        """Put all rows back to wait, and let half as many join from now on."""
        going = [row for row in self._batch.rows if not row.ended]
        tried, self._trying = self._trying or len(going), 0
        self._waiting.extendleft(reversed(going))
        self._batch = self._decoder.empty()
        self._decoder.halve(tried)

    def _step(self) -> list[Row]:
        batch = self._batch
        tokens, logprobs = self._decoder.step(batch, self._sampling)
        batch.last = tokens
        ending = record(batch.rows, tokens, logprobs, self._stops, self._ends)
        if ending:
            batch.running -= len(ending)
            batch.kv_cache.freeze(torch.tensor(ending, device=self._decoder.network.device))
        return sorted((batch.rows[index] for index in ending), key=lambda row: row.joined)


@dataclass
class Batch:
    """Rows that take their steps together: row ``r`` of ``rows`` is row ``r`` of the cache."""

    rows: list[Row]
    kv_cache: RaggedKVCache
    longest: int = 0  # the most tokens that a row of the cache holds

    def __post_init__(self) -> None:
        self.running = len(self.rows)
        self.last = [row.ids[-1] if row.ids else row.prompt[-1] for row in self.rows]
        self.streams = np.array([row.stream for row in self.rows], dtype=np.uint64)
        self.ones = torch.ones_like(self.kv_cache.lengths)

    @property
    def size(self) -> int:
        return len(self.rows)
