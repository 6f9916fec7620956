"""Other values for arguments: what was seen and is of the same kind, and never the value itself."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from selfchal.audit.other_values import OtherValues
from selfchal.core.world import ToolSpec

SEEN = [
    {"order": "#W1", "items": ["1234567890", "2345678901"], "pay": {"gift_card_1": {"id": "gift_card_22"}}}
]
TOOL = ToolSpec("t", "", "t()", {"properties": {"reason": {"enum": ["a", "b"]}}}, writes=True)


def alter(arguments: dict[str, Any], seed: int = 0) -> list[tuple[str, Any]]:
    return list(OtherValues(SEEN, Random(seed)).alter(TOOL, arguments))


def test_an_id_becomes_one_of_its_kind_that_a_tool_answered_with() -> None:
    assert ("item", "1234567890") in alter({"item": "2345678901"})
    assert {value for _, value in alter({"order": "#W2"})} >= {"#W1"}
    assert all("gift" not in str(value) for _, value in alter({"order": "#W2"}))


def test_a_list_loses_a_member_and_has_another_one() -> None:
    found = [value for _, value in alter({"items": ["1234567890", "9999999999"]}, seed=1)]
    assert ["9999999999"] in found or ["1234567890"] in found
    assert any(len(value) == 2 and "2345678901" in value for value in found)
    assert alter({"items": []}) == []


def test_a_choice_of_the_schema_and_a_truth_are_turned() -> None:
    assert alter({"reason": "a", "sure": True, "count": 3}) == [
        ("reason", "b"),
        ("sure", False),
        ("count", 4),
    ]


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "reason"]),
        st.text() | st.integers() | st.booleans() | st.floats(allow_nan=False) | st.lists(st.text()),
    ),
    st.integers(0, 99),
)
def test_no_altered_argument_is_what_it_was(arguments: dict[str, Any], seed: int) -> None:
    for name, value in alter(arguments, seed):
        assert value != arguments[name] or isinstance(value, float)  # 1e300 + 1 is 1e300
