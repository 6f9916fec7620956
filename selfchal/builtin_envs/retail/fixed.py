"""Retail tools of the ``fixed`` profile: where they differ from tau-bench's, and why.

Arguments are checked against the schema before any of these is called, and a failing call leaves
nothing behind; see selfchal.builtin_envs.tables.profiles.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from selfchal.builtin_envs.retail import reads, writes
from selfchal.builtin_envs.tables.profiles import described_by
from selfchal.builtin_envs.tables.world import Refused, Rows


@described_by(writes.cancel_pending_order)
def cancel_pending_order(db: Rows, order_id: str, reason: writes.Reason) -> dict[str, Any]:
    # After a change of payment the original refunds its refund too, and a gift card gains by it.
    writes.pending_order(db, order_id, "cancelled")
    order = db["orders"].edit(order_id)
    paid: dict[str, float] = defaultdict(float)
    for entry in order["payment_history"]:
        sign = 1 if entry["transaction_type"] == "payment" else -1
        paid[entry["payment_method_id"]] += sign * entry["amount"]
    for method_id, left in paid.items():
        amount = round(left, 2)
        if amount <= 0:
            continue
        order["payment_history"].append(
            {"transaction_type": "refund", "amount": amount, "payment_method_id": method_id}
        )
        if "gift_card" in method_id:
            writes.credit(db, order, method_id, amount)
    order["status"] = "cancelled"
    order["cancel_reason"] = reason
    return order


def _check_real_swap(item_ids: list[str], new_item_ids: list[str]) -> None:
    """Raises Refused where nothing would be swapped: the original changes the status all the same."""
    if not item_ids:
        raise Refused("no items given")
    for item_id, new_item_id in zip(item_ids, new_item_ids, strict=False):
        if item_id == new_item_id:
            raise Refused(f"{item_id} would be exchanged for itself")


@described_by(writes.modify_pending_order_items)
def modify_pending_order_items(
    db: Rows, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
) -> dict[str, Any]:
    _check_real_swap(item_ids, new_item_ids)
    return writes.modify_pending_order_items(db, order_id, item_ids, new_item_ids, payment_method_id)


@described_by(writes.exchange_delivered_order_items)
def exchange_delivered_order_items(
    db: Rows, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
) -> dict[str, Any]:
    _check_real_swap(item_ids, new_item_ids)
    return writes.exchange_delivered_order_items(db, order_id, item_ids, new_item_ids, payment_method_id)


@described_by(writes.return_delivered_order_items)
def return_delivered_order_items(
    db: Rows, order_id: str, item_ids: list[str], payment_method_id: str
) -> dict[str, Any]:
    if not item_ids:
        raise Refused("no items given")
    return writes.return_delivered_order_items(db, order_id, item_ids, payment_method_id)


@described_by(reads.think)
def think(db: Rows, thought: str) -> str:
    return "Noted."  # an empty observation reads as a failure
