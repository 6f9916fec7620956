"""Answers that were given before: the same call on the same saved state is not made a third time.

The judge makes the same calls on the same state again and again. The second time the server is asked once
more, and must answer the same and leave the same state; so do some later ones, so that a clock shows. A tool
that answers differently is *unstable*: nothing that it says can be judged.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from selfchal.builtin_envs.mcp.connection import Answer
from selfchal.builtin_envs.mcp.snapshot import Snapshot, canonical
from selfchal.core.world import Json

_MOST_BYTES = 256 * 2**20  # that all recordings of a server may take, by estimate
_BYTES_A_CHARACTER = 8  # of a state as text: it is kept as Python values
_CHECK_SECONDS = 2.0  # at most so often a tool that agreed is asked again
_CHECKED_FIRST = 20  # repeated calls of each tool, which are all made

Key = tuple[str, str, str]  # the state, the tool, the arguments


@dataclass(frozen=True)
class Recorded:
    """What a call gave, and the state after it."""

    answer: Answer
    after: Snapshot

    def agrees(self, other: Recorded) -> bool:
        """The same for whoever looks: the answer, and what is seen of the state.

        The texts of two failures may differ: some servers name a temporary file in them.
        """
        if self.answer.ok != other.answer.ok or self.after.digest != other.after.digest:
            return False
        return not self.answer.ok or self.answer.text == other.answer.text


@dataclass
class _Checks:
    """How often a tool was seen to repeat itself, and when last."""

    agreed: int = 0
    last: float = 0.0

    @property
    def due(self) -> bool:
        return self.agreed < _CHECKED_FIRST or time.monotonic() - self.last > _CHECK_SECONDS


@dataclass
class Recordings:
    """Of one server; several threads may ask."""

    unstable: dict[str, str] = field(default_factory=dict)  # by tool: how its answers differed
    _kept: OrderedDict[Key, tuple[Recorded, int]] = field(default_factory=OrderedDict)
    _checks: dict[str, _Checks] = field(default_factory=dict)
    _size: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, key: Key) -> Recorded | None:
        """What this call gave before; None where it must be made (again)."""
        with self._lock:
            if key not in self._kept or self._checks.setdefault(key[1], _Checks()).due:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key: Key, recorded: Recorded) -> Recorded:
        """Keep it, or compare it with what the same call gave before; the one that is kept."""
        with self._lock:
            earlier = self._kept.get(key)
            if earlier is None:
                size = len(key[2]) + len(recorded.answer.text)
                if recorded.after.key != key[0]:  # a state that nobody else may hold
                    size += _BYTES_A_CHARACTER * recorded.after.size
                self._kept[key] = recorded, size
                self._size += size
                while self._size > _MOST_BYTES:
                    self._size -= self._kept.popitem(last=False)[1][1]
                return recorded
            checks = self._checks.setdefault(key[1], _Checks())
            checks.agreed, checks.last = checks.agreed + 1, time.monotonic()
            if not earlier[0].agrees(recorded):
                self.unstable.setdefault(key[1], describe_disagreement(earlier[0], recorded))
            return earlier[0]


def describe_disagreement(one: Recorded, other: Recorded) -> str:
    if one.answer.value != other.answer.value:
        return f"the same call gave {_cut(one.answer.value)} and then {_cut(other.answer.value)}"
    return "the same call on the same state left two different states"


def find_todays_date(answer: Answer, arguments: Mapping[str, Json], before: Snapshot) -> str | None:
    """A sentence where an answer holds today's date, which stands neither in the call nor in the state: a
    clock that shows days does not move on while it is watched."""
    found = [day for day in _list_dates(datetime.now(UTC).date()) if day in answer.text]
    if not found or found[0] in canonical([dict(arguments), before.view]):
        return None
    return f"it answers with today's date, {found[0]}, which nobody gave it"


@lru_cache(maxsize=2)
def _list_dates(today: date) -> tuple[str, ...]:
    """It may be tomorrow elsewhere, or yesterday."""
    return tuple(str(today + timedelta(days=shift)) for shift in (-1, 0, 1))


def key_of(before: Snapshot, tool: str, arguments: Mapping[str, Json]) -> Key:
    return before.key, tool, canonical(dict(arguments))


def _cut(value: Json, most: int = 120) -> str:
    text = value if isinstance(value, str) else canonical(value)
    return text if len(text) <= most else f"{text[:most]}…"
