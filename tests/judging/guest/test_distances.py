"""The distance of a comparison: zero where it is met, above zero where it is not, and less the nearer it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfchal.judging.guest.distances import FAR, measure_distance, measure_gap, measure_truth

NUMBERS = st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6)
VALUES = st.recursive(
    NUMBERS | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)  # fmt: skip


@given(VALUES, VALUES)
def test_a_gap_is_zero_between_equal_values_alone(one: Any, other: Any) -> None:
    assert measure_gap(one, one) == 0
    assert (measure_gap(one, other) == 0) == (one == other)
    assert measure_gap(one, other) == measure_gap(other, one)


@given(NUMBERS, NUMBERS, st.sampled_from(["<", "<=", ">", ">="]))
def test_an_order_is_met_where_its_distance_is_zero(left: float, right: float, operator: str) -> None:
    met = {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator]
    assert (measure_distance(operator, left, right) == 0) == met


@pytest.mark.parametrize(
    ("operator", "near", "far", "right"),
    [
        ("==", 11, 50, 10),
        ("==", "planes", "zzzzz", "plane"),
        ("==", [1, 2, 4], [1, 9], [1, 2, 3]),
        ("==", {"a": 1, "b": 3}, {"c": 1}, {"a": 1, "b": 2}),
        ("in", "cot", "zzz", "the cat sat"),
        ("in", 12, 99, [10, 11]),
        ("<", 10, 30, 10),
    ],
)
def test_what_is_nearer_has_the_smaller_distance(operator: str, near: Any, far: Any, right: Any) -> None:
    distances = [measure_distance(operator, value, right) for value in (near, far)]
    assert 0 < distances[0] < distances[1]


@pytest.mark.parametrize(
    ("member", "whole"), [("cat", "the cat sat"), ("", ""), (2, [1, 2]), ("a", {"a": 1}), (3, {3})]
)
def test_a_member_is_met(member: Any, whole: Any) -> None:
    assert measure_distance("in", member, whole) == 0


def test_values_of_different_types_are_far_apart() -> None:
    assert measure_gap("1", 1) == measure_gap([1], "1") == measure_gap(None, 0) == FAR
    assert measure_distance("in", 1, "1") == FAR


@given(VALUES)
def test_a_condition_is_true_or_false_and_never_both(value: Any) -> None:
    to_true, to_false = measure_truth(value)
    assert (to_true == 0) == bool(value)
    assert (to_false == 0) == (not value)
