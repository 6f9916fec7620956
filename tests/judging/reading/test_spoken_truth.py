from __future__ import annotations

import pytest

from selfchal.core.world import Json
from selfchal.judging.reading.spoken_truth import read_truth


@pytest.mark.parametrize(
    "value", [True, "yes", "Yes.", "true", "yes it is", "Yes, they do!", "it does", "valid"]
)
def test_a_yes_is_read(value: Json) -> None:
    assert read_truth(value) is True


@pytest.mark.parametrize(
    "value", [False, "no", "No, it isn't.", "no it is not", "it can't", "false", "not valid"]
)
def test_a_no_is_read(value: Json) -> None:
    assert read_truth(value) is False


@pytest.mark.parametrize(
    "value", ["", "yes or no", "yes it isn't", "no idea", "it", "maybe", 1, 0, None, ["yes"]]
)
def test_anything_else_is_neither(value: Json) -> None:
    assert read_truth(value) is None
