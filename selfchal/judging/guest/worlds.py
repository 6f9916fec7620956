"""The tools of a batch: they act on one world at a time, and a world that is read twice answers once.

The worlds are on the trusted side (``selfchal.judging.switchboard``), which is told of a change of worlds
when the next one is first called. What a tool that only reads has answered is remembered until a tool that
writes is called, for most verifiers of a batch read the same few rows. What was read in one world is then
asked of all that follow in a single call.
"""

from __future__ import annotations

import marshal
from typing import Any

# Calls of the guest's own, answered by the switchboard. They are taken away from task code.
SWITCH = "_selfchal_world"
AHEAD = "_selfchal_ahead"
JSON_VERSION = 2  # of marshal: strings are not shared, so equal values have equal bytes


class Worlds:
    """``calls`` counts those of the present run. ``written`` says whether the present world was changed.
    ``asked`` counts the calls that were not remembered. ``seen`` are the calls that only read since a world
    was last chosen, each with its answer; None once there was any other call, or one that was refused."""

    def __init__(self, given: dict[str, Any], reading: list[str], writing: list[str]) -> None:
        """Put tools that remember in the place of those ``given``, by name."""
        self.calls = 0
        self.asked = 0
        self.written = False
        self.seen: dict[Any, bytes] | None = None
        self._switch = given.pop(SWITCH)
        self._ask_ahead = given.pop(AHEAD)
        self._index = 0
        self._reached = False  # the switchboard knows of this world
        self._missed = False  # something was read that was not remembered
        self._answers: dict[Any, bytes] = {}  # of the present world as it is now, by call
        self._ahead: dict[int, dict[Any, bytes]] = {}  # of each world as it was at first
        for name in reading:
            given[name] = self._remember(name, given[name])
        for name in writing:
            given[name] = self._forget(given[name])

    def throw_away(self, index: int) -> None:
        """From now on the tools act on a throw-away copy of this world."""
        self._index, self._reached = index, False
        self._answers = self._ahead.get(index, {}).copy()
        self.written = False
        self.seen = {}

    def keep(self, index: int) -> None:
        """From now on the tools act on this very world, and what they do to it stays."""
        self._switch(index, True)
        self._index, self._reached = index, True
        self._answers = {}

    def is_known_to_answer(self, seen: dict[Any, bytes]) -> bool:
        """Are these the answers of the present world, as far as it was asked ahead?"""
        return all(self._answers.get(key) == answer for key, answer in seen.items())

    def read_ahead(self, indices: list[int]) -> None:
        """Ask these worlds all that was asked so far, if there is anything new to ask."""
        if self._missed and indices:
            keys, values, rows = self._ask_ahead(indices)
            keys = [tuple(key) for key in keys]
            values = [marshal.dumps(value, JSON_VERSION) for value in values]
            for index, row in zip(indices, rows, strict=True):
                answers = self._ahead.setdefault(index, {})
                answers.update({keys[key]: values[value] for key, value in row})
        self._missed = False

    def _remember(self, name: str, call: Any) -> Any:
        def read(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            key = name, repr(args), repr(kwargs)
            if key not in self._answers:
                self._missed = True
                self.asked += 1
                self._reach()
                seen, self.seen = self.seen, None  # the call may be refused
                self._answers[key] = marshal.dumps(call(*args, **kwargs), JSON_VERSION)
                self.seen = seen
            if self.seen is not None:
                self.seen[key] = self._answers[key]
            return marshal.loads(self._answers[key])

        return read

    def _forget(self, call: Any) -> Any:
        def write(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            self.asked += 1
            self._reach()
            self._answers.clear()
            self.written = True
            self.seen = None
            return call(*args, **kwargs)

        return write

    def _reach(self) -> None:
        if not self._reached:
            self._switch(self._index, False)
            self._reached = True
