"""Our own airline, made by a seeded generator at first use: thirty days of flights, users, reservations.

Rows have the shapes of tau-bench. It is 15 May 2024, 15:00: flights before that have landed or are in
the air, those of the day are on time or delayed, those after can be booked.
"""

from __future__ import annotations

from random import Random
from string import ascii_uppercase, digits
from typing import Any

from selfchal.builtin_envs.airline.reads import AIRPORTS
from selfchal.builtin_envs.airline.rules import free_bags
from selfchal.builtin_envs.tables import people
from selfchal.builtin_envs.tables.database import Row
from selfchal.builtin_envs.tables.people import Numbers

FLIGHTS = 320
USERS = 520
RESERVATIONS = 2_200
DAYS = [f"2024-05-{day:02d}" for day in range(1, 31)]
TODAY = "2024-05-15"
CABINS = ("basic_economy", "economy", "business")
FARES = {"basic_economy": (45, 110), "economy": (100, 220), "business": (230, 520)}
SEATS = (0, 2, 4, 6, 9, 12, 15, 20)


def generate_airline(seed: int) -> dict[str, dict[str, Row]]:
    """The tables ``flights``, ``reservations`` and ``users``: the same for the same seed, anywhere."""
    random = Random(seed)
    flights = _make_flights(random)
    users = _make_users(random)
    reservations: dict[str, Row] = {}
    owners = list(users)
    while len(reservations) < RESERVATIONS:
        reservation_id = "".join(random.choices(ascii_uppercase + digits, k=6))
        owner = random.choice(owners)
        if reservation_id not in reservations:
            reservations[reservation_id] = _make_reservation(
                random, reservation_id, owner, users[owner], flights
            )
            users[owner]["reservations"].append(reservation_id)
    return {"flights": flights, "reservations": reservations, "users": users}


