"""Retail tools of the ``tau2`` profile: where tau2-bench differs from tau-bench in what a call does."""

from __future__ import annotations

from typing import Any

from selfchal.builtin_envs.retail import writes
from selfchal.builtin_envs.tables.database import Database
from selfchal.builtin_envs.tables.profiles import described_by
from selfchal.builtin_envs.tables.world import Refused, Rows


def get_item_details(db: Rows, item_id: str) -> dict[str, Any]:
    """Get one variant of a product: its options, its price, and whether it is available.

    Args:
        item_id: The item id, such as '6000000000'; not a product id.
    """
    product_id = db.database.derive("products by item", _index_products_by_item).get(item_id)
    if product_id is None:
        raise Refused("item not found")
    variant: dict[str, Any] = db["products"][product_id]["variants"][item_id]
    return variant


def _index_products_by_item(database: Database) -> dict[str, str]:
    products = database.rows("products").items()
    return {item_id: product_id for product_id, row in products for item_id in row["variants"]}


@described_by(writes.modify_pending_order_address)
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
    # The address may still be changed after the items were.
    if order_id not in db["orders"]:
        raise Refused("order not found")
    if "pending" not in db["orders"][order_id]["status"]:
        raise Refused("non-pending order cannot be modified")
    order = db["orders"].edit(order_id)
    order["address"] = writes.address_row(address1, address2, city, state, country, zip)
    return order


@described_by(writes.modify_pending_order_items)
def modify_pending_order_items(
    db: Rows, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
) -> dict[str, Any]:
    if any(old == new for old, new in zip(item_ids, new_item_ids, strict=False)):
        raise Refused("the new item id should be different from the old item id")
    return writes.modify_pending_order_items(db, order_id, item_ids, new_item_ids, payment_method_id)
