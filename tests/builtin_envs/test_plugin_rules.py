"""Calculation and Web Browsing under the rules that every environment plugin can be tested by."""

from __future__ import annotations

import pytest

from selfchal.builtin_envs.calculation.environment import Calculation
from selfchal.builtin_envs.web_browsing.environment import WebBrowsing
from selfchal.testing.conformance import Case, environment_cases

CASES = [
    *environment_cases(Calculation, calls=150),
    *environment_cases(WebBrowsing, calls=150),
    *environment_cases(WebBrowsing, {"profile": "compat"}, calls=150),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_keeps_the_contract(case: Case) -> None:
    case()
