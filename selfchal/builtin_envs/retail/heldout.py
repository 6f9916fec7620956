"""Our own held-out retail tasks: one to three goals of one customer, generated with their calls.

What an instruction names (a product, a variant by all its options, a payment method by its kind) is
unique among the customer's things, so that the instruction decides the final state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from selfchal.builtin_envs.service.goals import Action, Goal, RawTask, sound, task_row
from selfchal.builtin_envs.tables import people
from selfchal.builtin_envs.tables.database import Database, Row
from selfchal.builtin_envs.tables.world import Toolset

TASKS = 120
MANNERS = (
    "You are brief.",
    "You are polite and a little impatient.",
    "You answer what you are asked, and add nothing.",
    "You like to have things confirmed before they are done.",
    "You are cheerful and chatty.",
)


@dataclass(frozen=True)
class Customer:
    """A user with everything that is theirs."""

    id: str
    row: Row
    orders: list[Row]
    products: dict[str, Row]
    random: Random

    def with_status(self, status: str) -> list[Row]:
        return [order for order in self.orders if order["status"] == status]

    def unique_items(self, order: Row) -> list[Row]:
        """Items whose product is in no other order of the customer, nor twice in this one."""
        counts = Counter(item["name"] for held in self.orders for item in held["items"])
        return [item for item in order["items"] if counts[item["name"]] == 1]

    def method_words(self, method_id: str) -> str | None:
        """How the customer calls a payment method; None where two are alike."""
        row = self.row["payment_methods"][method_id]
        alike = [m for m in self.row["payment_methods"].values() if m["source"] == row["source"]]
        names = {"paypal": "your PayPal account", "gift_card": "your gift card"}
        if row["source"] == "credit_card":
            return f"your credit card ending in {row['last_four']}"
        return names[row["source"]] if len(alike) == 1 else None

    def swap(self, item: Row) -> Row | None:
        """Another variant of the item's product that can be had."""
        variants = self.products[item["product_id"]]["variants"].values()
        others = [v for v in variants if v["available"] and v["item_id"] != item["item_id"]]
        return self.random.choice(others) if others else None


def shop_tasks(database: Database, toolset: Toolset, seed: int) -> list[RawTask]:
    """Tasks of our own shop, each checked: its calls succeed and each write matters."""
    random = Random(seed)
    user_ids = list(database.rows("users"))
    random.shuffle(user_ids)
    tasks: list[RawTask] = []
    for user_id in user_ids:
        customer = _draw_customer(database, user_id, random)
        goals = _list_goals(customer, first=len(tasks) % len(KINDS), wanted=1 + len(tasks) % 3)
        if not goals:
            continue
        opening, lookup = _write_introduction(customer)
        row = task_row(opening, [lookup], goals, random.choice(MANNERS))
        calls = [(action["name"], action["kwargs"]) for action in row["actions"]]
        if sound(database, toolset, calls):
            tasks.append(row)
        if len(tasks) == TASKS:
            break
    return tasks


def _draw_customer(database: Database, user_id: str, random: Random) -> Customer:
    row = database.rows("users")[user_id]
    orders = [database.rows("orders")[order_id] for order_id in row["orders"]]
    return Customer(user_id, row, orders, dict(database.rows("products")), random)


def _list_goals(customer: Customer, first: int, wanted: int) -> list[Goal]:
    """The first kind in turn, then others about other rows; none where the customer has not got enough."""
    kinds = list(KINDS)
    leading = kinds.pop(first)
    customer.random.shuffle(kinds)
    goals: list[Goal] = []
    for kind in (leading, *kinds):
        goal = kind(customer)
        if goal is not None and goal.about not in {other.about for other in goals}:
            goals.append(goal)
        if not goals:
            return []
        if len(goals) == wanted:
            return goals
    return []


def _write_introduction(customer: Customer) -> tuple[str, Action]:
    name, row = customer.row["name"], customer.row
    full = f"{name['first_name']} {name['last_name']}"
    if customer.random.random() < 0.5:
        return f"You are {full}, and your email is {row['email']}.", (
            "find_user_id_by_email",
            {"email": row["email"]},
        )
    zip_code = row["address"]["zip"]
    return f"You are {full}, and you live at zip code {zip_code}.", (
        "find_user_id_by_name_zip",
        {**name, "zip": zip_code},
    )


def _draw(customer: Customer, status: str) -> tuple[Row, list[Row]] | None:
    """An order of this status, and its items that can be told apart from all others."""
    found = [(order, customer.unique_items(order)) for order in customer.with_status(status)]
    found = [(order, items) for order, items in found if items]
    return customer.random.choice(found) if found else None


def _make_lookup(order: Row) -> Action:
    return "get_order_details", {"order_id": order["order_id"]}