def _make_flights(random: Random) -> dict[str, Row]:
    """Pairs of flights there and back, so that round trips exist."""
    airports, flights = list(AIRPORTS), {}
    routes = [(a, b) for a in airports for b in airports if a < b]
    random.shuffle(routes)
    for i in range(FLIGHTS):
        origin, destination = routes[(i // 2) % len(routes)][:: 1 if i % 2 else -1]
        number = f"HAT{i + 1:03d}"
        minutes = random.randrange(5 * 60, 23 * 60, 5)
        flights[number] = {
            "flight_number": number,
            "origin": origin,
            "destination": destination,
            "scheduled_departure_time_est": _format_clock(minutes),
            "scheduled_arrival_time_est": _format_clock(minutes + random.randrange(75, 330, 5)),
            "dates": {day: _format_day(random, day, minutes) for day in DAYS},
        }
    return flights


def _format_clock(minutes: int) -> str:
    days, minutes = divmod(minutes, 24 * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:00{'+1' if days else ''}"


def _format_day(random: Random, day: str, minutes: int) -> dict[str, Any]:
    if day > TODAY:
        return {
            "status": "available",
            "available_seats": {cabin: random.choice(SEATS) for cabin in CABINS},
            "prices": {cabin: random.randint(*FARES[cabin]) for cabin in CABINS},
        }
    if random.random() < 0.05:
        return {"status": "cancelled"}
    if day == TODAY and minutes > 15 * 60:
        status = random.choice(("on time", "on time", "delayed"))
        late = random.randrange(30, 180, 5) if status == "delayed" else 0
        return {"status": status, "estimated_departure_time_est": f"{day}T{_format_clock(minutes + late)}"}
    late = random.choice((0, 0, 0, 5, 10, 45))
    took_off = {"actual_departure_time_est": f"{day}T{_format_clock(minutes + late)}"}
    if day == TODAY and minutes > 12 * 60:
        return {"status": "flying", **took_off}
    return {
        "status": "landed",
        **took_off,
        "actual_arrival_time_est": f"{day}T{_format_clock(minutes + late + 120)}",
    }


def _make_users(random: Random) -> dict[str, Row]:
    numbers, methods = Numbers(random, 4), Numbers(random, 7)
    users: dict[str, Row] = {}
    for _ in range(USERS):
        name, number = people.name(random), numbers.next()
        users[people.user_id(name, number)] = {
            "name": name,
            "address": people.address(random),
            "email": f"{name['first_name']}.{name['last_name']}{number}@example.com".lower(),
            "dob": people.birth_date(random),
            "payment_methods": _make_payment_methods(random, methods),
            "saved_passengers": [_make_passenger(random) for _ in range(random.randint(0, 3))],
            "membership": random.choice(("regular", "silver", "gold")),
            "reservations": [],
        }
    return users


def _make_payment_methods(random: Random, numbers: Numbers) -> dict[str, Row]:
    sources = ["credit_card"]  # everybody can pay
    sources += random.sample(("credit_card", "gift_card", "gift_card", "certificate"), random.randint(0, 3))
    methods: dict[str, Row] = {}
    for source in sources:
        method_id = f"{source}_{numbers.next()}"
        if source == "credit_card":
            brand, last_four = random.choice(people.BRANDS), f"{random.randint(0, 9999):04d}"
            methods[method_id] = {"source": source, "brand": brand, "last_four": last_four, "id": method_id}
        else:
            amount = random.choice((50, 100, 150, 200, 250, 500))
            methods[method_id] = {"source": source, "amount": amount, "id": method_id}
    return methods


def _make_passenger(random: Random) -> dict[str, str]:
    return {**people.name(random), "dob": people.birth_date(random)}


def _make_reservation(
    random: Random, reservation_id: str, user_id: str, user: Row, flights: dict[str, Row]
) -> Row:
    out = random.choice(list(flights.values()))
    cabin = random.choice(CABINS)
    days = sorted(random.sample(range(len(DAYS)), 2))
    round_trip = random.random() < 0.4
    legs = [_make_leg(random, out, DAYS[days[0]], cabin)]
    if round_trip:
        legs.append(_make_leg(random, flights[_find_way_back(out["flight_number"])], DAYS[days[1]], cabin))
    travellers = [{**user["name"], "dob": user["dob"]}]
    travellers += [_make_passenger(random) for _ in range(random.choice((0, 0, 1, 1, 2)))]
    insurance = random.choice(("yes", "no"))
    bags = random.randint(0, 2 * len(travellers))
    paid_bags = max(0, bags - free_bags(user["membership"], cabin) * len(travellers))
    price = (sum(leg["price"] for leg in legs) + 30 * (insurance == "yes")) * len(travellers) + 50 * paid_bags
    payer = random.choice(
        [key for key, row in user["payment_methods"].items() if row["source"] != "certificate"]
    )
    return {
        "reservation_id": reservation_id,
        "user_id": user_id,
        "origin": out["origin"],
        "destination": out["destination"],
        "flight_type": "round_trip" if round_trip else "one_way",
        "cabin": cabin,
        "flights": legs,
        "passengers": travellers,
        "payment_history": [{"payment_id": payer, "amount": price}],
        "created_at": _book_legs(random, days[0] + 1),
        "total_baggages": bags,
        "nonfree_baggages": paid_bags,
        "insurance": insurance,
    }


def _find_way_back(number: str) -> str:
    """Flights come in pairs: HAT001 and HAT002 go to and fro."""
    i = int(number[3:]) - 1
    return f"HAT{(i ^ 1) + 1:03d}"


def _make_leg(random: Random, flight: Row, day: str, cabin: str) -> Row:
    prices = flight["dates"][day].get("prices")
    return {
        "origin": flight["origin"],
        "destination": flight["destination"],
        "flight_number": flight["flight_number"],
        "date": day,
        "price": prices[cabin] if prices else random.randint(*FARES[cabin]),
    }


def _book_legs(random: Random, first_day: int) -> str:
    """A moment before the first flight and before now; one in twelve less than a day ago."""
    time = f"T{random.randint(0, 14):02d}:{random.randint(0, 59):02d}:{random.randint(0, 59):02d}"
    if first_day > 16 and random.random() < 1 / 12:
        return f"{TODAY}{time}"
    return f"2024-05-{random.randint(1, min(first_day, 13)):02d}{time}"
