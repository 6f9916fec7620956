"""Limits that no execution can keep to are refused where they are made, and not blamed on the code that runs."""

from __future__ import annotations

import math
from typing import Any

import pytest

from selfchal.core.sandbox import Limits


@pytest.mark.parametrize(
    "given",
    [
        {"seconds": 0}, {"seconds": -1.0}, {"seconds": math.inf}, {"seconds": math.nan}, {"seconds": "5"},
        {"memory": 1}, {"memory": -1}, {"calls": -1}, {"calls": True}, {"value": 0}, {"stdout": -1},
        {"tool_seconds": -0.1},
    ],
)  # fmt: skip
def test_what_nothing_can_keep_to_is_refused(given: dict[str, Any]) -> None:
    (name,) = given
    with pytest.raises(ValueError, match=f"Limits: {name} must be a number of at least"):
        Limits(**given)


def test_the_least_that_can_be_kept_to_is_allowed() -> None:
    Limits(seconds=0.01, memory=16 * 2**20, stdout=0, value=1, calls=0, tool_seconds=0)
