"""A verifier that is content with half of what was asked for falls, and an honest one does not."""

from __future__ import annotations

import pytest

import selfchal

RETURN = {
    "instruction": "I'm Bruno Wright, zip 77097. From order #W3307580 I'd like to return the laptop stand and the "
    "monitor, not the desk and not the jars. Refund the credit card that paid.",
    "solution": "return_delivered_order_items('#W3307580', ['6416740957', '5563173285'], 'credit_card_4642599')",
    "failures": [
        "return_delivered_order_items('#W3307580', ['6416740957'], 'credit_card_4642599')",
        "return_delivered_order_items('#W3307580', ['4105838566', '4283430946'], 'credit_card_4642599')",
        "return_delivered_order_items('#W4366994', ['9510793076'], 'paypal_2825980')",
    ],
}
BAGS = {
    "instruction": "I'm ines_baker_5887. Make it three bags on reservation QOXYI5, one of them paid for, with my "
    "Visa ending in 5533.",
    "solution": "update_reservation_baggages('QOXYI5', 3, 1, 'credit_card_2247551')",
    "failures": [
        "update_reservation_baggages('QOXYI5', 4, 2, 'credit_card_2247551')",
        "update_reservation_baggages('QOXYI5', 3, 0, 'credit_card_2247551')",
        "cancel_reservation('QOXYI5')",
    ],
}
CANCEL = {
    "instruction": "You are Xenia Mbeki, zip code 78770. Cancel your pending order #W4070137, because you ordered "
    "it by mistake.",
    "solution": "cancel_pending_order('#W4070137', 'ordered by mistake')",
    "failures": [
        "cancel_pending_order('#W4070137', 'no longer needed')",
        "modify_pending_order_payment('#W4070137', 'gift_card_2594989')",
        "cancel_pending_order('#W2346086', 'ordered by mistake')",
    ],
}
ROWS = [
    ("retail", RETURN, "o.get('return_items') == ['5563173285', '6416740957']", ""),
    ("retail", RETURN, "'5563173285' in o.get('return_items', []) and '4105838566' not in o['return_items'] and "
     "'4283430946' not in o['return_items']", "without '6416740957'"),
    ("airline", BAGS, "o['total_baggages'] == 3 and o['nonfree_baggages'] == 1", ""),
    ("airline", BAGS, "o['total_baggages'] + o['nonfree_baggages'] == 4", "numbers beside [3, 1]"),
    ("retail", CANCEL, "o['status'] == 'cancelled' and o['cancel_reason'] == 'ordered by mistake'", ""),
    ("retail", CANCEL, "o['status'] != 'pending' and o.get('cancel_reason') != 'no longer needed'",
     "modify_pending_order_items"),
    ("retail", CANCEL, "o['status'] == 'cancelled' and o['cancel_reason'] == 'ordered by mistake' and "
     "cancel_pending_order('#W3972173', 'no longer needed') != 0", "changes what it should look at"),
]  # fmt: skip
RECORDS = {
    id(RETURN): "get_order_details('#W3307580')",
    id(CANCEL): "get_order_details('#W4070137')",
    id(BAGS): "get_reservation_details('QOXYI5')",
}
PAID = {id(BAGS): "o['payment_history'][-1]['payment_id'] == 'credit_card_2247551' and "}


@pytest.mark.parametrize(("environment", "task", "condition", "reason"), ROWS)
def test_half_a_change_does_not_pass(
    environment: str, task: dict[str, object], condition: str, reason: str
) -> None:
    record, paid = RECORDS[id(task)], PAID.get(id(task), "")
    evaluate = f"def evaluate():\n    o = {record}\n    return {paid}{condition}"
    (verdict,) = selfchal.judge([{**task, "evaluate": evaluate}], environment, secret="a")
    assert verdict.passed is not bool(reason), verdict.reason
    assert reason in verdict.reason
