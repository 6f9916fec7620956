"""A small environment with state: a shop whose orders can be cancelled and sent elsewhere."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel

from selfchal.core.environment import Chat, User
from selfchal.core.task import Task, TestTask
from selfchal.core.world import Change, Json, ToolResult, ToolSpec
from selfchal.tools.tool import tool

ROWS: dict[str, Any] = {
    "users": {
        "ann": {"name": "Ann Lee", "orders": ["W101", "W102"]},
        "bob": {"name": "Bob Day", "orders": ["W103"]},
    },
    "orders": {
        "W101": {"user": "ann", "item": "red lamp", "status": "pending", "city": "Oslo"},
        "W102": {"user": "ann", "item": "blue chair", "status": "pending", "city": "Oslo"},
        "W103": {"user": "bob", "item": "green table", "status": "delivered", "city": "Rome"},
    },
}


class RefusalError(ValueError):
    """The shop says no."""


def get_user(world: ShopWorld, user_id: str) -> dict[str, Any]:
    """Shows a user with the ids of the user's orders."""
    return world.row("users", user_id)


def get_order(world: ShopWorld, order_id: str) -> dict[str, Any]:
    """Shows an order."""
    return world.row("orders", order_id)


def cancel_order(world: ShopWorld, order_id: str, reason: str) -> dict[str, Any]:
    """Cancels a pending order for a reason."""
    row = world.row("orders", order_id)
    if row["status"] != "pending":
        raise RefusalError("only pending orders can be cancelled")
    row |= {"status": "cancelled", "reason": reason}
    return row


def set_city(world: ShopWorld, order_id: str, city: str) -> dict[str, Any]:
    """Sends an order to another city."""
    row = world.row("orders", order_id)
    row["city"] = city
    return row


class ShopWorld:
    def __init__(self, rows: dict[str, Any] | None = None) -> None:
        self.rows = copy.deepcopy(rows if rows is not None else ROWS)
        self.ended = False

    def row(self, table: str, key: str) -> dict[str, Any]:
        if key not in self.rows[table]:
            raise RefusalError(f"there is no {key!r} among the {table}")
        found: dict[str, Any] = self.rows[table][key]
        return found

    @property
    def tool_names(self) -> Sequence[str]:
        return list(TOOLS)

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        if name not in TOOLS:
            return ToolResult(f"no tool {name}", ok=False, raises=True)
        result = TOOLS[name].call(self, args, kwargs)
        return ToolResult(copy.deepcopy(result.value), result.ok, result.raises)

    def show(self, result: ToolResult) -> str:
        return str(result.value)

    def digest(self) -> str:
        return self.canonical_sha256()

    def canonical_sha256(self) -> str:
        return hashlib.sha256(json.dumps(self.rows, sort_keys=True).encode()).hexdigest()

    def difference(self) -> tuple[Change, ...]:
        return tuple(
            Change((table, key, field), ROWS[table][key].get(field), value)
            for table, rows in self.rows.items()
            for key, row in rows.items()
            for field, value in row.items()
            if ROWS[table][key].get(field) != value
        )

    def fork(self) -> ShopWorld:
        return ShopWorld(self.rows)

    def reset(self) -> None:
        self.rows = copy.deepcopy(ROWS)


TOOLS = {
    one.spec.name: one
    for one in (
        tool(get_user, bound=True),
        tool(get_order, bound=True),
        tool(cancel_order, bound=True, writes=True),
        tool(set_city, bound=True, writes=True),
    )
}


class NoConfig(BaseModel, extra="forbid"):
    pass


class Shop:
    name: ClassVar[str] = "shop"
    Config: ClassVar[type[BaseModel]] = NoConfig
    policy = "You work for a shop."
    answer_required = False

    @property
    def tools(self) -> Sequence[ToolSpec]:
        return [one.spec for one in TOOLS.values()]

    def open(self, context: Mapping[str, Json]) -> ShopWorld:
        return ShopWorld()

    def initial_observation(self, context: Mapping[str, Json]) -> str:
        return ""

    def exploration_context(self, seed: int) -> dict[str, Json]:
        return {"user_id": ["ann", "bob"][seed % 2]}

    def redact(self, instruction: str, context: Mapping[str, Json]) -> str:
        return re.sub(r"\bW\d+\b", "the order", instruction)

    def splits(self) -> Sequence[str]:
        return ["test"]

    def test_tasks(self, split: str) -> Sequence[TestTask]:
        return []

    def grade(self, task: TestTask, world: Any, answer: str | None, replies: Sequence[str]) -> bool:
        return False

    def oracle(self, task: TestTask) -> Sequence[str]:
        return []

    def user(self, instruction: str, context: Mapping[str, Json], chat: Chat | None) -> User | None:
        return None


class ShopEnvironment(Shop):
    """The same shop for an agent that answers questions."""

    name: ClassVar[str] = "desk"
    answer_required = True


ASSERTS = """\
def evaluate():
    assert get_order("W102")["status"] == "cancelled", "the order\\nis not cancelled"
    assert get_order("W101")["status"] == "pending"
    return True
"""
CANCEL = Task(
    id="cancel",
    environment="shop",
    context={"user_id": "ann"},
    instruction="You are Ann Lee. Cancel your order of the blue chair because you no longer need it.",
    evaluate="""\
def evaluate():
    order = get_order("W102")
    return order["status"] == "cancelled" and get_order("W101")["status"] == "pending"
""",
    solution='cancel_order("W102", reason="no longer need it")',
    failures=(
        'cancel_order("W101", reason="no longer need it")',
        'set_city("W102", "Rome")',
        'cancel_order("W101", reason="other")\ncancel_order("W102", reason="other")',
    ),
)
COUNT = Task(
    id="count",
    environment="desk",
    context={"user_id": "ann"},
    instruction="How many orders does user ann have?",
    evaluate="def evaluate(answer):\n    return answer == 2\n",
    solution='result = len(get_user("ann")["orders"])',
    failures=("result = 1", "result = 3", 'result = len(get_user("bob")["orders"])'),
)
