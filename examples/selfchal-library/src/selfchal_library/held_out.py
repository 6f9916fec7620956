"""The held-out test tasks, made from the state: each names the calls that solve it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from selfchal import HeldOut
from selfchal_library.desk import FINE_A_DAY, MOST_BOOKS, MOST_FINE
from selfchal_library.shelves import stock


def held_out() -> list[HeldOut]:
    """Questions, loans, returns with their fine, holds, and payments that make a loan possible."""
    state = stock()
    return [
        *_list_questions(state),
        *_list_loans(state),
        *_returns(state),
        *_holds(state),
        *_list_payments(state),
    ]


def _list_questions(state: dict[str, Any]) -> Iterator[HeldOut]:
    for title, book in state["books"].items():
        if book["lent_to"]:
            name = state["readers"][book["lent_to"]]["name"]
            yield HeldOut(f"Which reader has {title}? Answer with the name.", answer=name, family="question")


def _free(state: dict[str, Any]) -> list[str]:
    return [title for title, book in state["books"].items() if not book["lent_to"]]


def _may_borrow(reader: dict[str, Any]) -> bool:
    return reader["fine"] <= MOST_FINE and len(reader["books"]) < MOST_BOOKS


def _list_loans(state: dict[str, Any]) -> Iterator[HeldOut]:
    able = [(number, reader) for number, reader in state["readers"].items() if _may_borrow(reader)]
    for (number, reader), title in zip(able, _free(state), strict=False):
        calls = [("lend", {"title": title, "reader": number})]
        yield HeldOut(f"{reader['name']} would like to borrow {title}.", calls, family="loan")


def _returns(state: dict[str, Any]) -> Iterator[HeldOut]:
    for title, book in state["books"].items():
        if book["lent_to"]:
            fine = FINE_A_DAY * max(0, state["today"] - book["due"])
            name = state["readers"][book["lent_to"]]["name"]
            text = f"{name} returns {title}. Answer with the fine for it, in the form 0.00."
            yield HeldOut(text, [("take_back", {"title": title})], f"{fine / 100:.2f}", "return")


def _holds(state: dict[str, Any]) -> Iterator[HeldOut]:
    for title, book in state["books"].items():
        waiting = [n for n in state["readers"] if n not in (book["lent_to"], *book["holds"])]
        if book["holds"]:
            name = state["readers"][waiting[0]]["name"]
            text = f"{name} wants {title} and is happy to wait for it. Answer with the place in line."
            calls = [("place_hold", {"title": title, "reader": waiting[0]})]
            yield HeldOut(text, calls, str(len(book["holds"]) + 1), "hold")


def _list_payments(state: dict[str, Any]) -> Iterator[HeldOut]:
    owing = [
        (n, r) for n, r in state["readers"].items() if r["fine"] > MOST_FINE and len(r["books"]) < MOST_BOOKS
    ]
    for (number, reader), title in zip(owing, reversed(_free(state)), strict=False):
        calls: list[tuple[str, dict[str, Any]]] = [
            ("pay_fine", {"reader": number, "cents": reader["fine"]}),
            ("lend", {"title": title, "reader": number}),
        ]
        yield HeldOut(
            f"{reader['name']} pays the whole fine and takes {title} home.", calls, family="payment"
        )
