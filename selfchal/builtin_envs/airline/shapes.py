"""The shapes of what airline tools are given: they become the tools' JSON schemas."""

from __future__ import annotations

from typing import Literal, TypedDict

Cabin = Literal["basic_economy", "economy", "business"]
TripType = Literal["one_way", "round_trip"]
YesNo = Literal["yes", "no"]


class Leg(TypedDict):
    """One flight of a trip: {'flight_number': 'HAT001', 'date': '2024-05-20'}."""

    flight_number: str
    date: str


class Passenger(TypedDict):
    """{'first_name': 'Ada', 'last_name': 'Lovelace', 'dob': '1990-12-10'}."""

    first_name: str
    last_name: str
    dob: str


class Payment(TypedDict):
    """{'payment_id': 'credit_card_0000000', 'amount': 120}."""

    payment_id: str
    amount: float
