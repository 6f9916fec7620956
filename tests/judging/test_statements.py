"""Tools that take SQL: a task need not say the statement, but it must say the values in it."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

import selfchal
from selfchal.testing.in_process import InProcessSandbox

START = {"rows": [["Rex", "dog", 4], ["Tom", "cat", 2], ["Bibi", "cat", 9], ["Hugo", "dog", 11]]}


def open_database(state: dict[str, Any]) -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE pets (name TEXT, kind TEXT, age INT)")
    database.executemany("INSERT INTO pets VALUES (?, ?, ?)", state["rows"])
    return database


def list_tables(state: dict[str, Any]) -> list[str]:
    """List the tables with their columns."""
    return ["pets(name, kind, age)"]


def query(state: dict[str, Any], sql: str) -> list[list[Any]]:
    """Run a SELECT statement.

    Args:
        sql: The statement.
    """
    return [list(row) for row in open_database(state).execute(sql)]


def execute(state: dict[str, Any], sql: str) -> int:
    """Run a statement that changes rows, and say how many.

    Args:
        sql: The statement.
    """
    database = open_database(state)
    count = database.execute(sql).rowcount
    state["rows"] = [list(row) for row in database.execute("SELECT * FROM pets")]
    return count


Pets = selfchal.small_environment("pets", start=START, reads=[list_tables, query], writes=[execute])
OLDER = {
    "evaluate": "def evaluate():\n    found = query('SELECT name, age FROM pets ORDER BY name')\n"
    "    return found == [['Bibi', 9], ['Hugo', 11], ['Rex', 5], ['Tom', 2]]",
    "solution": "execute(\"UPDATE pets SET age = 5 WHERE name = 'Rex'\")",
    "failures": [
        "execute(\"UPDATE pets SET age = 6 WHERE name = 'Rex'\")",
        "execute(\"UPDATE pets SET age = 5 WHERE name = 'Tom'\")",
        "execute(\"DELETE FROM pets WHERE name = 'Rex'\")",
    ],
}
OLDEST = {
    "evaluate": "def evaluate(answer):\n    return answer == 9",
    "solution": "result = query(\"SELECT MAX(age) FROM pets WHERE kind = 'cat'\")[0][0]",
    "failures": ["result = query('SELECT MAX(age) FROM pets')[0][0]", "result = 2", "result = 4"],
}
COUNT = {
    "evaluate": "def evaluate(answer):\n    return answer == 3",
    "solution": "result = query('SELECT COUNT(*) FROM pets WHERE age > 3')[0][0]",
    "failures": ["result = query('SELECT COUNT(*) FROM pets')[0][0]", "result = 1", "result = 2"],
}


@pytest.mark.parametrize(
    ("instruction", "parts"),
    [
        ("How old is the oldest cat?", OLDEST),
        ("How many pets are older than 3?", COUNT),
        ("Rex had a birthday: make him 5 years old.", OLDER),
    ],
)
def test_a_task_that_says_the_values_is_kept(instruction: str, parts: dict[str, Any]) -> None:
    verdict = selfchal.judge({"instruction": instruction, **parts}, Pets, InProcessSandbox(), secret="pets")
    assert verdict.passed, verdict.reason


@pytest.mark.parametrize(
    ("instruction", "parts", "missing"),
    [
        ("How old is the oldest one?", OLDEST, "'cat' (sql of query)"),
        ("How many pets are rather old?", COUNT, "3 (sql of query)"),
        ("Rex had a birthday.", OLDER, "5 (sql of execute), it could be 6"),
        ("Make a pet 5 years old.", OLDER, "'Rex' (sql of execute)"),
    ],
)
def test_a_value_that_is_not_said_is_missing(instruction: str, parts: dict[str, Any], missing: str) -> None:
    verdict = selfchal.judge({"instruction": instruction, **parts}, Pets, InProcessSandbox(), secret="pets")
    assert verdict.check == "completeness"
    assert missing in verdict.reason
