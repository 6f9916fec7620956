"""The retail environment: our own shop, or tau-bench's and tau2-bench's where their data is given."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import ClassVar

from selfchal.builtin_envs.retail.generate import shop
from selfchal.builtin_envs.retail.heldout import shop_tasks
from selfchal.builtin_envs.retail.toolsets import find_toolset
from selfchal.builtin_envs.service.environment import ServiceEnvironment
from selfchal.builtin_envs.service.sources import Domain
from selfchal.builtin_envs.tables.database import Database

_ORDER = re.compile(r"\b((?:order|orders)(?: (?:number|id))?) #?W\d{6,}|#?\bW\d{6,}", re.IGNORECASE)


def redact(instruction: str) -> str:
    """Without order numbers, which an agent must look up (paper, figure 9): "order #W123" is "order"."""
    return _ORDER.sub(lambda match: match.group(1) or "the order", instruction)


def customer(database: Database, random: Random) -> str:
    """A user who has orders."""
    users = database.rows("users")
    return random.choice([user_id for user_id, row in users.items() if row["orders"]])


RETAIL = Domain(
    name="retail",
    tables=("orders", "products", "users"),
    splits=("test", "train", "dev"),
    find_toolset=find_toolset,
    generate=shop,
    own_tasks=shop_tasks,
    policy=Path(__file__).with_name("policy.md"),
    person=customer,
    redact=redact,
)


class Retail(ServiceEnvironment):
    """A shop's desk, after tau-bench: orders, returns and exchanges for a simulated user."""

    name: ClassVar[str] = "retail"
    domain: ClassVar[Domain] = RETAIL
