"""A manifest's text means what its reader thinks, or is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfchal.pipeline.yaml_text import YamlTextError, read_yaml, write_yaml

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
odd = st.sampled_from(
    ["yes", "010", "1:30", "1e-4", "1_000", "~", "null", "<<", "=", ".inf", "0x10", "2001-01-01", ""]
)
values = st.recursive(
    scalars | odd,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd | st.text(max_size=5), inner),
)


@given(st.dictionaries(st.text(min_size=1, max_size=5), values, max_size=4))
def test_what_is_written_is_read_again(value: dict[str, Any]) -> None:
    assert read_yaml(write_yaml(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("off", "off"),
        ("010", 10),
        ("1:30", "1:30"),
        ("1e-4", 1e-4),
        ("1_000", "1_000"),
        ("2001-01-01", "2001-01-01"),
        ("true", True),
        ("~", None),
        (".5", 0.5),
        ("-3", -3),
        ("0x10", "0x10"),
    ],
)
def test_plain_scalars_are_those_of_yaml_1_2(text: str, value: Any) -> None:
    found = read_yaml(text)
    assert (found, type(found)) == (value, type(value))


def test_infinity_is_read_for_the_manifest_to_refuse() -> None:
    assert math.isinf(read_yaml(".inf"))


def test_aliases_and_merges_work() -> None:
    found = read_yaml("base: &b {x: 1}\nother: {<<: *b, y: 2}\n")
    assert found["other"] == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "'a' is written twice, in lines 1 and 3"),
        ("trainer: {steps: 1, steps: 2}", "'steps' is written twice"),
        ("[" * 5000, "nested too deeply"),
        ("{a: " * 60 + "1" + "}" * 60, "nested too deeply"),
        ("a: &a [" + "x, " * 9 + "x]\n" + "".join(f"{c}: &{c} [{', '.join([f'*{p}'] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)), "more than 100,000 values"),
        ("a: 1\nb: [1\nc: 2", r"line 3: the \[ of line 2 is not closed before this"),
        ("a: {b: 1\nc: 2", r"line 2: the \{ of line 1 is not closed before this"),
        ("a: 'x\nb: 2", "the quote of line 1 is not closed"),
        ("a:\n\tb: 1", "line 2: a tab stands where only spaces may; indent with spaces"),
        ("a: 1\n  b: 2", "line 2: this line is indented too far, or a text with a colon stands without quotes"),
        ("a:\n  b: 1\n c: 2", "line 3: this line is not indented as those before it are"),
        ("a: 1\nb\nc: 2", "line 3: the key of line 2 has no colon after it"),
        ("a: 1\n---\nb: 2", "line 2: a second document begins here"),
        ("[a]\nb = 1", "line 2: this line does not go on what is above it; write KEY: VALUE"),
        ("a: *x", "line 1: 'x' is defined nowhere; put a text that begins with . in quotes"),
        ("a: @x", "line 1: a text that begins with this character is written in quotes"),
        ("[a]: 1", "line 1: a key is a list or a mapping"),
        ("a: 1\nb: \x00", r"line 2 holds the character U\+0000"),
        ("a: " + "9" * 10_000, "digits"),
        ("!!python/object/apply:os.system [ls]", r"line 1: a value cannot have a tag \(!…\); write the value alone"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(text: str, message: str) -> None:
    with pytest.raises(YamlTextError, match=message):
        read_yaml(text)
