"""Tests by random examples take their settings from one profile (tests/support/fuzz.py)."""

from __future__ import annotations

import ast
import time
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parents[1]
TESTS = [path for folder in ("tests", "examples") for path in sorted((ROOT / folder).rglob("*.py"))]


@settings(max_examples=2, database=None)
@given(st.booleans())
def test_an_example_that_takes_long_does_not_fail(flag: bool) -> None:
    assert isinstance(flag, bool)
    time.sleep(0.3)


def test_no_test_has_a_deadline_of_its_own() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in TESTS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1] == "settings"
        and {keyword.arg for keyword in node.keywords} & {"deadline", None}  # None: **mapping may hold one
    ]
    assert found == []
