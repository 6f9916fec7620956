"""The calculator gives what Python gives, wherever it gives anything, and is always quick."""

from __future__ import annotations

import math
import time
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfchal.builtin_envs.arithmetic import CalculatorError, evaluate, product
from tests.patience import SOON
from tests.support.fuzz import examples

NUMBERS = st.one_of(
    st.integers(-999, 999).map(str),
    st.floats(0, 1e6, allow_nan=False).map(lambda value: f"{value:.3f}"),
    st.sampled_from(["0", "1e3", "0x1F", "1_000", "True", "None", "'ab'", "[1, 2]", "(3,)", "2j"]),
)
OPERATORS = st.sampled_from(
    ["+", "-", "*", "/", "//", "%", "**", "^", "<", "==", "and", ",", " if 1 else ", ""]
)


def expressions() -> st.SearchStrategy[str]:
    return st.recursive(
        NUMBERS,
        lambda inner: st.one_of(
            st.tuples(inner, OPERATORS, inner).map(" ".join),
            inner.map(lambda text: f"({text})"),
            inner.map(lambda text: f"-{text}"),
            inner.map(lambda text: f"max({text}, 1)"),
            inner.map(lambda text: f"[{text}][0]"),
        ),
        max_leaves=6,
    )


@given(expressions())
@settings(max_examples=examples(400))
def test_agrees_with_python(expression: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of "1 (2)"
        try:
            value = evaluate(expression)
        except CalculatorError:
            return
        expected = eval(expression)
    same_nan = isinstance(value, float) and math.isnan(value)
    assert (type(value), repr(value)) == (type(expected), repr(expected)) or same_nan


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 + (3 * 4)", 14),
        ("2**10", 1024),
        ("7 // 2", 3),
        ("-7 % 4", 1),
        ("1,000", (1, 0)),
        ("1 < 2 < 3", True),
    ],
)
def test_gives_the_value(expression: str, value: object) -> None:
    assert evaluate(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "9**9**9**9",
        "2**(2**100)",
        "(10**3000)**5",
        "1 << 10**9",
        "'a' * 10**9",
        "10**9 * [0]",
        "[[0] * 9000] * 9000",
        "sum([[0] * 5000] * 5000)",
        "round(1, -10**9)",
        "pow(9, 9**9)",
        "'%1000000000d' % 5",
        "(" * 5000 + ")" * 5000,
        "-" * 9000 + "1",
        "+".join(["1"] * 9000),
        "+".join(["[0] * 999"] * 200),
        "+".join(["'a' * 999"] * 200),
        "max(" + "[0] * 9999, " * 800 + "1)",
    ],
)
def test_refuses_what_would_take_long(expression: str) -> None:
    start = time.perf_counter()
    with pytest.raises(CalculatorError):
        evaluate(expression)
    assert time.perf_counter() - start < SOON


@pytest.mark.parametrize(
    "expression",
    [
        "x",
        "__import__('os')",
        "().__class__",
        "'{}'.format",
        "open('/etc/passwd')",
        "[x for x in (1, 2)]",
        "lambda: 1",
        "f'{1}'",
        "(y := 1)",
        "max(key=len)",
        "sorted",
        "*[1]",
        "{**{}}",
        "1 is 1",
        "",
        "1/0",
        "1;2",
        "x = 1",
    ],
)
def test_refuses_what_is_no_arithmetic(expression: str) -> None:
    with pytest.raises(CalculatorError):
        evaluate(expression)


def test_product_is_bounded_for_texts_and_exact_for_numbers() -> None:
    assert product("5", 2) == "55"
    assert product(2.5, 4) == 10.0
    with pytest.raises(CalculatorError):
        product("x", 10**9)
    with pytest.raises(CalculatorError):
        product(10**9, ["x"])
