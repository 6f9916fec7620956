"""A bike rental: an environment over tables, with a user to talk to. Its worlds record what they change."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from selfchal import TestTask, ToolSpec, User, hookimpl, task_id
from selfchal.worlds import Database, Overlay, Refused, TableWorld, checked_toolset, is_in_reply, make_user

KINDS = {"city": 9, "cargo": 24, "race": 31}  # what a day costs
NAMES = ("Ada", "Bela", "Carla", "Dario", "Edda", "Farid", "Greta", "Hugo")
BALANCES = dict(zip(NAMES, (44, 60, 23, 18, 39, 51, 12, 37), strict=True))
FRAME = "Action:\n{}\nEnd Action"


def make_tables(bikes: int) -> dict[str, dict[str, Any]]:
    """Rows by key. They are shared by all worlds and never changed."""
    draw = random.Random(7)
    kinds = [draw.choice(list(KINDS)) for _ in range(bikes)]
    return {
        "bikes": {f"B{i}": {"kind": kind, "rented_by": None} for i, kind in enumerate(kinds)},
        "customers": {name: {"balance": balance} for name, balance in BALANCES.items()},
    }


def find_customer(tables: Overlay, name: str) -> dict[str, Any]:
    """Show how much money a customer has left.

    Args:
        name: The customer's first name.
    """
    if name not in tables["customers"]:
        raise Refused(f"no customer is called {name}")
    return {"name": name, **tables["customers"][name]}


def find_bikes(tables: Overlay, kind: Literal["city", "cargo", "race"]) -> list[str]:
    """List the bikes of a kind that are in, and what a day costs.

    Args:
        kind: The kind of bike.
    """
    rows = {key: tables["bikes"][key] for key in tables.database.rows("bikes")}
    return [key for key, row in rows.items() if row["kind"] == kind and row["rented_by"] is None]


def rent(tables: Overlay, bike: str, name: str, days: int) -> str:
    """Rent a bike to a customer, who pays for all days at once.

    Args:
        bike: The bike's number.
        name: The customer's first name.
        days: For how many days.
    """
    customer = find_customer(tables, name)
    if bike not in tables["bikes"] or tables["bikes"][bike]["rented_by"] is not None:
        raise Refused(f"there is no bike {bike} to rent")
    price = KINDS[tables["bikes"][bike]["kind"]] * days
    if days < 1 or price > customer["balance"]:
        raise Refused(f"{days} days cost {price}, and {name} has {customer['balance']}")
    tables["bikes"].edit(bike)["rented_by"] = name  # edit() gives a row that may be changed
    tables["customers"].edit(name)["balance"] -= price
    return f"{name} has {bike} and {customer['balance'] - price} left"


TOOLS = checked_toolset(reads=[find_customer, find_bikes], writes=[rent])
# What the user wants, the calls that bring it about, and what the agent must have said in the end.
TASKS: list[tuple[str, list[str], int | None]] = [
    ("You are Ada. You want bike B0 for one day.", ["rent('B0', 'Ada', 1)"], None),
    ("You are Hugo. You want to know your balance.", ["find_customer('Hugo')"], BALANCES["Hugo"]),
]


class BikeRentalOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")
    bikes: int = Field(200, ge=1, le=1_000_000, description="How many bikes there are.")
    user: Literal["scripted", "llm", "react"] = Field("scripted", description="Who plays the customer.")


class BikeRental:
    """A bike rental whose customers ask for bikes and balances."""

    name: ClassVar[str] = "bike_rental"
    Config: ClassVar[type[BaseModel]] = BikeRentalOptions
    policy = "You rent bikes. A customer pays before riding. Say what was asked, and that you are done."
    answer_required = False  # the agent talks to a user, and the final state counts

    @classmethod
    def asks_model(cls, config: BikeRentalOptions) -> bool:
        return config.user != "scripted"

    def __init__(self, config: BikeRentalOptions) -> None:
        self._config, self._database = config, Database(make_tables(config.bikes))

    @property
    def tools(self) -> Sequence[ToolSpec]:
        return [tool.spec for tool in TOOLS.tools.values()]

    def open(self, context: Mapping[str, Any]) -> TableWorld:
        return TableWorld(self._database, TOOLS)

    def initial_observation(self, context: Mapping[str, Any]) -> str:
        return f"The customer is {context['name']}." if "name" in context else ""

    def exploration_context(self, seed: int) -> dict[str, Any]:
        return {"name": random.Random(seed).choice(NAMES)}

    def redact(self, instruction: str, context: Mapping[str, Any]) -> str:
        return instruction

    def splits(self) -> Sequence[str]:
        return ["test"]

    def test_tasks(self, split: str) -> Sequence[TestTask]:
        return [
            TestTask(task_id({}, text), text, {}, {"calls": calls, "said": said})
            for text, calls, said in TASKS
        ]

    def grade(self, task: TestTask, world: TableWorld, answer: str | None, replies: Sequence[str]) -> bool:
        """The final state is that of the right calls, and what was asked for was said."""
        wanted, said = self.open({}), task.truth["said"]
        space = {name: lambda *args, n=name: wanted.call(n, args, {}) for name in wanted.tool_names}
        for call in task.truth["calls"]:
            eval(call, {"__builtins__": {}}, space)
        told = said is None or any(is_in_reply(said, reply) for reply in replies)
        return told and world.digest() == wanted.digest()

    def oracle(self, task: TestTask) -> Sequence[str]:
        said = task.truth["said"]
        turns = [FRAME.format(f"print({call})") for call in task.truth["calls"]]
        return [*turns, f"Answer: Done. {'' if said is None else said}"]

    def user(self, instruction: str, context: Mapping[str, Any], chat: Any) -> User:
        return make_user(self.name, self._config.user, instruction, context, chat)


@hookimpl
def register_environments() -> list[type[Any]]:
    return [BikeRental]
