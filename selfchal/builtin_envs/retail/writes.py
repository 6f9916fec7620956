"""The writing tools of retail, state for state as tau-bench behaves (MIT, Sierra).

The order of checks and writes is the original's: it shows in error texts and in what a failing call
leaves behind.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from selfchal.builtin_envs.tables.values import copy_json
from selfchal.builtin_envs.tables.world import Refused, Rows

Reason = Literal["no longer needed", "ordered by mistake"]


def pending_order(db: Rows, order_id: str, deed: str) -> dict[str, Any]:
    """The order, to read. Raises Refused unless it is pending."""
    return _find_order(db, order_id, "pending", deed)


def _find_order(db: Rows, order_id: str, status: str, deed: str) -> dict[str, Any]:
    if order_id not in db["orders"]:
        raise Refused("order not found")
    order = db["orders"][order_id]
    if order["status"] != status:
        raise Refused(f"non-{status} order cannot be {deed}")
    return order


def methods_of(db: Rows, order: dict[str, Any]) -> dict[str, Any]:
    """The payment methods of the order's user, to read."""
    methods: dict[str, Any] = db["users"][order["user_id"]]["payment_methods"]
    return methods


def credit(db: Rows, order: dict[str, Any], method_id: str, amount: float) -> None:
    """Add to the balance of a gift card of the order's user."""
    method = db["users"].edit(order["user_id"])["payment_methods"][method_id]
    method["balance"] += amount
    method["balance"] = round(method["balance"], 2)


def cancel_pending_order(db: Rows, order_id: str, reason: Reason) -> dict[str, Any]:
    """Cancel a pending order and refund it: at once to a gift card, otherwise in 5 to 7 business days.
    The user must have confirmed the order and the reason.

    Args:
        order_id: The order number with its '#', such as '#W0000000'.
        reason: 'no longer needed' or 'ordered by mistake'.
    """
    pending_order(db, order_id, "cancelled")
    if reason not in get_args(Reason):
        raise Refused("invalid reason")
    order = db["orders"].edit(order_id)
    refunds = []
    for payment in order["payment_history"]:
        method_id = payment["payment_method_id"]
        refunds.append(
            {"transaction_type": "refund", "amount": payment["amount"], "payment_method_id": method_id}
        )
        if "gift_card" in method_id:
            credit(db, order, method_id, payment["amount"])
    order["status"] = "cancelled"
    order["cancel_reason"] = reason
    order["payment_history"].extend(refunds)
    return order


def address_row(
    address1: str, address2: str, city: str, state: str, country: str, zip_code: str
) -> dict[str, Any]:
    return {
        "address1": address1,
        "address2": address2,
        "city": city,
        "state": state,
        "country": country,
        "zip": zip_code,
    }


def modify_pending_order_address(
    db: Rows,
    order_id: str,
    address1: str,
    address2: str,
    city: str,
    state: str,
    country: str,
    zip: str,  # noqa: A002 — the tool's own word
) -> dict[str, Any]:
    """Change the shipping address of a pending order. The user must have confirmed the new address.

    Args:
        order_id: The order number with its '#', such as '#W0000000'.
        address1: The first line of the address, such as '12 Elm Street'.
        address2: The second line of the address, such as 'Suite 3', or ''.
        city: The city.
        state: The state, such as 'CA'.
        country: The country, such as 'USA'.
        zip: The zip code, such as '12345'.
    """
    pending_order(db, order_id, "modified")
    order = db["orders"].edit(order_id)
    order["address"] = address_row(address1, address2, city, state, country, zip)
    return order


def modify_user_address(
    db: Rows,
    user_id: str,
    address1: str,
    address2: str,
    city: str,
    state: str,
    country: str,
    zip: str,  # noqa: A002 — the tool's own word
) -> dict[str, Any]:
    """Change the default address of a user. The user must have confirmed the new address.

    Args:
        user_id: The user id, such as 'ada_lovelace_1234'.
        address1: The first line of the address, such as '12 Elm Street'.
        address2: The second line of the address, such as 'Suite 3', or ''.
        city: The city.
        state: The state, such as 'CA'.
        country: The country, such as 'USA'.
        zip: The zip code, such as '12345'.
    """
    if user_id not in db["users"]:
        raise Refused("user not found")
    user = db["users"].edit(user_id)
    user["address"] = address_row(address1, address2, city, state, country, zip)
    return user


def modify_pending_order_payment(db: Rows, order_id: str, payment_method_id: str) -> dict[str, Any]:
    """Pay a pending order with another payment method of the user; the first one is refunded.
    The user must have confirmed the change.

    Args:
        order_id: The order number with its '#', such as '#W0000000'.
        payment_method_id: The new payment method, such as 'gift_card_0000000' or 'credit_card_0000000'.
    """
    order = pending_order(db, order_id, "modified")
    methods = methods_of(db, order)
    if payment_method_id not in methods:
        raise Refused("payment method not found")
    history = order["payment_history"]
    if len(history) > 1 or history[0]["transaction_type"] != "payment":
        raise Refused("there should be exactly one payment for a pending order")
    old_id, amount = history[0]["payment_method_id"], history[0]["amount"]
    if old_id == payment_method_id:
        raise Refused("the new payment method should be different from the current one")
    is_card = methods[payment_method_id]["source"] == "gift_card"
    if is_card and methods[payment_method_id]["balance"] < amount:
        raise Refused("insufficient gift card balance to pay for the order")
    order = db["orders"].edit(order_id)
    order["payment_history"] += [
        {"transaction_type": "payment", "amount": amount, "payment_method_id": payment_method_id},
        {"transaction_type": "refund", "amount": amount, "payment_method_id": old_id},
    ]
    if is_card:
        credit(db, order, payment_method_id, -amount)
    if "gift_card" in old_id:
        credit(db, order, old_id, amount)
    return order


