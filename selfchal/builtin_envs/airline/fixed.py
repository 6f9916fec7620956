"""Airline tools of the ``fixed`` profile: where they differ from tau-bench's, and why.

Arguments are checked against the schema before any of these is called, and a failing call leaves
nothing behind; see selfchal.builtin_envs.tables.profiles.
"""

from __future__ import annotations

from typing import Any

from selfchal.builtin_envs.airline import reads, writes
from selfchal.builtin_envs.airline.shapes import Cabin, Leg, Passenger, Payment, TripType, YesNo
from selfchal.builtin_envs.tables.profiles import described_by
from selfchal.builtin_envs.tables.world import Refused, Rows


@described_by(writes.book_reservation)
def book_reservation(
    db: Rows,
    user_id: str,
    origin: str,
    destination: str,
    flight_type: TripType,
    cabin: Cabin,
    flights: list[Leg],
    passengers: list[Passenger],
    payment_methods: list[Payment],
    total_baggages: int,
    nonfree_baggages: int,
    insurance: YesNo,
) -> dict[str, Any]:
    ids = [payment["payment_id"] for payment in payment_methods]
    for payment_id in ids:
        # Listed twice, a certificate is lost for nothing and a gift card goes below zero in the original.
        if ids.count(payment_id) > 1:
            raise Refused(f"payment method {payment_id} is listed more than once")
    if writes.NEW_RESERVATIONS[-1] in db["reservations"]:
        raise Refused(
            "no more reservations can be made in this conversation"
        )  # the original overwrites the last
    return writes.book_reservation(
        db,
        user_id,
        origin,
        destination,
        flight_type,
        cabin,
        flights,
        passengers,
        payment_methods,
        total_baggages,
        nonfree_baggages,
        insurance,
    )


@described_by(writes.update_reservation_flights)
def update_reservation_flights(
    db: Rows, reservation_id: str, cabin: Cabin, flights: list[Leg], payment_id: str
) -> dict[str, Any]:
    reservation = writes.update_reservation_flights(db, reservation_id, cabin, flights, payment_id)
    reservation["cabin"] = cabin  # the original charges for the new cabin and keeps the old one
    return reservation


@described_by(writes.send_certificate)
def send_certificate(db: Rows, user_id: str, amount: float) -> str:
    sent = writes.send_certificate(db, user_id, amount)
    if sent is None:  # the original crashes
        raise Refused("no more certificates can be sent to this user")
    return sent


@described_by(reads.think)
def think(db: Rows, thought: str) -> str:
    return "Noted."  # an empty observation reads as a failure
