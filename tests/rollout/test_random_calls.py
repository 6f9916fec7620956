"""Random calls fit the tools, find out what works, and are the same for the same seed."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from selfchal import open_environment, small_environment
from selfchal.rollout.random_calls import RandomCaller

State = dict[str, Any]


def shelf(state: State) -> dict[str, Any]:
    """Show the books, by their codes."""
    return dict(state["books"])


def borrow(state: State, book_id: str, until: dt.date, card: Literal["paper", "plastic"] = "paper") -> str:
    """Borrow a book."""
    if book_id not in state["books"]:
        raise ValueError("no such book")
    state["books"][book_id] = {"until": until.isoformat(), "card": card}
    return "ok"


def label(state: State, pairs: list[tuple[str, int]], *notes: str) -> str:
    """Label books."""
    state["labels"] = [list(pair) for pair in pairs]
    return "ok"


Shelf = small_environment(
    "shelf",
    start={"books": {f"B-{i}": None for i in range(30)}, "labels": []},
    reads=[shelf],
    writes=[borrow, label],
)


def explore(seed: int) -> list[Any]:
    environment = open_environment(Shelf)
    return RandomCaller(environment.tools, seed).explore(environment.open({}), 60)


def test_arguments_fit_and_come_from_what_was_shown() -> None:
    made = explore(0)
    assert not [call.value for call in made if not call.ok and not call.error], "refused before it was called"
    worked = {call.name for call in made if call.ok}
    assert worked == {"shelf", "borrow", "label"}
    assert any(call.changed for call in made)


def test_equal_seeds_make_equal_calls() -> None:
    assert explore(1) == explore(1)
    assert explore(1) != explore(2)
