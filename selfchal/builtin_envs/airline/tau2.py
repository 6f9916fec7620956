"""Airline tools of the ``tau2`` profile: where tau2-bench differs from tau-bench in what a call does.

The cabin that ``update_reservation_flights`` stores and the refusal of a fourth booking or certificate
are those of selfchal.builtin_envs.airline.fixed.
"""

from __future__ import annotations

from typing import Any

from selfchal.builtin_envs.airline import fixed, reads, writes
from selfchal.builtin_envs.airline.shapes import Cabin, Leg, Passenger, Payment, TripType, YesNo
from selfchal.builtin_envs.tables.profiles import described_by
from selfchal.builtin_envs.tables.world import Refused, Rows

update_reservation_flights = fixed.update_reservation_flights
send_certificate = fixed.send_certificate


def get_flight_status(db: Rows, flight_number: str, date: str) -> str:
    """Get the status of a flight on a day.

    Args:
        flight_number: The flight number, such as 'HAT001'.
        date: The day, such as '2024-05-20'.
    """
    if flight_number not in db["flights"]:
        raise Refused(f"flight {flight_number} not found")
    days = db["flights"][flight_number]["dates"]
    if date not in days:
        raise Refused(f"flight {flight_number} not found on date {date}")
    status: str = days[date]["status"]
    return status


@described_by(reads.get_reservation_details)
def get_reservation_details(db: Rows, reservation_id: str) -> dict[str, Any]:
    return writes.reservation_row(db, reservation_id)


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
    if writes.NEW_RESERVATIONS[-1] in db["reservations"]:
        raise Refused("too many reservations")
    trip = (user_id, origin, destination, flight_type, cabin, flights, passengers)
    row = writes.book_reservation(db, *trip, payment_methods, total_baggages, nonfree_baggages, insurance)
    for leg in flights:  # booking takes seats
        day = db["flights"].edit(leg["flight_number"])["dates"][leg["date"]]
        day["available_seats"][cabin] -= len(passengers)
    return row
