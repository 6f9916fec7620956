"""The reading tools of retail, as tau-bench behaves (MIT, Sierra), and the ones that touch no table.

Rows are returned as they are stored; the world copies them before anybody outside sees them.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from selfchal.builtin_envs import calculator
from selfchal.builtin_envs.tables.database import Database
from selfchal.builtin_envs.tables.world import Refused, Rows


def find_user_id_by_email(db: Rows, email: str) -> str:
    """Find the id of the user with this email address.

    Args:
        email: The email address; upper and lower case do not matter.
    """
    user_id = db.database.derive("users by email", _index_by_email).get(email.lower())
    if user_id is None:
        raise Refused("user not found")
    return user_id


def _index_by_email(database: Database) -> dict[str, str]:
    users = reversed(list(database.rows("users").items()))
    return {row["email"].lower(): user_id for user_id, row in users}  # the first of the table wins


def find_user_id_by_name_zip(db: Rows, first_name: str, last_name: str, zip: str) -> str:  # noqa: A002 — the tool's own word
    """Find the id of the user with this name who lives at this zip code. Prefer the email if it is known.

    Args:
        first_name: The first name, such as 'Ada'.
        last_name: The last name, such as 'Lovelace'.
        zip: The zip code of the user's default address, such as '12345'.
    """
    namesakes = db.database.derive("users by name", _index_by_name).get(first_name.lower(), ())
    users = db["users"]
    for family, user_id in namesakes:
        # An address may have been changed in this world, a name never is.
        if family == last_name.lower() and users[user_id]["address"]["zip"] == zip:
            return user_id
    raise Refused("user not found")


def _index_by_name(database: Database) -> dict[str, list[tuple[str, str]]]:
    index = defaultdict(list)
    for user_id, row in database.rows("users").items():
        name = row["name"]
        index[name["first_name"].lower()].append((name["last_name"].lower(), user_id))
    return dict(index)


def get_user_details(db: Rows, user_id: str) -> dict[str, Any]:
    """Get a user's name, address, email, payment methods and order numbers.

    Args:
        user_id: The user id, such as 'ada_lovelace_1234'.
    """
    if user_id not in db["users"]:
        raise Refused("user not found")
    return db["users"][user_id]


def get_order_details(db: Rows, order_id: str) -> dict[str, Any]:
    """Get an order's items, status, address, shipments and payments.

    Args:
        order_id: The order number with its '#', such as '#W0000000'.
    """
    if order_id not in db["orders"]:
        raise Refused("order not found")
    return db["orders"][order_id]


def get_product_details(db: Rows, product_id: str) -> dict[str, Any]:
    """Get a product type and its variants: item ids, options, prices, and which are available.

    Args:
        product_id: The product id, such as '6000000000'; not an item id.
    """
    if product_id not in db["products"]:
        raise Refused("product not found")
    return db["products"][product_id]


def list_all_product_types(db: Rows) -> dict[str, str]:
    """List the name and the product id of every product type of the shop. Each has many variants."""
    return db.database.derive("product types", _list_product_types)


def _list_product_types(database: Database) -> dict[str, str]:
    products = database.rows("products").values()
    return dict(sorted((product["name"], product["product_id"]) for product in products))


def calculate(db: Rows, expression: str) -> float | str:
    """Calculate an arithmetic expression; the result is rounded to two decimals.

    Args:
        expression: Numbers, + - * /, parentheses and spaces, such as '2 * (3 + 4)'.
    """
    return calculator.calculate(expression)


def think(db: Rows, thought: str) -> str:
    """Write down a thought. Changes nothing and finds nothing out.

    Args:
        thought: The thought.
    """
    return ""


def transfer_to_human_agents(db: Rows, summary: str) -> str:
    """Hand the user over to a human agent, which ends the conversation. Only where the user's request
    cannot be handled with the other tools, or the user asks for a human.

    Args:
        summary: What the user needs, in short.
    """
    return "Transfer successful"
