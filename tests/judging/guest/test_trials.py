"""Legs of trials: what the codes did, what the verifier says of it, and that a leg stops at the first fault."""

from __future__ import annotations

import time

import pytest

from selfchal.judging.guest.perturbed_trials import perturbed_trials, turn_clocks
from selfchal.judging.guest.trials import trials
from tests.judging.guest.tools import READING, WRITING, give_tools, make_board

VERIFIER = "def evaluate(answer):\n    return get_order('W101')['city'] == 'Rome' and answer == 7\n"
SOLUTION = "set_city('W101', 'Rome')\nresult = 7"


def test_each_code_has_a_world_of_its_own_and_the_last_one_is_for_doing_nothing() -> None:
    board = make_board(worlds=4, may_keep=True)
    codes = ["set_city('W101', 'Rome')", SOLUTION, "result = 7"]
    (found,) = trials(give_tools(board), READING, WRITING, 1000, [(codes, VERIFIER)], 3)
    assert found == ([False, True, False, False], [None, 7, 7])
    cities = [world.row("orders", "W101")["city"] for world in board.worlds]
    assert cities == ["Rome", "Rome", "Oslo", "Oslo"]


@pytest.mark.parametrize(
    "fault",
    [
        "1 / 0",
        "raise MemoryError",
        "result = {1, 2}",
        "result = [{'a': {1: 2}}]",
        "for _ in range(9): get_user('ann')",
    ],
)
def test_a_leg_in_which_code_fails_shows_nothing_and_the_next_goes_on(fault: str) -> None:
    board = make_board(worlds=4, may_keep=True)
    legs = [([SOLUTION, fault], VERIFIER), ([SOLUTION], VERIFIER)]
    found = trials(give_tools(board), READING, WRITING, 5, legs, 3)
    assert found == [(None, None), ([True, False], [7])]


@pytest.mark.usefixtures("clocks")
def test_clocks_are_in_another_year_hour_and_minute() -> None:
    before = time.localtime(time.time())
    turn_clocks()
    after = time.localtime(time.time())
    assert after.tm_year > before.tm_year
    for field in ("tm_mon", "tm_hour", "tm_min"):
        assert getattr(after, field) != getattr(before, field)


@pytest.mark.usefixtures("clocks")
def test_each_perturbed_leg_turns_the_sets_otherwise() -> None:
    board = make_board(worlds=4, may_keep=True)
    codes = ["result = list(set(['a', 'b', 'c']))"]
    found = perturbed_trials(give_tools(board), READING, WRITING, 1000, [(codes, VERIFIER)] * 3, 3)
    assert [answers for _, answers in found] == [[["a", "b", "c"]], [["c", "b", "a"]], [["b", "c", "a"]]]
