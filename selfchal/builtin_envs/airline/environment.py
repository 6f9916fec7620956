"""The airline environment: our own airline, or tau-bench's and tau2-bench's where their data is given."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import ClassVar

from selfchal.builtin_envs.airline.generate import generate_airline
from selfchal.builtin_envs.airline.heldout import airline_tasks
from selfchal.builtin_envs.airline.toolsets import find_toolset
from selfchal.builtin_envs.service.environment import ServiceEnvironment
from selfchal.builtin_envs.service.sources import Domain
from selfchal.builtin_envs.tables.database import Database


def traveller(database: Database, random: Random) -> str:
    """A user who has reservations."""
    users = database.rows("users")
    return random.choice([user_id for user_id, row in users.items() if row["reservations"]])


AIRLINE = Domain(
    name="airline",
    tables=("flights", "reservations", "users"),
    splits=("test",),
    find_toolset=find_toolset,
    generate=generate_airline,
    own_tasks=airline_tasks,
    policy=Path(__file__).with_name("policy.md"),
    person=traveller,
    redact=str,
    paper_split=True,
)


class Airline(ServiceEnvironment):
    """An airline's desk, after tau-bench: bookings, changes and cancellations for a simulated user."""

    name: ClassVar[str] = "airline"
    domain: ClassVar[Domain] = AIRLINE
