"""Our own shop, made by a seeded generator at first use: products, users, orders.

Rows have the shapes of tau-bench. A user's orders spread over all statuses, so that there is something
to cancel, change, return and exchange for everybody who has a few.
"""

from __future__ import annotations

from itertools import product as combinations
from random import Random
from typing import Any

from selfchal.builtin_envs.retail.catalogue import catalogue
from selfchal.builtin_envs.tables import people
from selfchal.builtin_envs.tables.database import Row
from selfchal.builtin_envs.tables.people import Numbers

USERS = 600
STATUSES = ("pending", "delivered", "processed", "cancelled")
STATUS_WEIGHTS = (42, 38, 10, 10)
ORDERS_OF_A_USER = (0, 1, 1, 2, 2, 3, 3, 4, 5)


def shop(seed: int) -> dict[str, dict[str, Row]]:
    """The tables ``orders``, ``products`` and ``users``: the same for the same seed, on any machine."""
    random = Random(seed)
    products = _make_products(random)
    users, orders = _make_users(random), {}
    order_numbers, tracking = Numbers(random, 7), Numbers(random, 12)
    for user_id, user in users.items():
        for _ in range(random.choice(ORDERS_OF_A_USER)):
            order = _make_order(random, f"#W{order_numbers.next()}", user_id, user, products, tracking)
            orders[order["order_id"]] = order
            user["orders"].append(order["order_id"])
    return {"orders": orders, "products": products, "users": users}


def _make_products(random: Random) -> dict[str, Row]:
    product_ids, item_ids = Numbers(random, 10), Numbers(random, 10)
    products = {}
    for name, price, options in catalogue():
        product_id = product_ids.next()
        every = [dict(zip(options, values, strict=True)) for values in combinations(*options.values())]
        chosen = random.sample(every, min(len(every), random.randint(8, 16)))
        variants = {}
        for choice in chosen:
            item_id = item_ids.next()
            variants[item_id] = {
                "item_id": item_id,
                "options": choice,
                "available": random.random() < 0.7,
                "price": round(price * random.uniform(0.85, 1.15), 2),
            }
        products[product_id] = {"name": name, "product_id": product_id, "variants": variants}
    return products


def _make_users(random: Random) -> dict[str, Row]:
    numbers, methods = Numbers(random, 4), Numbers(random, 7)
    users: dict[str, Row] = {}
    for _ in range(USERS):
        name, number = people.name(random), numbers.next()
        users[people.user_id(name, number)] = {
            "name": name,
            "address": people.address(random),
            "email": f"{name['first_name']}.{name['last_name']}{number}@example.com".lower(),
            "payment_methods": _make_payment_methods(random, methods),
            "orders": [],
        }
    return users


def _make_payment_methods(random: Random, numbers: Numbers) -> dict[str, Row]:
    sources = random.sample(("credit_card", "paypal", "gift_card"), random.choice((1, 2, 2, 3)))
    if sources == ["gift_card"]:
        sources = ["credit_card", "gift_card"]
    methods: dict[str, Row] = {}
    for source in sources:
        method_id = f"{source}_{numbers.next()}"
        details: dict[str, Any] = {}
        if source == "credit_card":
            details = {"brand": random.choice(people.BRANDS), "last_four": f"{random.randint(0, 9999):04d}"}
        elif source == "gift_card":
            details = {"balance": round(random.uniform(5, 400), 2)}
        methods[method_id] = {"source": source, **details, "id": method_id}
    return methods


def _make_order(
    random: Random, order_id: str, user_id: str, user: Row, products: dict[str, Row], tracking: Numbers
) -> Row:
    items = [_make_item(random, products[product_id]) for product_id in _fill_basket(random, products)]
    status = random.choices(STATUSES, STATUS_WEIGHTS)[0]
    total = round(sum(item["price"] for item in items), 2)
    payments = [
        {"transaction_type": "payment", "amount": total, "payment_method_id": _choose_payer(random, user)},
    ]
    order: Row = {
        "order_id": order_id,
        "user_id": user_id,
        "address": dict(user["address"]) if random.random() < 0.8 else people.address(random),
        "items": items,
        "fulfillments": [],
        "status": status,
        "payment_history": payments,
    }
    if status in ("processed", "delivered"):
        item_ids = [item["item_id"] for item in items]
        order["fulfillments"] = [{"tracking_id": [tracking.next()], "item_ids": item_ids}]
    if status == "cancelled":
        payments.append({**payments[0], "transaction_type": "refund"})
        order["cancel_reason"] = random.choice(("no longer needed", "ordered by mistake"))
    return order


def _fill_basket(random: Random, products: dict[str, Row]) -> list[str]:
    basket = random.sample(list(products), random.choice((1, 2, 2, 3, 4, 5)))
    if random.random() < 0.02:
        basket.append(basket[0])  # now and then two of a kind
    return basket


def _make_item(random: Random, product: Row) -> Row:
    variant = random.choice(list(product["variants"].values()))
    return {
        "name": product["name"],
        "product_id": product["product_id"],
        "item_id": variant["item_id"],
        "price": variant["price"],
        "options": dict(variant["options"]),
    }


def _choose_payer(random: Random, user: Row) -> str:
    return random.choice(list[str](user["payment_methods"]))
