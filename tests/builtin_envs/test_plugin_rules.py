"""Calculation and Web Browsing under the rules that every environment plugin can be tested by."""

from __future__ import annotations

import pytest

from selfchal.builtin_envs.calculation.environment import Calculation
from selfchal.builtin_envs.web_browsing.environment import WebBrowsing
from selfchal.testing.conformance import Case, environment_cases

# Tools that no held-out task uses, and whose arguments no random call finds.
FAMILIES = [
    ("find_max_nucleotide", {"args": ["A", 3, "C", 5]}),
    ("find_flights", {"from_location": "Oslo", "to_location": "Rome", "date": "2025-06-03"}),
    ("book_hotel", {"location": "Oslo"}),
    ("maximum_value", {"args": [1, 2]}),
    ("minimum_value", {"args": [1, 2]}),
]
PAGES = [
    ("calculator", {"expression": "2 + 3"}),
    ("click_url", {"url": "/market"}),
    ("go_to_previous_page", {}),
]
CASES = [
    *environment_cases(Calculation, calls=150, examples=FAMILIES),
    *environment_cases(WebBrowsing, calls=150, examples=PAGES),
    *environment_cases(WebBrowsing, {"profile": "compat"}, calls=150, examples=PAGES),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_keeps_the_contract(case: Case) -> None:
    case()
