"""The reading tools of airline, as tau-bench behaves (MIT, Sierra), and the ones that touch no table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from selfchal.builtin_envs import calculator
from selfchal.builtin_envs.tables.database import Database
from selfchal.builtin_envs.tables.world import Refused, Rows

AIRPORTS = {
    "SFO": "San Francisco",
    "JFK": "New York",
    "LAX": "Los Angeles",
    "ORD": "Chicago",
    "DFW": "Dallas",
    "DEN": "Denver",
    "SEA": "Seattle",
    "ATL": "Atlanta",
    "MIA": "Miami",
    "BOS": "Boston",
    "PHX": "Phoenix",
    "IAH": "Houston",
    "LAS": "Las Vegas",
    "MCO": "Orlando",
    "EWR": "Newark",
    "CLT": "Charlotte",
    "MSP": "Minneapolis",
    "DTW": "Detroit",
    "PHL": "Philadelphia",
    "LGA": "LaGuardia",
}
Flight = dict[str, Any]


def get_user_details(db: Rows, user_id: str) -> dict[str, Any]:
    """Get a user's profile: name, address, birth date, membership, payment methods and reservations.

    Args:
        user_id: The user id, such as 'ada_lovelace_1234'.
    """
    if user_id not in db["users"]:
        raise Refused("user not found")
    return db["users"][user_id]


def get_reservation_details(db: Rows, reservation_id: str) -> dict[str, Any]:
    """Get a reservation's flights, passengers, cabin, bags, insurance and payments.

    Args:
        reservation_id: The reservation id, such as 'AB12CD'.
    """
    if reservation_id not in db["reservations"]:
        raise Refused("user not found")  # the original's words
    return db["reservations"][reservation_id]


def list_all_airports(db: Rows) -> dict[str, str]:
    """List the airports by their code, and their cities."""
    return AIRPORTS


def search_direct_flight(db: Rows, origin: str, destination: str, date: str) -> list[dict[str, Any]]:
    """Find direct flights between two airports on a date that can still be booked.

    Args:
        origin: The code of the airport of departure, such as 'JFK'.
        destination: The code of the airport of arrival, such as 'LAX'.
        date: The day, such as '2024-05-20'.
    """
    return [
        on_day(flight, date)
        for flight in _list_flights(db, "origin", origin)
        if flight["destination"] == destination and _is_available(flight, date)
    ]


def search_onestop_flight(db: Rows, origin: str, destination: str, date: str) -> list[list[dict[str, Any]]]:
    """Find pairs of connecting flights between two airports that can still be booked.

    Args:
        origin: The code of the airport of departure, such as 'JFK'.
        destination: The code of the airport of arrival, such as 'LAX'.
        date: The day of the first flight, such as '2024-05-20'.
    """
    results = []
    for first, second in _find_connections(db, origin, destination):
        arrival = first["scheduled_arrival_time_est"]
        # As in the original: the next day is always one of May 2024, and never zero-padded.
        date2 = f"2024-05-{int(date[-2:]) + 1}" if "+1" in arrival else date
        if arrival > second["scheduled_departure_time_est"]:
            continue
        if date in first["dates"] and _is_available(second, date2) and _is_available(first, date):
            # Status, seats and prices of the second leg are those of the first day, as in the original.
            results.append([{**on_day(first, date), "date": date}, {**on_day(second, date), "date": date2}])
    return results


def _find_connections(db: Rows, origin: str, destination: str) -> Iterator[tuple[Flight, Flight]]:
    arriving = _list_flights(db, "destination", destination)
    for first in _list_flights(db, "origin", origin):
        for second in arriving:
            if first["destination"] == second["origin"]:
                yield first, second


def _is_available(flight: Flight, date: str) -> bool:
    return date in flight["dates"] and flight["dates"][date]["status"] == "available"


def on_day(flight: Flight, date: str) -> Flight:
    """The flight without its other days."""
    return {**{key: value for key, value in flight.items() if key != "dates"}, **flight["dates"][date]}


def _list_flights(db: Rows, end: str, airport: str) -> list[Flight]:
    """Flights from (``origin``) or to (``destination``) an airport, in the order of the table."""
    if not isinstance(airport, str):
        return []  # equal to no airport; what is not hashable must not raise here
    index = db.database.derive(f"flights by {end}", lambda database: _build_index(database, end))
    table = db["flights"]
    return [table[number] for number in index.get(airport, ())]


def _build_index(database: Database, end: str) -> dict[str, list[str]]:
    """No tool changes where a flight goes, so the index holds for every world."""
    index = defaultdict(list)
    for number, flight in database.rows("flights").items():
        index[flight[end]].append(number)
    return dict(index)


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
