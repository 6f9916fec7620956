"""A verifier asked about many outcomes, and about each again with its conditions dropped."""

from __future__ import annotations

import json
from typing import Any

from selfchal.judging.guest.evaluations import evaluations
from selfchal.judging.guest.turned_evaluations import turned_evaluations
from selfchal.judging.source.drop_conditions import weakened
from selfchal.judging.source.perturb import perturbed
from tests.judging.guest.tools import READING, WRITING, CountingBoard, give_tools, make_board


def ask(board: CountingBoard, source: str, answers: list[Any]) -> list[list[bool | str | None]]:
    conditions, verifier = weakened(source)
    told = [json.dumps(answer) for answer in answers]
    return evaluations(give_tools(board), READING, WRITING, 1000, verifier, told, 1 + len(conditions))


def test_each_outcome_gets_a_verdict_in_its_own_world() -> None:
    board = make_board(worlds=3)
    board.worlds[1].row("orders", "W101")["city"] = "Rome"
    rows = ask(board, "def evaluate(): return get_order('W101')['city'].startswith('R')", [None] * 3)
    assert rows == [[False], [True], [False]]


def test_a_condition_is_dropped_where_that_can_change_the_verdict_and_until_it_did() -> None:
    source = "def evaluate(answer):\n    return answer['a'] == 1 and answer['b'] == 2\n"
    right, no_b, no_a = {"a": 1, "b": 2}, {"a": 1, "b": 0}, {"a": 0, "b": 2}
    rows = ask(make_board(worlds=4), source, [right, no_b, no_b, no_a])
    assert rows == [
        [True, None, None],  # nothing to be found by dropping
        [False, None, True],
        [False, None, None],  # found before
        [False, True, None],
    ]


def test_a_verifier_that_writes_is_asked_again_in_a_fresh_copy() -> None:
    source = """\
def evaluate():
    before = get_order('W101')['city']
    set_city('W101', 'Rome')
    return before == 'Bonn' and get_order('W102')['city'] == 'Oslo'
"""
    assert ask(make_board(worlds=1), source, [None]) == [[False, True, None]]


def test_sets_come_in_another_order_with_each_outcome() -> None:
    """One of three orders begins with any given member."""
    (turned,), turns = perturbed(["def evaluate(answer):\n    return next(iter({'a', 'b', 'c'})) == 'c'"])
    assert turns > 1
    board = make_board(worlds=3)
    rows = turned_evaluations(give_tools(board), READING, WRITING, 1000, turned, ["1", "2", "3"], 1)
    assert sorted(row[0] is True for row in rows) == [False, False, True]
