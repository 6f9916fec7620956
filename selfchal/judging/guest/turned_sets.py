"""Sets that iterate in an order of the judge's choice, for code whose outcome must not depend on the order.

The members are sorted by their repr, and then taken as they are, backwards, or rotated by one (the turns 0, 1
and 2). Whatever the usual order is, each position of it holds another member in one of the three. Later turns
rotate further, so that every member comes first in one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

TURNS = 3
MOST_TURNS = 26  # where there is time for more: of sets of 25 members each comes first


class Order:
    """Which turn sets iterate in. There is one order for a process at a time."""

    turn = 0


def _order_members(members: Iterator[Any]) -> Iterator[Any]:
    found = sorted(members, key=repr)
    if Order.turn == 1:
        found.reverse()
    elif Order.turn > 1 and found:
        first = (Order.turn - 1) % len(found)
        found = found[first:] + found[:first]
    return iter(found)


class TurnedSet(set):  # type: ignore[type-arg]  # its base is made in the sandbox, where nothing is typed
    def __iter__(self) -> Iterator[Any]:
        return _order_members(set.__iter__(self))

    def __repr__(self) -> str:
        return "{" + ", ".join(map(repr, self)) + "}" if self else "set()"

    def pop(self) -> Any:
        for first in self:
            self.discard(first)
            return first
        raise KeyError("pop from an empty set")


class TurnedFrozenSet(frozenset):  # type: ignore[type-arg]  # as above
    def __iter__(self) -> Iterator[Any]:
        return _order_members(frozenset.__iter__(self))

    def __repr__(self) -> str:
        return f"frozenset({TurnedSet(self)!r})" if self else "frozenset()"


def turn_result(value: Any) -> Any:
    """What an operator or a method gave, with a plain set turned."""
    if type(value) is set:
        return TurnedSet(value)
    return TurnedFrozenSet(value) if type(value) is frozenset else value


def _turn_method(name: str, base: type[Any]) -> Any:
    method = getattr(base, name)
    return lambda self, *others: turn_result(method(self, *others))


for _name in ("union", "intersection", "difference", "symmetric_difference", "copy"):
    setattr(TurnedSet, _name, _turn_method(_name, set))
    setattr(TurnedFrozenSet, _name, _turn_method(_name, frozenset))

# By these names code reaches them; ``selfchal.judging.source.perturb`` writes calls of them into its source.
TURNED_NAMES = {"set": TurnedSet, "frozenset": TurnedFrozenSet, "_mixed": turn_result}
