"""Replays: the same calls with one altered or left out end where running them all so would end."""

from __future__ import annotations

from selfchal.core.world import Call
from selfchal.judging.replays import Replays
from tests.support.shop import ShopWorld


def call(name: str, *args: str) -> Call:
    return Call(name, args, {}, None, ok=True, changed=name not in READING)


READING = ("get_user", "get_order")
CALLS = [
    call("get_user", "ann"),
    call("set_city", "W101", "Rome"),
    call("get_order", "W101"),
    call("cancel_order", "W102", "late"),
    call("set_city", "W103", "Bonn"),
]


def after(*calls: Call) -> str:
    world = ShopWorld()
    for one in calls:
        assert world.call(one.name, one.args, one.kwargs).ok
    return world.digest()


def test_a_call_left_out() -> None:
    world = Replays(ShopWorld, CALLS, READING).without(3)
    assert world is not None
    assert world.digest() == after(CALLS[1], CALLS[4])


def test_a_call_altered_more_than_once() -> None:
    replays = Replays(ShopWorld, CALLS, READING)
    for city in ("Paris", "Lima"):
        world = replays.altered(1, call("set_city", "W101", city))
        assert world is not None
        assert world.digest() == after(call("set_city", "W101", city), *CALLS[3:])


def test_a_call_that_is_refused_now() -> None:
    replays = Replays(ShopWorld, CALLS, READING)
    assert replays.altered(1, call("set_city", "W999", "Rome")) is None
    assert replays.altered(1, call("cancel_order", "W102", "first")) is None  # the later one is refused then
