"""A solution's calls made again with one of them altered or left out, on the trusted side.

A call costs microseconds there, and the challenger's code is not run again. Calls that only read are passed
over: what the others are handed stays as it was recorded, whatever reading would answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cached_property

from selfchal.core.world import Call, Json, World


class Replays:
    """Makes one solution's recorded calls again, each time on a world of its own."""

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

    def exchanged(self, value: Json, other: Json) -> World | None:
        """The world after the calls with ``other`` wherever ``value`` was given; None as above."""
        world = self._opened()
        for call in self._acting.values():
            args = [_exchange(argument, value, other) for argument in call.args]
            kwargs = {name: _exchange(argument, value, other) for name, argument in call.kwargs.items()}
            if not world.call(call.name, args, kwargs).ok and call.ok:
                return None
        return world

    def _continue(self, index: int, instead: Sequence[Call]) -> World | None:
        world = self._before[index].fork()
        later = [call for i, call in self._acting.items() if i > index]
        for call in (*instead, *later):
            if not world.call(call.name, call.args, call.kwargs).ok and call.ok:
                return None
        return world


def _exchange(argument: Json, value: Json, other: Json) -> Json:
    """The argument with ``other`` in the place of ``value``, however deep it stands."""
    if isinstance(argument, list | tuple):
        return [_exchange(inner, value, other) for inner in argument]
    if isinstance(argument, dict):
        return {key: _exchange(inner, value, other) for key, inner in argument.items()}
    return other if argument == value and type(argument) is type(value) else argument
