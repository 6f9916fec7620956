"""The switchboard: what it tells ahead is what the world would answer, or nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from selfchal.core.world import Json, ToolResult
from selfchal.judging.guest.worlds import AHEAD, SWITCH
from selfchal.judging.switchboard import Switchboard
from tests.support.shop import ShopWorld


class Ordered(ShopWorld):
    """Answers with a kind of dict that is not JSON's own."""

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        found = super().call(name, args, kwargs)
        return ToolResult(OrderedDict(found.value), found.ok, found.raises)

    def fork(self) -> Ordered:
        return Ordered(self.rows)


def ahead(world: ShopWorld) -> Json:
    other = world.fork()
    other.call("set_city", ["W101", "Rome"], {})
    board = Switchboard([world, other], ["get_order"], may_keep=False)
    board.call(SWITCH, [0, False], {})
    assert board.call("get_order", ["W101"], {}).ok
    return board.call(AHEAD, [[1]], {}).value


def test_answers_of_another_world_come_ahead() -> None:
    keys, values, rows = ahead(ShopWorld())
    assert [key[0] for key in keys] == ["get_order"]
    assert values[0]["city"] == "Rome"
    assert rows == [[(0, 0)]]


def test_an_answer_that_cannot_be_compared_is_asked_for_when_it_is_needed() -> None:
    _, values, rows = ahead(Ordered())
    assert (values, rows) == ([], [[]])


def test_calls_are_recorded_apart_on_kept_worlds_and_on_copies_of_them() -> None:
    board = Switchboard([ShopWorld(), ShopWorld()], ["get_order"], may_keep=True)
    board.call(SWITCH, [1, True], {})
    board.call("set_city", ["W101", "Rome"], {})
    board.call(SWITCH, [1, False], {})
    board.call("get_order", ["W101"], {})
    assert [(call.name, call.changed) for call in board.calls[1]] == [("set_city", True)]
    assert [(call.name, call.value["city"]) for call in board.tried[1]] == [("get_order", "Rome")]
