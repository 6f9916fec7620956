"""The writing tools of airline, state for state as tau-bench behaves (MIT, Sierra).

The order of checks and writes is the original's: it shows in error texts and in what a failing call
leaves behind.
"""

from __future__ import annotations

from typing import Any

from selfchal.builtin_envs.airline.shapes import Cabin, Leg, Passenger, Payment, TripType, YesNo
from selfchal.builtin_envs.tables.values import copy_json
from selfchal.builtin_envs.tables.world import Refused, Rows

NEW_RESERVATIONS = ("HATHAT", "HATHAU", "HATHAV")
NEW_CERTIFICATES = (3221322, 3221323, 3221324)
NOW = "2024-05-15T15:00:00"


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
    """Book a trip. The payments must add up to the price exactly: the flights, 30 a passenger for
    insurance, 50 a bag that is not free. The user must have confirmed all of it.

    Args:
        user_id: The user id, such as 'ada_lovelace_1234'.
        origin: The code of the airport of departure, such as 'SFO'.
        destination: The code of the airport of arrival, such as 'JFK'.
        flight_type: 'one_way' or 'round_trip'.
        cabin: 'basic_economy', 'economy' or 'business'.
        flights: Every flight, each as {'flight_number': 'HAT001', 'date': '2024-05-20'}.
        passengers: Every passenger, each as {'first_name': ..., 'last_name': ..., 'dob': '1990-12-10'}.
        payment_methods: Every payment, each as {'payment_id': 'credit_card_0000000', 'amount': 120}.
        total_baggages: How many bags are checked in.
        nonfree_baggages: How many of them are paid for.
        insurance: 'yes' or 'no'.
    """
    if user_id not in db["users"]:
        raise Refused("user not found")
    free = (name for name in NEW_RESERVATIONS if name not in db["reservations"])
    reservation_id = next(free, NEW_RESERVATIONS[-1])  # as in the original, a fourth overwrites the third
    reservation = {
        "reservation_id": reservation_id,
        "user_id": user_id,
        "origin": origin,
        "destination": destination,
        "flight_type": flight_type,
        "cabin": cabin,
        "flights": copy_json(flights),
        "passengers": passengers,
        "payment_history": payment_methods,
        "created_at": NOW,
        "total_baggages": total_baggages,
        "nonfree_baggages": nonfree_baggages,
        "insurance": insurance,
    }
    price = sum_prices(db, reservation["flights"], cabin, passengers)
    price += 30 * len(passengers) if insurance == "yes" else 0
    price += 50 * nonfree_baggages
    _check_payments(db["users"][user_id]["payment_methods"], payment_methods, price)
    user = db["users"].edit(user_id)
    for payment in payment_methods:
        _pay(user["payment_methods"], payment)
    db["reservations"].put(reservation_id, reservation)
    user["reservations"].append(reservation_id)
    return reservation


def sum_prices(db: Rows, flights: Any, cabin: str, passengers: Any) -> Any:
    """The price of these flights for everybody; writes price, origin and destination into each."""
    total = 0
    for flight in flights:
        total += price_flight(db, flight, cabin, passengers)
    return total


def price_flight(db: Rows, flight: Any, cabin: str, passengers: Any) -> Any:
    """What everybody pays for one flight to book. Raises Refused where it cannot be booked."""
    number = flight["flight_number"]
    if number not in db["flights"]:
        raise Refused(f"flight {number} not found")
    row = db["flights"][number]
    if flight["date"] not in row["dates"]:
        raise Refused(f"flight {number} not found on date {flight['date']}")
    day = row["dates"][flight["date"]]
    if day["status"] != "available":
        raise Refused(f"flight {number} not available on date {flight['date']}")
    if day["available_seats"][cabin] < len(passengers):
        raise Refused(f"not enough seats on flight {number}")
    flight["price"] = day["prices"][cabin]
    flight["origin"], flight["destination"] = row["origin"], row["destination"]
    return flight["price"] * len(passengers)


def _check_payments(methods: dict[str, Any], payments: Any, price: Any) -> None:
    for payment in payments:
        payment_id, amount = payment["payment_id"], payment["amount"]
        if payment_id not in methods:
            raise Refused(f"payment method {payment_id} not found")
        method = methods[payment_id]
        if method["source"] in ("gift_card", "certificate") and method["amount"] < amount:
            raise Refused(f"not enough balance in payment method {payment_id}")
    paid = sum(payment["amount"] for payment in payments)
    if paid != price:
        raise Refused(f"payment amount does not add up, total price is {price}, but paid {paid}")


def _pay(methods: dict[str, Any], payment: Any) -> None:
    payment_id = payment["payment_id"]
    source = methods[payment_id]["source"]  # raises for a certificate that is listed twice
    if source == "gift_card":
        methods[payment_id]["amount"] -= payment["amount"]
    elif source == "certificate":
        del methods[payment_id]


def cancel_reservation(db: Rows, reservation_id: str) -> dict[str, Any]:
    """Cancel a whole reservation and refund its payments. The user must have confirmed it.

    Args:
        reservation_id: The reservation id, such as 'AB12CD'.
    """
    reservation_row(db, reservation_id)
    reservation = db["reservations"].edit(reservation_id)
    reservation["payment_history"] += [
        {"payment_id": payment["payment_id"], "amount": -payment["amount"]}
        for payment in reservation["payment_history"]
    ]
    reservation["status"] = "cancelled"
    return reservation


