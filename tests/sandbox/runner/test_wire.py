"""The protocol: strict JSON, whatever comes."""

from __future__ import annotations

import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfchal.sandbox.runner import wire

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)
ANYTHING = st.recursive(
    st.none() | st.floats() | st.text(st.characters()) | st.binary() | st.integers() | st.complex_numbers(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner)
    ),
    max_leaves=20,
)


@given(VALUES)
def test_what_goes_in_comes_out(value: object) -> None:
    text = json.dumps(value)
    if "\\ud" not in text:
        assert wire.decode(wire.encode(value)) == value


@given(ANYTHING)
def test_encoding_gives_strict_json_or_refuses(value: object) -> None:
    try:
        data = wire.encode(value)
    except wire.NotStrictError:
        return
    json.loads(data.decode("utf-8"), parse_constant=_no_constants)


@given(st.binary(max_size=200))
def test_random_bytes_are_decoded_or_refused(data: bytes) -> None:
    with contextlib.suppress(wire.NotStrictError):
        wire.check(wire.decode(data))


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "-Infinity",
        "[1e999]",
        '"\\ud800"',
        '{"a": "\\udfff"}',
        "[" * 100_000,
        "[" * 65 + "]" * 65,
        "",
        "1 2",
        "9" * 5000,
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(wire.NotStrictError):
        wire.decode(text.encode())


@pytest.mark.parametrize("value", [math.nan, [math.inf], "\ud800", {1: 2}, {"\ud800": 1}, b"", {1}, object()])
def test_not_encoded(value: object) -> None:
    with pytest.raises(wire.NotStrictError):
        wire.encode(value)


def test_the_deepest_value_still_travels() -> None:
    value: object = 1
    for _ in range(wire.MAX_DEPTH):
        value = [value]
    assert wire.decode(wire.encode(value)) == value
    with pytest.raises(wire.NotStrictError):
        wire.encode([value])


def _no_constants(name: str) -> None:
    raise AssertionError(name)
