"""The same for a verifier that makes sets: their order is another one with each outcome."""

from __future__ import annotations

from typing import Any

from selfchal.judging.guest.evaluations import evaluations
from selfchal.judging.guest.turned_sets import MOST_TURNS, TURNED_NAMES, Order


def turned_evaluations(
    given: dict[str, Any],
    reading: list[str],
    writing: list[str],
    most_calls: int,
    verifier: Any,
    answers: list[str],
    count: int,
) -> list[list[bool | str | None]]:
    """As ``evaluations``. A verifier that accepts whatever comes in one order of a set is found so."""
    return evaluations(
        given, reading, writing, most_calls, verifier, answers, count, False, TURNED_NAMES, _turn_sets
    )


def _turn_sets(index: int) -> None:
    Order.turn = index % MOST_TURNS
