"""Conversations whose key/value cache is kept from one call to the next, found again by their token ids.

The next turn's prompt is the last prompt, what was sampled, and the answer to it. All but the answer is in
this cache already. The oldest entries go first when the bytes run out; a change of weights empties it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selfchal.builtin_models.generation.ragged_cache import RaggedKVCache


@dataclass(frozen=True)
class CacheHit:
    """The first ``length`` tokens of a prompt are cached in this row."""

    kv_cache: RaggedKVCache
    row: int
    length: int


def pack(ids: Sequence[int]) -> bytes:
    """Ids as bytes, four to an id, so that a prefix of ids is a prefix of bytes."""
    return np.asarray(ids, dtype=np.int32).tobytes()


class PrefixCache:
    """Holds at most ``capacity`` bytes. An entry is a whole cache of many rows, added and dropped as one."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._entries: OrderedDict[int, tuple[RaggedKVCache, list[bytes], int]] = OrderedDict()
        self._found_in: dict[bytes, tuple[int, int]] = {}  # packed ids -> number of the entry, row in it
        self._lengths: dict[int, int] = {}  # bytes of a key -> how many keys have it
        self._bytes = 0
        self._next = 0

    def add(self, kv_cache: RaggedKVCache, keys: Sequence[bytes]) -> None:
        """Keep a cache whose row ``r`` holds the ids packed in ``keys[r]``, if it is not too large."""
        size = kv_cache.nbytes()
        if size > self.capacity:
            return
        number, self._next = self._next, self._next + 1
        self._entries[number] = (kv_cache, list(keys), size)
        self._bytes += size
        for row, key in enumerate(keys):
            if key not in self._found_in:
                self._lengths[len(key)] = self._lengths.get(len(key), 0) + 1
            self._found_in[key] = (number, row)
        while self._bytes > self.capacity:
            self._drop_oldest()

    def find(self, key: bytes) -> CacheHit | None:
        """The longest cached prefix of these packed ids."""
        for length in sorted((size for size in self._lengths if size <= len(key)), reverse=True):
            found = self._found_in.get(key[:length])
            if found is not None:
                number, row = found
                return CacheHit(self._entries[number][0], row, length // 4)
        return None

    def clear(self) -> None:
        self._entries.clear()
        self._found_in.clear()
        self._lengths.clear()
        self._bytes = 0

    def _drop_oldest(self) -> None:
        number, (_, keys, size) = self._entries.popitem(last=False)
        self._bytes -= size
        for key in set(keys):
            if self._found_in.get(key, (None,))[0] != number:
                continue  # a newer entry holds the same ids
            del self._found_in[key]
            self._lengths[len(key)] -= 1
            if not self._lengths[len(key)]:
                del self._lengths[len(key)]
