"""The calculator of retail and airline: what ``eval`` gives, in little time and memory whatever it is asked."""

from __future__ import annotations

import time

import pytest

from selfchal.builtin_envs.calculator import MAX_CHARACTERS, RefusedExpression, calculate
from tests.patience import SOON
from tests.support.peak_memory import tracing_memory


@pytest.mark.parametrize(
    ("expression", "value"), [("2 + 3 * 4", 14.0), ("(1.5 - 0.25) / 2", 0.62), ("7 // 2", 3.0), ("-2", -2.0)]
)
def test_gives_the_value_rounded_to_two_decimals(expression: str, value: float) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "1+" * 2_000_000 + "1",
        "1+" * (MAX_CHARACTERS // 2 - 1) + "1",
        "9**9**9**9",
        "+".join(["9**80000"] * 1000),
        "(" * 9_000,
        "-" * 9_000 + "1",
        "(1)" * 3_000,
    ],
    ids=len,
)
def test_what_would_take_long_is_refused_at_once(expression: str) -> None:
    with tracing_memory() as read_most:
        before = time.perf_counter()
        with pytest.raises(RefusedExpression):
            calculate(expression)
        seconds, peak = time.perf_counter() - before, read_most()
    assert seconds < SOON
    assert peak < 20 * 2**20
