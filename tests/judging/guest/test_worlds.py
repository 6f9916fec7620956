"""Tools over several worlds: what they answer, and how seldom they have to ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from selfchal.judging.guest.worlds import AHEAD, SWITCH, Worlds
from tests.judging.guest.tools import READING, WRITING, CountingBoard, give_tools, make_board

Open = Callable[..., tuple[CountingBoard, dict[str, Any], Worlds]]


@pytest.fixture
def opened() -> Open:
    def make(worlds: int = 2, may_keep: bool = False) -> tuple[CountingBoard, dict[str, Any], Worlds]:
        board = make_board(worlds, may_keep)
        given = give_tools(board)
        return board, given, Worlds(given, READING, WRITING)

    return make


def test_task_code_is_not_given_the_calls_of_the_guest(opened: Open) -> None:
    _, given, _ = opened()
    assert not {SWITCH, AHEAD} & given.keys()


def test_what_was_read_once_is_not_asked_again(opened: Open) -> None:
    board, given, worlds = opened()
    worlds.throw_away(0)
    first, second = given["get_order"]("W101"), given["get_order"]("W101")
    assert first == second
    assert board.names == [SWITCH, "get_order"]
    assert worlds.calls == 2


def test_an_answer_that_code_alters_is_whole_when_it_is_read_again(opened: Open) -> None:
    _, given, worlds = opened()
    worlds.throw_away(0)
    given["get_user"]("ann")["orders"].clear()
    assert given["get_user"]("ann")["orders"] == ["W101", "W102"]


def test_a_write_makes_all_be_read_anew_and_is_gone_in_the_next_copy(opened: Open) -> None:
    board, given, worlds = opened()
    worlds.throw_away(0)
    assert given["get_order"]("W101")["city"] == "Oslo"
    given["set_city"]("W101", "Rome")
    assert worlds.written
    assert given["get_order"]("W101")["city"] == "Rome"
    worlds.throw_away(0)
    assert not worlds.written
    assert given["get_order"]("W101")["city"] == "Oslo"
    assert board.worlds[0].row("orders", "W101")["city"] == "Oslo"


def test_what_is_done_to_a_world_that_is_kept_stays(opened: Open) -> None:
    board, given, worlds = opened(may_keep=True)
    worlds.keep(1)
    given["set_city"]("W101", "Rome")
    worlds.throw_away(1)
    assert given["get_order"]("W101")["city"] == "Rome"
    worlds.throw_away(0)
    assert given["get_order"]("W101")["city"] == "Oslo"
    assert [call.name for call in board.calls[1]] == ["set_city"]


def test_later_worlds_answer_ahead_in_one_call(opened: Open) -> None:
    board, given, worlds = opened(worlds=4)
    worlds.throw_away(0)
    given["get_order"]("W101")
    given["get_user"]("ann")
    worlds.read_ahead([1, 2, 3])
    asked = len(board.names)
    for index in (1, 2, 3):
        worlds.throw_away(index)
        assert given["get_order"]("W101")["city"] == "Oslo"
        assert given["get_user"]("ann")["name"] == "Ann Lee"
    worlds.read_ahead([1, 2, 3])
    assert len(board.names) == asked, "nothing was read that was not answered ahead"


def test_a_refusal_is_asked_for_each_time(opened: Open) -> None:
    board, given, worlds = opened()
    worlds.throw_away(0)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="W999"):
            given["get_order"]("W999")
    assert board.names == [SWITCH, "get_order", "get_order"]


def test_what_was_seen_in_a_world_is_known_until_anything_but_a_read_was_called(opened: Open) -> None:
    board, given, worlds = opened(worlds=3)
    board.worlds[2].row("orders", "W101")["city"] = "Rome"
    worlds.throw_away(0)
    given["get_order"]("W101")
    given["get_order"]("W101")
    seen = worlds.seen
    assert seen is not None
    assert len(seen) == 1
    worlds.throw_away(1)
    assert not worlds.is_known_to_answer(seen), "it was not asked yet"
    worlds.read_ahead([1, 2])
    worlds.throw_away(1)
    assert worlds.is_known_to_answer(seen)
    worlds.throw_away(2)
    assert not worlds.is_known_to_answer(seen)
    given["set_city"]("W101", "Bonn")
    assert worlds.seen is None


def test_a_refused_read_cannot_be_known_ahead(opened: Open) -> None:
    _, given, worlds = opened()
    worlds.throw_away(0)
    with pytest.raises(RuntimeError, match="W999"):
        given["get_order"]("W999")
    given["get_order"]("W101")
    assert worlds.seen is None
