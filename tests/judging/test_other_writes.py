"""Another change than the asked one is tried on a verifier of the state, with what the verifier names."""

from __future__ import annotations

import pytest

import selfchal

TASK = {
    "instruction": "You are Xenia Mbeki, zip code 78770. Cancel your pending order #W4070137, because you ordered "
    "it by mistake.",
    "solution": "cancel_pending_order('#W4070137', 'ordered by mistake')",
    "failures": [
        "cancel_pending_order('#W4070137', 'no longer needed')",
        "modify_pending_order_payment('#W4070137', 'gift_card_2594989')",
        "cancel_pending_order('#W2346086', 'ordered by mistake')",
    ],
}
DONE = "o['status'] == 'cancelled' and o['cancel_reason'] == 'ordered by mistake'"


@pytest.mark.parametrize(
    "door",
    [
        "get_user_details('xenia_mbeki_1193')['address']['zip'] != '78770'",
        "get_order_details('#W2838531').get('cancel_reason') == 'no longer needed'",
        "o['address']['state'] != 'TX' and o['status'] == 'pending'",
    ],
)
@pytest.mark.parametrize("secret", ["a", "b"])
def test_another_change_does_not_pass_instead(door: str, secret: str) -> None:
    evaluate = f"def evaluate():\n    o = get_order_details('#W4070137')\n    return ({DONE}) or ({door})"
    (sound, lax) = selfchal.judge(
        [{**TASK, "evaluate": evaluate.replace(door, "False")}, {**TASK, "evaluate": evaluate}],
        "retail",
        secret=secret,
    )
    assert sound.passed, sound.reason
    assert not lax.passed
