"""Statements as arguments: their values are found, and no prose is taken for a statement."""

from __future__ import annotations

import time

import pytest

from selfchal.judging.reading.queries import find_literals
from tests.patience import SOON


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("SELECT MAX(age) FROM pets WHERE kind = 'cat'", ["cat"]),
        ("select name from pets", []),
        ("SELECT name FROM pets ORDER BY age DESC LIMIT 1", []),
        ("SELECT name FROM pets WHERE age BETWEEN 3 AND 7.5", [3, 7.5]),
        ("UPDATE tasks SET done = 1, title = 'Bob''s milk' WHERE id = 42", ["Bob's milk", 42]),
        ("INSERT INTO pets (name, kind) VALUES ('Kiki', 'parrot')", ["Kiki", "parrot"]),
        ("SELECT * FROM notes WHERE text LIKE '%milk%'", ["milk"]),
        ("delete from t2 where created < '2024-05-03'", ["2024-05-03"]),
        ('{"title": "Milk", "count": 12, "done": false}', ["Milk", 12]),
        ("status = 'open' and total > 250", ["open", 250]),
        ('jq(".items[] | select(.id == 17)")', [".items[] | select(.id == 17)"]),
    ],
)
def test_the_values_of_a_statement_are_its_texts_and_numbers(text: str, values: list[object]) -> None:
    found = find_literals(text)
    assert found is not None
    assert [literal.value for literal in found] == values


@pytest.mark.parametrize(
    "text",
    [
        "Bob's order is late, and so is Ann's",
        "Select a gift for my sister",
        "Update on order 55: it's shipped (see 'tracking')",
        "2 + 3 * 4",
        "23*45",
        "credit_card_12",
        "/users/17/orders",
        "with love from Ann",
        "Select a gift from the list",
        "Delete from my order what is too large",
        "",
    ],
)
def test_prose_names_and_sums_are_no_statements(text: str) -> None:
    assert find_literals(text) is None


def test_a_value_is_exchanged_where_it_stands() -> None:
    text = "SELECT a FROM t WHERE a = 'a' AND b = 'a'"
    first, second = find_literals(text) or []
    assert first.exchange("x") == "SELECT a FROM t WHERE a = 'x' AND b = 'a'"
    assert second.exchange("x") == "SELECT a FROM t WHERE a = 'a' AND b = 'x'"


@pytest.mark.parametrize("filling", ["'\\'", "select a(", '"\\"', "a,", "'", "''", "1 "])
def test_a_megabyte_is_read_soon(filling: str) -> None:
    started = time.thread_time()
    find_literals("select " + filling * (1_000_000 // len(filling)))
    find_literals(f"select {filling * (1_900 // len(filling))}")
    assert time.thread_time() - started < SOON
