"""Prompts put into the cache before their rows are continued: each distinct one once, and only what is new.

A prompt's last token is left out: the first decode step feeds it, so that every sampled token comes out of
the same code. A row that left its batch for want of memory is fed its prompt and what it had sampled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

import torch
from transformers import PreTrainedModel

from selfchal.builtin_models.generation.prefix_cache import CacheHit, PrefixCache, pack
from selfchal.builtin_models.generation.ragged_cache import Layout, RaggedKVCache
from selfchal.builtin_models.generation.row_selection import RowSelection, gather_rows
from selfchal.builtin_models.generation.rows import Row

FEED_TOKENS = 16_384  # the most tokens that one prefill pass feeds at first, padding included
PADDING_TOKENS = 256  # more padding than this costs more than another pass
SHARED_HEADER = 32  # tokens that all prompts must share before they are fed once for all


@dataclass
class Prefill:
    """Feeds prompts to one network. What ``prefix_cache`` holds of a prompt is not fed again."""

    network: PreTrainedModel
    layout: Layout
    prefix_cache: PrefixCache
    most_tokens: int = FEED_TOKENS  # of one pass

    def feed(self, rows: Sequence[Row]) -> list[tuple[RowSelection, list[Row]]]:
        """Cached rows that hold all but the last token of each prompt, with the rows they are for."""
        sharing: dict[bytes, list[Row]] = {}
        for row in rows:
            sharing.setdefault(pack(row.tokens[:-1]), []).append(row)
        cached = {key: self.prefix_cache.find(key) for key in sharing}
        unknown = [members[0].tokens for key, members in sharing.items() if cached[key] is None]
        if header := _find_shared_header(unknown):
            self.prefix_cache.add(self._feed_chunk([header], [None]), [pack(header)])
            cached = {key: found or self.prefix_cache.find(key) for key, found in cached.items()}
        todo = sorted(sharing, key=lambda key: len(key) // 4 - _find_cached_length(cached[key]))
        fed = []
        while todo:
            chunk = _take_chunk(todo, cached, self.most_tokens)
            todo = todo[len(chunk) :]
            prompts = [sharing[key][0].tokens[:-1] for key in chunk]
            kv_cache = self._feed_chunk(prompts, [cached[key] for key in chunk])
            selection = [index for index, key in enumerate(chunk) for _ in sharing[key]]
            members = [row for key in chunk for row in sharing[key]]
            lengths = [row.fed for row in members]
            fed.append((RowSelection(kv_cache, selection, lengths), members))
        return fed

    def _feed_chunk(
        self, prompts: Sequence[tuple[int, ...]], cached: Sequence[CacheHit | None]
    ) -> RaggedKVCache:
        """One cache that holds these ids, made of what is cached already and of one pass over the rest."""
        device = self.network.device
        starts = [_find_cached_length(found) for found in cached]
        order, selections = _group_by_cache(cached)
        fresh = [prompts[index][starts[index] :] for index in order]
        time, longest = max(map(len, fresh)), max(starts)
        kv_cache = gather_rows(self.layout, selections, longest + time, device)
        if time:
            ids = torch.tensor([part + (0,) * (time - len(part)) for part in fresh], device=device)
            counts = torch.tensor([len(part) for part in fresh], device=device)
            kv_cache.forward(self.network, ids, counts, longest, logits_to_keep=1)
        back = sorted(range(len(order)), key=order.__getitem__)
        if back == list(range(len(order))):
            return kv_cache
        lengths = [len(prompt) for prompt in prompts]
        return gather_rows(self.layout, [RowSelection(kv_cache, back, lengths)], 0, device)


def _find_cached_length(found: CacheHit | None) -> int:
    return 0 if found is None else found.length


def _find_shared_header(prompts: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """What all these prompts begin with, if it is long enough to be worth a pass of its own."""
    if len(prompts) < 2:
        return ()
    first, last = min(prompts), max(prompts)
    same = sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first[:-1], last[:-1], strict=False))
    )
    return first[:same] if same >= SHARED_HEADER else ()


def _take_chunk(
    todo: Sequence[bytes], cached: Mapping[bytes, CacheHit | None], most_tokens: int
) -> list[bytes]:
    """As many of these (sorted by what is to feed) as one pass may take without much padding."""
    chunk: list[bytes] = []
    useful = 0
    for key in todo:
        width = len(key) // 4 - _find_cached_length(cached[key])
        fed, useful = width * (len(chunk) + 1), useful + width
        if chunk and (fed > most_tokens or fed - useful > PADDING_TOKENS):
            break
        chunk.append(key)
    return chunk


def _group_by_cache(cached: Sequence[CacheHit | None]) -> tuple[list[int], list[RowSelection]]:
    """One selection for each cache that holds a prompt's beginning, so that each is copied from once.

    Also gives which prompt each selected row belongs to.
    """
    groups: dict[int, list[int]] = {}
    for index, found in enumerate(cached):
        groups.setdefault(0 if found is None else id(found.kv_cache), []).append(index)
    selections = []
    for members in groups.values():
        found_here = [cached[index] for index in members]
        kv_cache = found_here[0].kv_cache if found_here[0] is not None else None
        rows = [found.row if found is not None else 0 for found in found_here]
        selections.append(RowSelection(kv_cache, rows, [_find_cached_length(found) for found in found_here]))
    return [index for members in groups.values() for index in members], selections
