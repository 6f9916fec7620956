"""A verifier asked about many outcomes, and about each again with its conditions dropped."""

from __future__ import annotations

import json
from typing import Any

import pytest

from selfchal.judging.guest.evaluations import evaluations
from selfchal.judging.guest.turned_evaluations import turned_evaluations
from selfchal.judging.guest.worlds import SWITCH
from selfchal.judging.source.drop_conditions import weakened
from selfchal.judging.source.perturb import perturbed
from tests.judging.guest.tools import READING, WRITING, CountingBoard, give_tools, make_board


def ask(
    board: CountingBoard, source: str, answers: list[Any], *, pure: bool = False
) -> list[list[bool | str | None]]:
    conditions, verifier = weakened(source)
    told = [json.dumps(answer) for answer in answers]
    return evaluations(give_tools(board), READING, WRITING, 1000, verifier, told, 1 + len(conditions), pure)


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


def test_what_a_pure_verifier_says_is_taken_over_where_it_would_see_the_same() -> None:
    """The verifier here is not pure, to show where it runs: it says another thing each time."""
    source = "def evaluate(answer):\n    seen.append(get_order('W101')['city'])\n    return len(seen) > 1\n"
    board = make_board(worlds=5)
    board.worlds[3].row("orders", "W101")["city"] = "Rome"
    given = {**give_tools(board), "seen": []}
    told = ["1", "1", "2", "1", "1"]
    rows = evaluations(given, READING, WRITING, 1000, source, told, 1, True)
    assert rows == [[False], [False], [True], [True], [False]]
    assert given["seen"] == ["Oslo", "Oslo", "Rome"], "the second and the last were taken over"


def test_a_dropped_condition_may_see_more_than_the_verifier_and_then_runs_again() -> None:
    """With the first condition dropped it reads the second order, which is another one in the second world."""
    source = "def evaluate():\n    return get_order('W101')['city'] == 'Rome' and get_order('W102')['city'] == 'Bern'"
    board = make_board(worlds=3)
    board.worlds[1].row("orders", "W102")["city"] = "Bern"
    rows = ask(board, source, [None] * 3, pure=True)
    assert rows == [[False, False, None], [False, True, None], [False, None, None]]


@pytest.mark.parametrize(
    "act",
    ["set_city('W102', 'Rome')", "try:\n        get_order('W999')\n    except RuntimeError:\n        pass"],
)
def test_a_verifier_that_writes_or_is_refused_runs_in_each_world(act: str) -> None:
    source = f"def evaluate():\n    {act}\n    return get_order('W101')['city'] == 'Rome'\n"
    board = make_board(worlds=2)
    rows = evaluations(give_tools(board), READING, WRITING, 1000, source, ["null"] * 2, 1, True)
    assert rows == [[False], [False]]
    assert board.names.count(SWITCH) == 2, "both worlds were reached"


def test_what_a_dropped_condition_sees_does_not_stand_for_a_verifier_that_wrote() -> None:
    source = """\
def evaluate():
    if get_order('W101')['city'] == 'Rome':
        return True
    set_city('W101', 'Bonn')
    return get_order('W102')['city'].startswith('Bern')
"""
    board = make_board(worlds=2)
    board.worlds[1].row("orders", "W102")["city"] = "Bern"
    assert [row[0] for row in ask(board, source, [None] * 2, pure=True)] == [False, True]


def test_sets_come_in_another_order_with_each_outcome() -> None:
    """One of three orders begins with any given member."""
    (turned,), turns = perturbed(["def evaluate(answer):\n    return next(iter({'a', 'b', 'c'})) == 'c'"])
    assert turns > 1
    board = make_board(worlds=3)
    rows = turned_evaluations(give_tools(board), READING, WRITING, 1000, turned, ["1", "2", "3"], 1)
    assert sorted(row[0] is True for row in rows) == [False, False, True]
