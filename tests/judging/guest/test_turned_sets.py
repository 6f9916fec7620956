"""Sets that iterate in another order: sound code cannot tell them from sets, code that hangs on the order can."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from selfchal.judging.guest.turned_sets import (
    MOST_TURNS,
    TURNED_NAMES,
    Order,
    TurnedFrozenSet,
    TurnedSet,
    turn_result,
)

KINDS: list[type[Any]] = [TurnedSet, TurnedFrozenSet]


@pytest.fixture(autouse=True)
def _same_turn_afterwards() -> Iterator[None]:
    yield
    Order.turn = 0


def in_turn(members: Any, turn: int) -> list[Any]:
    Order.turn = turn
    return list(members)


@pytest.mark.parametrize("kind", KINDS)
def test_each_position_of_any_order_holds_another_member_in_one_of_the_turns(kind: type[Any]) -> None:
    for members in ("ab", "abc", "abcde"):
        orders = [in_turn(kind(members), turn) for turn in range(3)]
        assert all(sorted(order) == sorted(members) for order in orders)
        for position in range(len(members)):
            assert len({order[position] for order in orders}) > 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("turn", range(3))
def test_it_is_a_set_like_any_other(kind: type[Any], turn: int) -> None:
    Order.turn = turn
    turned = kind(["b", "a"])
    assert turned == {"a", "b"}
    assert "a" in turned
    assert len(turned | {"c"}) == 3
    assert turned.union(["c"]) == {"a", "b", "c"}
    assert isinstance(turned, set | frozenset)
    assert eval(repr(turned), {"frozenset": frozenset}) == turned
    assert sorted(turned) == ["a", "b"]


def test_what_operators_and_methods_give_is_turned_too() -> None:
    assert type(turn_result({"a"} | TurnedSet("b"))) is TurnedSet
    assert type(TurnedSet("ab").difference("a")) is TurnedSet
    assert type(TurnedFrozenSet("ab").copy()) is TurnedFrozenSet
    assert turn_result(3) == 3


def test_each_member_comes_first_in_one_of_the_later_turns() -> None:
    members = "abcdefghij"
    assert {in_turn(TurnedSet(members), turn)[0] for turn in range(MOST_TURNS)} == set(members)


@pytest.mark.parametrize(("turn", "first"), [(0, "a"), (1, "c"), (2, "b")])
def test_pop_takes_the_first(turn: int, first: str) -> None:
    Order.turn = turn
    turned = TurnedSet("abc")
    assert turned.pop() == first
    assert len(turned) == 2


def test_pop_of_an_empty_set_raises_what_a_set_raises() -> None:
    with pytest.raises(KeyError, match="pop from an empty set"):
        TurnedSet().pop()


def test_code_reaches_them_by_the_names_of_sets() -> None:
    space: dict[str, Any] = dict(TURNED_NAMES)
    Order.turn = 1
    exec("first = next(iter(set(['a', 'b'])))\nempty = repr(frozenset())", space)
    assert (space["first"], space["empty"]) == ("b", "frozenset()")