def reservation_row(db: Rows, reservation_id: str) -> dict[str, Any]:
    """The reservation, to read."""
    if reservation_id not in db["reservations"]:
        raise Refused("reservation not found")
    return db["reservations"][reservation_id]


def send_certificate(db: Rows, user_id: str, amount: float) -> str | None:
    """Give a user a travel certificate as a compensation. Mind the policy.

    Args:
        user_id: The user id, such as 'ada_lovelace_1234'.
        amount: What the certificate is worth.
    """
    if user_id not in db["users"]:
        raise Refused("user not found")
    for number in NEW_CERTIFICATES:
        payment_id = f"certificate_{number}"
        if payment_id not in db["users"][user_id]["payment_methods"]:
            methods = db["users"].edit(user_id)["payment_methods"]
            methods[payment_id] = {"source": "certificate", "amount": amount, "id": payment_id}
            return f"Certificate {payment_id} added to user {user_id} with amount {amount}."
    return None


def update_reservation_baggages(
    db: Rows, reservation_id: str, total_baggages: int, nonfree_baggages: int, payment_id: str
) -> dict[str, Any]:
    """Change the bags of a reservation; each further bag that is not free costs 50. The user must have
    confirmed it.

    Args:
        reservation_id: The reservation id, such as 'AB12CD'.
        total_baggages: How many bags are checked in from now on.
        nonfree_baggages: How many of them are paid for.
        payment_id: The gift card or credit card that pays, such as 'gift_card_0000000'.
    """
    reservation = reservation_row(db, reservation_id)
    price = 50 * max(0, nonfree_baggages - reservation["nonfree_baggages"])
    method = paying_method(db, reservation, payment_id, price)
    reservation = db["reservations"].edit(reservation_id)
    reservation["total_baggages"] = total_baggages
    reservation["nonfree_baggages"] = nonfree_baggages
    _charge(db, reservation, method, payment_id, price)
    return reservation


def paying_method(db: Rows, reservation: dict[str, Any], payment_id: str, price: Any) -> dict[str, Any]:
    """The payment method of the reservation's user, to read. Raises Refused where it cannot pay."""
    methods = db["users"][reservation["user_id"]]["payment_methods"]
    if payment_id not in methods:
        raise Refused("payment method not found")
    method: dict[str, Any] = methods[payment_id]
    if method["source"] == "certificate":
        raise Refused("certificate cannot be used to update reservation")
    if method["source"] == "gift_card" and method["amount"] < price:
        raise Refused("gift card balance is not enough")
    return method


def _charge(
    db: Rows, reservation: dict[str, Any], method: dict[str, Any], payment_id: str, price: Any
) -> None:
    if method["source"] == "gift_card":
        db["users"].edit(reservation["user_id"])["payment_methods"][payment_id]["amount"] -= price
    if price != 0:
        reservation["payment_history"].append({"payment_id": payment_id, "amount": price})


def update_reservation_flights(
    db: Rows, reservation_id: str, cabin: Cabin, flights: list[Leg], payment_id: str
) -> dict[str, Any]:
    """Change the flights or the cabin of a reservation; the price difference is charged or refunded.
    The user must have confirmed it.

    Args:
        reservation_id: The reservation id, such as 'AB12CD'.
        cabin: 'basic_economy', 'economy' or 'business', for all flights.
        flights: Every flight of the trip from now on, kept ones too, each as
            {'flight_number': 'HAT001', 'date': '2024-05-20'}.
        payment_id: The gift card or credit card for the difference, such as 'gift_card_0000000'.
    """
    reservation = reservation_row(db, reservation_id)
    passengers = reservation["passengers"]
    price = 0
    for flight in flights:
        kept = _keep_flight(reservation, flight, cabin)
        if kept is None:
            price += price_flight(db, flight, cabin, passengers)
            continue
        price += kept["price"] * len(passengers)
        flight |= {key: kept[key] for key in ("price", "origin", "destination")}  # type: ignore[typeddict-item]  # a leg becomes a row
    price -= sum(flight["price"] for flight in reservation["flights"]) * len(passengers)
    method = paying_method(db, reservation, payment_id, price)
    reservation = db["reservations"].edit(reservation_id)
    reservation["flights"] = flights
    _charge(db, reservation, method, payment_id, price)
    return reservation


def _keep_flight(reservation: dict[str, Any], flight: Any, cabin: str) -> dict[str, Any] | None:
    """The reservation's own flight that this one is, unless the cabin changes."""
    same: list[dict[str, Any]] = [
        held
        for held in reservation["flights"]
        if held["flight_number"] == flight["flight_number"]
        and held["date"] == flight["date"]
        and cabin == reservation["cabin"]
    ]
    return same[0] if same else None


def update_reservation_passengers(
    db: Rows, reservation_id: str, passengers: list[Passenger]
) -> dict[str, Any]:
    """Replace the passengers of a reservation, as many as before. The user must have confirmed it.

    Args:
        reservation_id: The reservation id, such as 'AB12CD'.
        passengers: Every passenger, each as {'first_name': ..., 'last_name': ..., 'dob': '1990-12-10'}.
    """
    reservation = reservation_row(db, reservation_id)
    if len(passengers) != len(reservation["passengers"]):
        raise Refused("number of passengers does not match")
    reservation = db["reservations"].edit(reservation_id)
    reservation["passengers"] = passengers
    return reservation