def item_with(order: dict[str, Any], item_id: str) -> dict[str, Any]:
    """The first item of the order with this id."""
    return next(item for item in order["items"] if item["item_id"] == item_id)


def price_difference(db: Rows, order: dict[str, Any], item_ids: list[str], new_item_ids: list[str]) -> float:
    """What the new items cost more than the old ones. Raises Refused for items that cannot be swapped."""
    held = [item["item_id"] for item in order["items"]]
    for item_id in item_ids:
        if item_ids.count(item_id) > held.count(item_id):
            raise Refused(f"{item_id} not found")
    if len(item_ids) != len(new_item_ids):
        raise Refused("the number of items to be exchanged should match")
    difference = 0
    for item_id, new_item_id in zip(item_ids, new_item_ids, strict=True):
        item = item_with(order, item_id)
        variants = db["products"][item["product_id"]]["variants"]
        if not (new_item_id in variants and variants[new_item_id]["available"]):
            raise Refused(f"new item {new_item_id} not found or available")
        difference += variants[new_item_id]["price"] - item["price"]
    return difference


def _check_gift_card(
    db: Rows, order: dict[str, Any], method_id: str, amount: float, purpose: str
) -> dict[str, Any]:
    methods = methods_of(db, order)
    if method_id not in methods:
        raise Refused("payment method not found")
    method: dict[str, Any] = methods[method_id]
    if method["source"] == "gift_card" and method["balance"] < amount:
        raise Refused(f"insufficient gift card balance to pay for the {purpose}")
    return method


def modify_pending_order_items(
    db: Rows, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
) -> dict[str, Any]:
    """Change items of a pending order into other variants of the same products. Possible once an order,
    and nothing else of the order can be changed afterwards. The user must have confirmed all of it.

    Args:
        order_id: The order number with its '#', such as '#W0000000'.
        item_ids: Ids of the items to change; an item held twice may be listed twice.
        new_item_ids: Ids of the items to have instead, in the same order.
        payment_method_id: The payment method that pays or receives the price difference.
    """
    order = pending_order(db, order_id, "modified")
    difference = price_difference(db, order, item_ids, new_item_ids)
    method = _check_gift_card(db, order, payment_method_id, difference, "new item")
    order = db["orders"].edit(order_id)
    order["payment_history"].append(
        {
            "transaction_type": "payment" if difference > 0 else "refund",
            "amount": abs(difference),
            "payment_method_id": payment_method_id,
        }
    )
    if method["source"] == "gift_card":
        credit(db, order, payment_method_id, -difference)
    for item_id, new_item_id in zip(item_ids, new_item_ids, strict=True):
        item = item_with(order, item_id)
        variant = db["products"][item["product_id"]]["variants"][new_item_id]
        item |= {"item_id": new_item_id, "price": variant["price"], "options": copy_json(variant["options"])}
    order["status"] = "pending (item modified)"
    return order


def exchange_delivered_order_items(
    db: Rows, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
) -> dict[str, Any]:
    """Request to exchange items of a delivered order for other variants of the same products. Possible
    once an order. The user must have confirmed all of it, and gets an email on how to send items back.

    Args:
        order_id: The order number with its '#', such as '#W0000000'.
        item_ids: Ids of the items to exchange; an item held twice may be listed twice.
        new_item_ids: Ids of the items to have instead, in the same order.
        payment_method_id: The payment method that pays or receives the price difference.
    """
    order = _find_order(db, order_id, "delivered", "exchanged")
    difference = round(price_difference(db, order, item_ids, new_item_ids), 2)
    _check_gift_card(db, order, payment_method_id, difference, "price difference")
    order = db["orders"].edit(order_id)
    order["status"] = "exchange requested"
    order["exchange_items"] = sorted(item_ids)
    order["exchange_new_items"] = sorted(new_item_ids)
    order["exchange_payment_method_id"] = payment_method_id
    order["exchange_price_difference"] = difference
    return order


def return_delivered_order_items(
    db: Rows, order_id: str, item_ids: list[str], payment_method_id: str
) -> dict[str, Any]:
    """Request to return items of a delivered order. The user must have confirmed the items and where the
    refund goes, and gets an email on how to send items back.

    Args:
        order_id: The order number with its '#', such as '#W0000000'.
        item_ids: Ids of the items to return; an item held twice may be listed twice.
        payment_method_id: Where the refund goes: the order's payment method, or a gift card of the user.
    """
    order = _find_order(db, order_id, "delivered", "returned")
    if payment_method_id not in methods_of(db, order):
        raise Refused("payment method not found")
    if (
        "gift_card" not in payment_method_id
        and payment_method_id != order["payment_history"][0]["payment_method_id"]
    ):
        raise Refused("payment method should be either the original payment method or a gift card")
    held = [item["item_id"] for item in order["items"]]
    for item_id in item_ids:
        if item_ids.count(item_id) > held.count(item_id):
            raise Refused("some item not found")
    order = db["orders"].edit(order_id)
    order["status"] = "return requested"
    order["return_items"] = sorted(item_ids)
    order["return_payment_method_id"] = payment_method_id
    return order
