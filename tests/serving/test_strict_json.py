"""What could not be written back is not read: no number and no depth that JSON does not have."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfchal.serving.strict_json import read_json

ODD = ["NaN", "-Infinity", "[1e400]", '{"a": -1e999}', "[" * 100_000, "", "{", "\x00", "1 2"]
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.mark.parametrize("text", ODD)
def test_what_is_no_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        read_json(text)


@given(VALUES)
def test_all_else_is_read_as_ever(value: object) -> None:
    assert read_json(json.dumps(value)) == value
