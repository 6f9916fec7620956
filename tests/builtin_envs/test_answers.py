"""The one rule by which an answer is right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfchal.builtin_envs.answers import same_answer
from selfchal.core.world import Json


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        (5, "5"),
        (5, " 5.0 "),
        (5, "'5'"),
        (1050, "1,050"),
        (380.41999999999996, "380.42"),
        (380.41999999999996, "$380.42"),
        (8100.0, "8100"),
        (0.034217, "0.034217"),
        (68.71, "68.710"),
        ("Thomas Ramos", "'Thomas Ramos' "),
        ("00636261", "00636261"),
        (False, "False"),
        (False, "false"),
        ([36380.0, 48150.0], "[36380, 48150]"),
        ([36380.0, 48150.0], "36380, 48150.00"),
        ([1.5, "ab"], "(1.5, 'ab')"),
        (["A", 3], '["A", 3]'),
        ({"T": 1, "A": 2}, "{'A': 2, 'T': 1}"),
        ({"T": 1, "A": 2}, '{"T": 1, "A": 2}'),
    ],
)
def test_right(expected: Json, answer: str) -> None:
    assert same_answer(expected, answer)


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        (5, None),
        (5, ""),
        (5, "6"),
        (5, "5.001"),
        (5, "five"),
        (5, "The answer is 5"),
        (1, "True"),
        (68.71, "68"),
        (68.71, "69"),
        (380.41999999999996, "380"),
        (380.41999999999996, "380.43"),
        (0.034217, "0.03"),
        (0.004, "0"),
        (1.0, "nan"),
        (1.0, "inf"),
        ("Thomas Ramos", "Thomas"),
        ("00636261", "636261"),
        (False, "0"),
        ([1.0, 2.0], "[2, 1]"),
        ([1.0, 2.0], "[1, 2, 3]"),
        ([1.0], "1"),
        ({"T": 1}, "{'T': 2}"),
        ({"T": 1}, "{'T': 1, 'A': 0}"),
        ({"T": 1}, "T: 1"),
    ],
)
def test_wrong(expected: Json, answer: str | None) -> None:
    assert not same_answer(expected, answer)


_VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(_VALUES, st.text())
def test_never_raises(expected: Json, answer: str) -> None:
    assert same_answer(expected, answer) in (True, False)


@given(st.one_of(st.integers(-(10**12), 10**12), st.floats(-1e9, 1e9)))
def test_a_number_is_its_own_answer(expected: float) -> None:
    assert same_answer(expected, repr(expected))
