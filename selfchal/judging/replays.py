"""A solution's calls made again with one of them altered or left out, on the trusted side.

A call costs microseconds there, and the challenger's code is not run again. Calls that only read are passed
over: what the others are handed stays as it was recorded, whatever reading would answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cached_property

from selfchal.core.world import Call, World


class Replays:
    """Of one solution's recorded calls, each on a world of its own."""

    def __init__(self, opened: Callable[[], World], calls: Sequence[Call], reading: Collection[str]) -> None:
        """``reading``: the names of the tools that only read."""
        self._opened = opened
        self._acting = {i: call for i, call in enumerate(calls) if call.changed or call.name not in reading}

    @cached_property
    def _before(self) -> dict[int, World]:
        """The world as each call that acts found it."""
        world, found = self._opened(), {}
        for i, call in self._acting.items():
            found[i] = world.fork()
            world.call(call.name, call.args, call.kwargs)
        return found

    def without(self, index: int) -> World | None:
        """The world after the calls but this one; None when one is refused that was not refused before."""
        return self._continue(index, ())

    def altered(self, index: int, call: Call) -> World | None:
        """The world after the calls with this one in that place; None as above."""
        return self._continue(index, (call,))

    def _continue(self, index: int, instead: Sequence[Call]) -> World | None:
        world = self._before[index].fork()
        later = [call for i, call in self._acting.items() if i > index]
        for call in (*instead, *later):
            if not world.call(call.name, call.args, call.kwargs).ok and call.ok:
                return None
        return world
