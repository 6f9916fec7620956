"""Arguments of tool calls: variadic ones by name, and what does not fit the schema."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfchal.tools.arguments import find_mismatch, fits, spread
from selfchal.tools.tool import tool


def book(city: str, *wishes: str, nights: int = 1, kind: Literal["a", "b"] = "a") -> str:
    """Books.

    Args:
        city: where
        *wishes: what for
    """
    return city + "".join(wishes) * nights + kind


def total(prices: list[float], note: str | None = None, options: dict[str, Any] | None = None) -> float:
    """Adds."""
    return sum(prices)


@pytest.mark.parametrize(
    ("args", "kwargs", "placed"),
    [
        (("x",), {}, (("x",), {})),
        (("x", "p"), {"nights": 2}, (("x", "p"), {"nights": 2})),
        ((), {"city": "x", "wishes": ["p", "q"]}, (("x", "p", "q"), {})),
        (("x",), {"wishes": ["p"], "nights": 3}, (("x", "p"), {"nights": 3})),
        ((), {"wishes": "pq", "city": "x"}, ((), {"wishes": "pq", "city": "x"})),
    ],
)
def test_a_variadic_parameter_may_be_given_by_name(args: Any, kwargs: Any, placed: Any) -> None:
    assert spread(book, args, kwargs) == placed


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (book, ("x", "p"), {"nights": 2, "kind": "b"}),
        (total, ([1, 2.5],), {}),
        (total, ([],), {"note": None, "options": {"a": 1}}),
    ],
)
def test_what_fits(function: Any, args: Any, kwargs: Any) -> None:
    assert find_mismatch(function, tool(function).spec, args, kwargs) is None


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "says"),
    [
        (book, (), {}, "city"),
        (book, (3,), {}, "city must be a string, not 3"),
        (book, ("x", 3), {}, "wishes must be a list of values that are each a string"),
        (book, ("x",), {"nights": 1.5}, "nights must be an integer, not 1.5"),
        (book, ("x",), {"nights": True}, "nights must be an integer, not True"),
        (book, ("x",), {"kind": "c"}, "kind must be one of 'a', 'b', not 'c'"),
        (book, ("x",), {"colour": 1}, "colour"),
        (total, ("12",), {}, "prices must be a list of values that are each a number"),
        (total, ([1], 2), {}, "note must be a string or null, not 2"),
        (total, ([1],), {"options": []}, "options must be an object or null"),
        (total, ([1, 2, 3, 4], "a", {}, "z"), {}, "too many"),
    ],
)
def test_what_does_not_fit_is_named(function: Any, args: Any, kwargs: Any, says: str) -> None:
    said = find_mismatch(function, tool(function).spec, args, kwargs)
    assert said is not None
    assert said.startswith(f"{function.__name__}: ")
    assert says in said


def test_of_two_wrong_arguments_the_first_parameter_is_named_in_whatever_order_they_come() -> None:
    said = find_mismatch(book, tool(book).spec, (), {"nights": "x", "city": 3})
    assert said == "book: city must be a string, not 3"


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.lists(_JSON, max_size=4), st.dictionaries(st.sampled_from(["city", "wishes", "nights", "x"]), _JSON)
)
def test_any_call_either_fits_or_is_named(args: list[Any], kwargs: dict[str, Any]) -> None:
    given_args, given_kwargs = spread(book, args, kwargs)
    if (
        find_mismatch(book, tool(book).spec, given_args, given_kwargs) is None
        and abs(given_kwargs.get("nights", 1)) < 99
    ):
        assert isinstance(book(*given_args, **given_kwargs), str)


@given(_JSON)
def test_everything_fits_a_schema_without_a_type(value: Any) -> None:
    assert fits(value, {})
