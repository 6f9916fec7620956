"""A verifier that compares with what nothing in its task has to do with falls."""

from __future__ import annotations

from typing import Any

import pytest

from selfchal import judge

CANCEL: dict[str, Any] = {
    "instruction": "You are Xenia Mbeki, zip code 78770. Cancel your pending order #W4070137, because you ordered "
    "it by mistake.",
    "solution": "cancel_pending_order('#W4070137', 'ordered by mistake')",
    "failures": [
        "cancel_pending_order('#W4070137', 'no longer needed')",
        "modify_pending_order_payment('#W4070137', 'gift_card_2594989')",
        "cancel_pending_order('#W2346086', 'ordered by mistake')",
    ],
}
RIGHT = "order['status'] == 'cancelled' and order['cancel_reason'] == 'ordered by mistake'"


def verify(condition: str) -> dict[str, Any]:
    source = f"def evaluate():\n    order = get_order_details('#W4070137')\n    return {condition}"
    return {**CANCEL, "evaluate": source}


@pytest.mark.parametrize(
    "other",
    [
        "order['address']['zip'] == '11111'",
        "order['address']['city'] == 'Gotham'",
        "len(order['items']) == 777",
    ],
)
def test_another_change_that_is_accepted_besides_gives_itself_away(other: str) -> None:
    verdict = judge(verify(f"({RIGHT}) or {other}"), "retail")
    assert not verdict.passed
    assert "which nothing in the task has to do with" in verdict.reason


@pytest.mark.parametrize(
    "more",
    [
        "True",
        "order['status'] in ('cancelled', 'canceled')",  # forms of one value
        "len(order['items']) > 0",
        "order['address']['zip'] == get_order_details('#W4070137')['address']['zip']",
    ],
)
def test_what_was_said_or_can_be_read_may_be_compared_with(more: str) -> None:
    verdict = judge(verify(f"{RIGHT} and {more}"), "retail")
    assert verdict.passed, verdict.reason