def cancel(customer: Customer) -> Goal | None:
    picked = _draw(customer, "pending")
    if picked is None:
        return None
    order, items = picked
    reason = customer.random.choice(("no longer needed", "ordered by mistake"))
    because = {"no longer needed": "no longer need it", "ordered by mistake": "ordered it by mistake"}[reason]
    said = f"You want to cancel the whole pending order with the {items[0]['name']}, because you {because}."
    outputs = []
    if customer.random.random() < 0.4:
        said += " You want to be told how many dollars you get back."
        outputs = [str(order["payment_history"][0]["amount"])]
    call: Action = ("cancel_pending_order", {"order_id": order["order_id"], "reason": reason})
    return Goal("cancel", said, order["order_id"], [_make_lookup(order), call], outputs)


def give_back(customer: Customer) -> Goal | None:
    picked = _draw(customer, "delivered")
    if picked is None:
        return None
    order, items = picked
    chosen = customer.random.sample(items, customer.random.randint(1, len(items)))
    method = order["payment_history"][0]["payment_method_id"]
    words = customer.method_words(method)
    if words is None:
        return None
    names = " and the ".join(item["name"] for item in chosen)
    said = f"You want to return the {names} that you received, with the refund to {words}."
    kwargs = {
        "order_id": order["order_id"],
        "item_ids": [item["item_id"] for item in chosen],
        "payment_method_id": method,
    }
    return Goal(
        "return", said, order["order_id"], [_make_lookup(order), ("return_delivered_order_items", kwargs)]
    )


def exchange(customer: Customer) -> Goal | None:
    return _swap_items(customer, "delivered", "exchange_delivered_order_items", "exchange")


def change_items(customer: Customer) -> Goal | None:
    return _swap_items(customer, "pending", "modify_pending_order_items", "items")


def _swap_items(customer: Customer, status: str, tool: str, kind: str) -> Goal | None:
    picked = _draw(customer, status)
    if picked is None:
        return None
    order, items = picked
    item = customer.random.choice(items)
    variant = customer.swap(item)
    payable = [m for m in customer.row["payment_methods"] if customer.method_words(m)]
    if variant is None or not payable:
        return None
    method = customer.random.choice(payable)
    deed = "exchange" if status == "delivered" else "change"
    options = ", ".join(f"{key} {value}" for key, value in variant["options"].items())
    said = (
        f"You want to {deed} the {item['name']} of your {status} order for the one with {options}, "
        f"and settle the difference with {customer.method_words(method)}."
    )
    outputs = []
    if customer.random.random() < 0.4:
        said += " You want to know what the new one costs."
        outputs = [str(variant["price"])]
    kwargs = {
        "order_id": order["order_id"],
        "item_ids": [item["item_id"]],
        "new_item_ids": [variant["item_id"]],
        "payment_method_id": method,
    }
    calls: list[Action] = [
        _make_lookup(order),
        ("get_product_details", {"product_id": item["product_id"]}),
        (tool, kwargs),
    ]
    return Goal(kind, said, order["order_id"], calls, outputs)


def change_payment(customer: Customer) -> Goal | None:
    picked = _draw(customer, "pending")
    if picked is None:
        return None
    order, items = picked
    present = order["payment_history"][0]["payment_method_id"]
    others = [m for m in customer.row["payment_methods"] if m != present and customer.method_words(m)]
    if not others:
        return None
    method = customer.random.choice(others)
    said = (
        f"You want to pay the pending order with the {items[0]['name']} with "
        f"{customer.method_words(method)} instead."
    )
    call: Action = (
        "modify_pending_order_payment",
        {"order_id": order["order_id"], "payment_method_id": method},
    )
    return Goal("payment", said, order["order_id"], [_make_lookup(order), call])


def _word_address(address: dict[str, Any]) -> str:
    second = f", {address['address2']}" if address["address2"] else " (no second line)"
    return f"{address['address1']}{second}, {address['city']}, {address['state']} {address['zip']}, USA"


def change_shipping(customer: Customer) -> Goal | None:
    picked = _draw(customer, "pending")
    if picked is None:
        return None
    order, items = picked
    address = people.address(customer.random)
    said = f"You want the pending order with the {items[0]['name']} shipped to {_word_address(address)}."
    call: Action = ("modify_pending_order_address", {"order_id": order["order_id"], **address})
    return Goal("shipping", said, order["order_id"], [_make_lookup(order), call])


def move(customer: Customer) -> Goal | None:
    address = people.address(customer.random)
    said = f"You have moved, and want your default address to be {_word_address(address)}."
    call: Action = ("modify_user_address", {"user_id": customer.id, **address})
    return Goal("address", said, customer.id, [("get_user_details", {"user_id": customer.id}), call])


KINDS: tuple[Callable[[Customer], Goal | None], ...] = (
    cancel,
    give_back,
    exchange,
    change_items,
    change_payment,
    change_shipping,
    move,
)
