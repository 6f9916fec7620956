"""Our own held-out airline tasks: a goal or two of one customer, within the policy.

What an instruction names (a trip by its route, a flight by its day and price) is unique, so that the
instruction decides the final state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from selfchal.builtin_envs.airline.generate import CABINS, DAYS, TODAY
from selfchal.builtin_envs.airline.reads import AIRPORTS
from selfchal.builtin_envs.airline.rules import free_bags
from selfchal.builtin_envs.service.goals import Action, Goal, RawTask, sound, task_row
from selfchal.builtin_envs.tables import people
from selfchal.builtin_envs.tables.database import Database, Row
from selfchal.builtin_envs.tables.world import Toolset

TASKS = 72
DAY_AGO = "2024-05-14T15:00:00"
MANNERS = (
    "You are brief.",
    "You are in a hurry.",
    "You answer what you are asked, and add nothing.",
    "You like to have things confirmed before they are done.",
)


@dataclass(frozen=True)
class Customer:
    id: str
    row: Row
    trips: list[Row]
    flights: dict[str, Row]
    random: Random

    def named_trips(self) -> list[Row]:
        """Reservations whose route no other reservation of the customer has."""
        routes = Counter((trip["origin"], trip["destination"]) for trip in self.trips)
        return [trip for trip in self.trips if routes[trip["origin"], trip["destination"]] == 1]

    def coming_trips(self) -> list[Row]:
        """Named trips of which nothing was flown and every flight can still be booked."""
        return [trip for trip in self.named_trips() if all(leg["date"] > TODAY for leg in trip["flights"])]

    def card(self) -> tuple[str, str]:
        """A credit card, and how the customer calls it."""
        cards = [(i, m) for i, m in self.row["payment_methods"].items() if m["source"] == "credit_card"]
        card_id, method = self.random.choice(cards)
        return card_id, f"your credit card ending in {method['last_four']}"


def airline_tasks(database: Database, toolset: Toolset, seed: int) -> list[RawTask]:
    """Tasks of our own airline, each checked: its calls succeed and each write matters."""
    random = Random(seed)
    user_ids = list(database.rows("users"))
    random.shuffle(user_ids)
    tasks: list[RawTask] = []
    for user_id in user_ids:
        customer = _draw_customer(database, user_id, random)
        goals = _list_goals(customer, first=len(tasks) % len(KINDS), wanted=1 + (len(tasks) % 4 == 3))
        if not goals:
            continue
        row = task_row(
            f"Your user id is {user_id}.", [_make_profile_action(customer)], goals, random.choice(MANNERS)
        )
        if sound(database, toolset, [(action["name"], action["kwargs"]) for action in row["actions"]]):
            tasks.append(row)
        if len(tasks) == TASKS:
            break
    return tasks


def _draw_customer(database: Database, user_id: str, random: Random) -> Customer:
    row = database.rows("users")[user_id]
    trips = [database.rows("reservations")[trip] for trip in row["reservations"]]
    return Customer(user_id, row, trips, dict(database.rows("flights")), random)


def _list_goals(customer: Customer, first: int, wanted: int) -> list[Goal]:
    """The first kind in turn, then others about other trips; none where the customer cannot have them."""
    rest = [kind for i, kind in enumerate(KINDS) if i != first]
    customer.random.shuffle(rest)
    goal = KINDS[first](customer)
    goals = [goal] if goal else []
    for kind in rest:
        if not goals or len(goals) == wanted:
            break
        other = kind(customer)
        if other is not None and other.about != goals[0].about:
            goals.append(other)
    return goals if len(goals) == wanted else []


def _make_profile_action(customer: Customer) -> Action:
    return "get_user_details", {"user_id": customer.id}


def _make_lookup(trip: Row) -> Action:
    return "get_reservation_details", {"reservation_id": trip["reservation_id"]}


def _describe_route(trip: Row) -> str:
    start, end = trip["origin"], trip["destination"]
    return f"from {AIRPORTS[start]} ({start}) to {AIRPORTS[end]} ({end})"


def _draw(customer: Customer, trips: list[Row]) -> Row | None:
    return customer.random.choice(trips) if trips else None


def cancel(customer: Customer) -> Goal | None:
    trips = [trip for trip in customer.coming_trips() if _is_cancellable(trip)]
    trip = _draw(customer, trips)
    if trip is None:
        return None
    insured = trip["insurance"] == "yes" and trip["cabin"] != "business" and trip["created_at"] < DAY_AGO
    why = "you are ill (a health reason)" if insured else "of a change of plan"
    said = f"You want to cancel your trip {_describe_route(trip)}, because {why}."
    call: Action = ("cancel_reservation", {"reservation_id": trip["reservation_id"]})
    return Goal("cancel", said, trip["reservation_id"], [_make_lookup(trip), call])


def _is_cancellable(trip: Row) -> bool:
    return bool(trip["cabin"] == "business" or trip["insurance"] == "yes" or trip["created_at"] >= DAY_AGO)


def add_bags(customer: Customer) -> Goal | None:
    trip = _draw(customer, customer.coming_trips())
    if trip is None:
        return None
    total = trip["total_baggages"] + customer.random.randint(1, 3)
    free = free_bags(customer.row["membership"], trip["cabin"]) * len(trip["passengers"])
    card_id, card = customer.card()
    paid = max(trip["nonfree_baggages"], total - free)
    added = total - trip["total_baggages"]
    said = (
        f"You want to add {added} checked bag{'s' * (added > 1)} to your trip {_describe_route(trip)}. "
        f"If it costs something, pay with {card}."
    )
    outputs = []
    if paid > trip["nonfree_baggages"]:
        said += " You want to be told what it costs in all."
        outputs = [str(50 * (paid - trip["nonfree_baggages"]))]
    kwargs = {
        "reservation_id": trip["reservation_id"],
        "total_baggages": total,
        "nonfree_baggages": paid,
        "payment_id": card_id,
    }
    calls: list[Action] = [_make_lookup(trip), ("update_reservation_baggages", kwargs)]
    return Goal("bags", said, trip["reservation_id"], calls, outputs)


def rename(customer: Customer) -> Goal | None:
    trip = _draw(customer, [trip for trip in customer.coming_trips() if len(trip["passengers"]) > 1])
    if trip is None:
        return None
    old = trip["passengers"][-1]
    new = {**people.name(customer.random), "dob": people.birth_date(customer.random)}
    said = (
        f"On your trip {_describe_route(trip)}, {old['first_name']} {old['last_name']} cannot come; "
        f"{new['first_name']} {new['last_name']}, born {new['dob']}, takes that seat instead."
    )
    kwargs = {"reservation_id": trip["reservation_id"], "passengers": [*trip["passengers"][:-1], new]}
    return Goal(
        "passenger",
        said,
        trip["reservation_id"],
        [_make_lookup(trip), ("update_reservation_passengers", kwargs)],
    )


def _list_legs(trip: Row) -> list[dict[str, str]]:
    return [{"flight_number": leg["flight_number"], "date": leg["date"]} for leg in trip["flights"]]


def upgrade(customer: Customer) -> Goal | None:
    trip = _draw(customer, [trip for trip in customer.coming_trips() if trip["cabin"] != "business"])
    if trip is None:
        return None
    cabin = CABINS[CABINS.index(trip["cabin"]) + 1]
    card_id, card = customer.card()
    said = (
        f"You want to change the cabin of your trip {_describe_route(trip)} to {cabin.replace('_', ' ')}, "
        f"on the same flights, with the price difference on {card}."
    )
    kwargs = {
        "reservation_id": trip["reservation_id"],
        "cabin": cabin,
        "flights": _list_legs(trip),
        "payment_id": card_id,
    }
    return Goal(
        "cabin", said, trip["reservation_id"], [_make_lookup(trip), ("update_reservation_flights", kwargs)]
    )


def postpone(customer: Customer) -> Goal | None:
    """The same flight of a one-way trip on another day."""
    trips = [
        t for t in customer.coming_trips() if t["cabin"] != "basic_economy" and t["flight_type"] == "one_way"
    ]
    trip = _draw(customer, trips)
    if trip is None:
        return None
    held = trip["flights"][0]
    day = customer.random.choice([day for day in DAYS if day > TODAY and day != held["date"]])
    card_id, card = customer.card()
    said = (
        f"You want to take the same flight on {day} instead of {held['date']} on your trip "
        f"{_describe_route(trip)}, "
        f"with the price difference on {card}."
    )
    search = {"origin": trip["origin"], "destination": trip["destination"], "date": day}
    kwargs = {
        "reservation_id": trip["reservation_id"],
        "cabin": trip["cabin"],
        "flights": [{"flight_number": held["flight_number"], "date": day}],
        "payment_id": card_id,
    }
    calls: list[Action] = [
        _make_lookup(trip),
        ("search_direct_flight", search),
        ("update_reservation_flights", kwargs),
    ]
    return Goal("flight", said, trip["reservation_id"], calls)


def book(customer: Customer) -> Goal | None:
    """The cheapest direct flight of a day, for the customer alone."""
    flight = customer.random.choice(list(customer.flights.values()))
    day = customer.random.choice([day for day in DAYS if day > TODAY])
    cabin = customer.random.choice(CABINS)
    route = {"origin": flight["origin"], "destination": flight["destination"]}
    fares = sorted(
        (other["dates"][day]["prices"][cabin], other["flight_number"])
        for other in customer.flights.values()
        if route.items() <= other.items() and other["dates"][day]["available_seats"][cabin]
    )
    if not fares or (len(fares) > 1 and fares[0][0] == fares[1][0]):
        return None
    insured = customer.random.random() < 0.5
    price = fares[0][0] + 30 * insured
    card_id, card = customer.card()
    said = (
        f"You want to book the cheapest direct flight {_describe_route(route)} on {day} that has a seat in "
        f"{cabin.replace('_', ' ')}, one way, for yourself alone (your birth date is in your profile), "
        f"without bags, {'with' if insured else 'without'} insurance, paid with {card}. "
        "You want to be told the total price."
    )
    kwargs = {
        "user_id": customer.id,
        **route,
        "flight_type": "one_way",
        "cabin": cabin,
        "flights": [{"flight_number": fares[0][1], "date": day}],
        "passengers": [{**customer.row["name"], "dob": customer.row["dob"]}],
        "payment_methods": [{"payment_id": card_id, "amount": price}],
        "total_baggages": 0,
        "nonfree_baggages": 0,
        "insurance": "yes" if insured else "no",
    }
    calls: list[Action] = [("search_direct_flight", {**route, "date": day}), ("book_reservation", kwargs)]
    return Goal("book", said, "a new reservation", calls, [str(price)])


def compensate(customer: Customer) -> Goal | None:
    """The airline cancelled a flight of the trip of somebody who has a claim."""
    trips = [
        trip
        for trip in customer.named_trips()
        if _was_cancelled(customer, trip) and _has_claim(customer, trip)
    ]
    trip = _draw(customer, trips)
    if trip is None:
        return None
    said = (
        f"You complain that a flight of your trip {_describe_route(trip)} was cancelled by the airline, "
        "and ask for a compensation."
    )
    amount = 100 * len(trip["passengers"])
    call: Action = ("send_certificate", {"user_id": customer.id, "amount": amount})
    return Goal("compensation", said, trip["reservation_id"], [_make_lookup(trip), call], [str(amount)])


def _was_cancelled(customer: Customer, trip: Row) -> bool:
    days = [customer.flights[leg["flight_number"]]["dates"][leg["date"]] for leg in trip["flights"]]
    return any(day["status"] == "cancelled" for day in days)


def _has_claim(customer: Customer, trip: Row) -> bool:
    member = customer.row["membership"] in ("silver", "gold")
    return member or trip["insurance"] == "yes" or trip["cabin"] == "business"


KINDS: tuple[Callable[[Customer], Goal | None], ...] = (
    cancel,
    add_bags,
    rename,
    upgrade,
    postpone,
    book,
    compensate,
)
