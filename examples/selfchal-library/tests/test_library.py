"""The contract, by selfchal's conformance kit, and what the desk itself promises."""

from __future__ import annotations

import copy

import pytest
from selfchal_library import Library, desk
from selfchal_library.shelves import stock

from selfchal import open_environment
from selfchal.testing.conformance import Case, environment_cases


@pytest.mark.parametrize("case", environment_cases(Library), ids=str)
def test_the_environment_keeps_the_contract(case: Case) -> None:
    case()


def test_there_are_test_tasks_of_every_family() -> None:
    tasks = open_environment(Library).test_tasks("test")
    assert {task.family for task in tasks} == {"question", "loan", "return", "hold", "payment"}
    assert len(tasks) >= 40


def test_the_state_is_the_same_everywhere() -> None:
    assert stock() == stock()
    assert stock(1) != stock(2)


def test_the_rules_of_the_desk() -> None:
    state = stock()
    out = next(title for title, book in state["books"].items() if book["lent_to"])
    with pytest.raises(ValueError, match="is out until"):
        desk.lend(state, out, "R100")
    owing = next(number for number, reader in state["readers"].items() if reader["fine"] > 500)
    free = next(title for title, book in state["books"].items() if not book["lent_to"])
    with pytest.raises(ValueError, match="owes"):
        desk.lend(state, free, owing)
    before = copy.deepcopy(state)
    desk.take_back(state, out)
    assert state["books"][out]["lent_to"] is None
    assert state != before
