"""The decode loop: many conversations continued at once, token ids in, token ids and log-probabilities out.

Each distinct prompt is fed once, however many rows share it, and only the part that no earlier call
left in the cache. Its last token is fed by the first step of the loop, so that every sampled token
comes out of the same place. Rows that end leave the batch, waiting ones take their room.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np
import torch

from selfchal.builtin_models.generation.prefix_cache import CacheHit, PrefixCache, pack
from selfchal.builtin_models.generation.ragged_cache import (
    GROWTH,
    Layout,
    RaggedKVCache,
    RowSelection,
    gather_rows,
)
from selfchal.builtin_models.generation.replay import replaying
from selfchal.builtin_models.generation.rows import Row, make_rows, record
from selfchal.builtin_models.generation.sampling import draw, uniforms
from selfchal.builtin_models.generation.stops import StopStrings
from selfchal.core.model import Sampling

WINDOW = 8  # steps from one look at who joins to the next
FEED_TOKENS = 16_384  # the most tokens that one prefill pass feeds, padding included
PADDING_TOKENS = 256  # more padding than this costs more than another pass
REPACK_BELOW = 0.75  # ended rows are dropped when the running share of a batch falls under this
SHARED_HEADER = 32  # tokens that all prompts must share before they are fed once for all


class Decoder:
    """Generation over one network. ``on_weights_updated`` must follow every update of the network.

    ``bare``: nothing is wrapped around parts of it, so its steps may be recorded.
    """

    def __init__(
        self, network: Any, layout: Layout, *, context: int, rows: int, cache_bytes: int, bare: bool = True
    ) -> None:
        self.network = network
        self._forward = replaying(network, layout) if bare else network
        self.context = context
        self.most_rows = rows
        self._layout = layout
        self._prefix_cache = PrefixCache(cache_bytes)

    def on_weights_updated(self) -> None:
        self._prefix_cache.clear()

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        stops: StopStrings,
        ends: frozenset[int],
    ) -> list[Row]:
        """One finished row a prompt, in order."""
        rows = make_rows(prompts, sampling, self.context)
        running = ContinuousBatch(self, sampling, stops, ends)
        running.join([row for row in rows if not row.ended])
        while running.busy:
            running.advance(WINDOW)
        running.close()
        return rows

    @contextmanager
    def inferring(self) -> Iterator[None]:
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
        """Feed every row its last token and sample its next one."""
        device = self.network.device
        ids = torch.tensor(batch.last, device=device)[:, None]
        logits = batch.kv_cache.forward(self._forward, ids, batch.ones, batch.longest)[:, -1]
        batch.longest += 1
        steps = np.array([len(row.ids) for row in batch.rows], dtype=np.uint64)
        noise = torch.from_numpy(uniforms(batch.streams, steps)).to(device)
        tokens, logprobs = draw(logits, noise, sampling.temperature, sampling.top_p)
        return tokens.tolist(), logprobs.tolist()

    def repack(self, batch: Batch, joining: list[Row]) -> Batch:
        """The rows still running, and the joining ones with their prompts fed."""
        self.keep(batch)
        device = self.network.device
        selections, rows = [], []
        if batch.running:
            alive = [index for index, row in enumerate(batch.rows) if not row.ended]
            rows = [batch.rows[index] for index in alive]
            selections.append(RowSelection(batch.kv_cache, alive, [row.fed for row in rows]))
        if joining:
            fed = self._feed(joining)
            selections += [selection for selection, _ in fed]
            rows += [row for _, members in fed for row in members]
        lengths = [length for selection in selections for length in selection.lengths]
        return Batch(rows, gather_rows(self._layout, selections, max(lengths) + GROWTH, device), max(lengths))

    def keep(self, batch: Batch) -> None:
        """Put the ended rows of a batch into the store: their next turn continues there."""
        ended = [index for index, row in enumerate(batch.rows) if row.ended]
        if not ended:
            return
        rows = [batch.rows[index] for index in ended]
        lengths = [row.fed for row in rows]
        kv_cache = gather_rows(
            self._layout, [RowSelection(batch.kv_cache, ended, lengths, frozen=True)], 0, self.network.device
        )
        self._prefix_cache.add(kv_cache, [pack(row.prompt + tuple(row.ids[:-1])) for row in rows])

    def _feed(self, rows: list[Row]) -> list[tuple[RowSelection, list[Row]]]:
        """Caches of all but the last token of each row's prompt; each distinct one is fed once."""
        sharing: dict[bytes, list[Row]] = {}
        for row in rows:
            sharing.setdefault(pack(row.prompt[:-1]), []).append(row)
        cached_by_key = {key: self._prefix_cache.find(key) for key in sharing}
        header = _find_shared_header(
            [members[0].prompt for key, members in sharing.items() if cached_by_key[key] is None]
        )
        if header:
            self._feed_header(header)
            cached_by_key = {
                key: cached or self._prefix_cache.find(key) for key, cached in cached_by_key.items()
            }
        todo = sorted(sharing, key=lambda key: len(key) // 4 - _cached_length(cached_by_key[key]))
        fed = []
        while todo:
            chunk = _take_chunk(todo, cached_by_key)
            todo = todo[len(chunk) :]
            kv_cache = self._feed_chunk(
                [sharing[key][0].prompt[:-1] for key in chunk], [cached_by_key[key] for key in chunk]
            )
            for index, key in enumerate(chunk):
                members = sharing[key]
                fed.append(
                    (RowSelection(kv_cache, [index] * len(members), [len(key) // 4] * len(members)), members)
                )
        return _merge(fed)

    def _feed_header(self, header: tuple[int, ...]) -> None:
        kv_cache = self._feed_chunk([header], [None])
        self._prefix_cache.add(kv_cache, [pack(header)])

    def _feed_chunk(
        self, prompts: Sequence[tuple[int, ...]], cached_by_key: Sequence[CacheHit | None]
    ) -> RaggedKVCache:
        """One slab with these ids cached, of which the hits already are."""
        device = self.network.device
        starts = [_cached_length(cached) for cached in cached_by_key]
        order, selections = _group_by_cache(cached_by_key)
        fresh = [prompts[index][starts[index] :] for index in order]
        time, longest = max(map(len, fresh)), max(starts)
        kv_cache = gather_rows(self._layout, selections, longest + time, device)
        if time:
            ids = torch.tensor([part + (0,) * (time - len(part)) for part in fresh], device=device)
            counts = torch.tensor([len(part) for part in fresh], device=device)
            kv_cache.forward(self.network, ids, counts, longest, logits_to_keep=1)
        back = sorted(range(len(order)), key=order.__getitem__)
        if back == list(range(len(order))):
            return kv_cache
        return gather_rows(
            self._layout, [RowSelection(kv_cache, back, [len(prompt) for prompt in prompts])], 0, device
        )


class ContinuousBatch:
    """Rows that are continued together: they join between two windows and leave when they end."""

    def __init__(
        self, decoder: Decoder, sampling: Sampling, stops: StopStrings, ends: frozenset[int]
    ) -> None:
        self._decoder, self._sampling, self._stops, self._ends = decoder, sampling, stops, ends
        self._waiting: deque[Row] = deque()
        self._batch = decoder.empty()

    @property
    def busy(self) -> bool:
        return bool(self._waiting or self._batch.running)

    def join(self, rows: Iterable[Row]) -> None:
        self._waiting.extend(rows)

    def advance(self, steps: int) -> list[Row]:
        """At most so many tokens for every running row; the rows that ended, in a fixed order."""
        ended: list[Row] = []
        with self._decoder.inferring():
            if self._waiting and self._batch.running < self._decoder.most_rows:
                self._repack()
            for _ in range(steps):
                if not self.busy:
                    break
                if self._batch.running <= REPACK_BELOW * self._select_wanted():
                    self._repack()
                ended += self._step()
        return ended

    def close(self) -> None:
        """Keep what the last rows left in the cache."""
        with self._decoder.inferring():
            self._decoder.keep(self._batch)

    def _select_wanted(self) -> int:
        return min(self._decoder.most_rows, self._batch.size + len(self._waiting))

    def _repack(self) -> None:
        capacity = self._decoder.most_rows - self._batch.running
        joining = [self._waiting.popleft() for _ in range(min(len(self._waiting), capacity))]
        self._batch = self._decoder.repack(self._batch, joining)

    def _step(self) -> list[Row]:
        batch = self._batch
        tokens, logprobs = self._decoder.step(batch, self._sampling)
        batch.last = tokens
        ending = record(batch.rows, tokens, logprobs, self._stops, self._ends)
        if ending:
            batch.running -= len(ending)
            batch.kv_cache.freeze(torch.tensor(ending, device=self._decoder.network.device))
        return [batch.rows[index] for index in ending]


@dataclass
class Batch:
    """Rows in lockstep: row ``r`` of ``rows`` is row ``r`` of the slab."""

    rows: list[Row]
    kv_cache: RaggedKVCache
    longest: int = 0  # the most tokens that a row of the slab holds

    def __post_init__(self) -> None:
        self.running = len(self.rows)
        self.last = [row.ids[-1] if row.ids else row.prompt[-1] for row in self.rows]
        self.streams = np.array([row.stream for row in self.rows], dtype=np.uint64)
        self.ones = torch.ones_like(self.kv_cache.lengths)

    @property
    def size(self) -> int:
        return len(self.rows)


def _cached_length(cached: CacheHit | None) -> int:
    return 0 if cached is None else cached.length


def _find_shared_header(prompts: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """What all these prompts begin with, if it is long enough to be worth a pass of its own."""
    if len(prompts) < 2:
        return ()
    first, last = min(prompts), max(prompts)
    same = sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first[:-1], last[:-1], strict=False))
    )
    return first[:same] if same >= SHARED_HEADER else ()


def _take_chunk(todo: Sequence[bytes], cached_by_key: dict[bytes, CacheHit | None]) -> list[bytes]:
    """As many of these (sorted by what is to feed) as one pass may take without much padding."""
    chunk: list[bytes] = []
    useful = 0
    for key in todo:
        width = len(key) // 4 - _cached_length(cached_by_key[key])
        fed, useful = width * (len(chunk) + 1), useful + width
        if chunk and (fed > FEED_TOKENS or fed - useful > PADDING_TOKENS):
            break
        chunk.append(key)
    return chunk


def _group_by_cache(cached_by_key: Sequence[CacheHit | None]) -> tuple[list[int], list[RowSelection]]:
    """Picks that fetch all hits with one copy a slab, and which prompt each picked row belongs to."""
    groups: dict[int, list[int]] = {}
    for index, cached in enumerate(cached_by_key):
        groups.setdefault(0 if cached is None else id(cached.kv_cache), []).append(index)
    selections = []
    for members in groups.values():
        found = [cached_by_key[index] for index in members]
        kv_cache = found[0].kv_cache if found[0] is not None else None
        rows = [cached.row if cached is not None else 0 for cached in found]
        selections.append(RowSelection(kv_cache, rows, [_cached_length(cached) for cached in found]))
    return [index for members in groups.values() for index in members], selections


def _merge(fed: list[tuple[RowSelection, list[Row]]]) -> list[tuple[RowSelection, list[Row]]]:
    """One pick a slab."""
    merged: dict[int, tuple[RowSelection, list[Row]]] = {}
    for selection, members in fed:
        known = merged.get(id(selection.kv_cache))
        if known is None:
            merged[id(selection.kv_cache)] = (
                RowSelection(selection.kv_cache, list(selection.rows), list(selection.lengths)),
                list(members),
            )
            continue
        joined = RowSelection(
            selection.kv_cache, [*known[0].rows, *selection.rows], [*known[0].lengths, *selection.lengths]
        )
        merged[id(selection.kv_cache)] = (joined, [*known[1], *members])
    return list(merged.values())
