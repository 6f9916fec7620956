"""The facts of our own site: the island of Port Aster, made by a seeded generator, always the same.

Another seed gives another island: the same places and things, other people, numbers and links between them.
People work in offices, sail ships and keep stalls; the same person is met in several places, so that
a question may need facts of two sections. ``page`` is the name of the page about something.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from selfchal.builtin_envs.web_browsing import names
from selfchal.builtin_envs.web_browsing.names import slug

_SEED = 41


@dataclass(frozen=True)
class Person:
    name: str
    role: str
    office: str
    room: int
    phone: str
    email: str
    hobby: str

    @property
    def page(self) -> str:
        return f"/council/people/{slug(self.name)}"


@dataclass(frozen=True)
class Office:
    name: str
    floor: int
    hours: str
    head: Person
    staff: Sequence[Person]  # with the head

    @property
    def page(self) -> str:
        return f"/council/{slug(self.name)}"


@dataclass(frozen=True)
class Ship:
    name: str
    built: int
    seats: int
    captain: str

    @property
    def page(self) -> str:
        return f"/harbour/ships/{slug(self.name)}"


@dataclass(frozen=True)
class Route:
    destination: str
    ship: Ship
    minutes: int
    departures: Sequence[str]
    fare: float
    child_fare: float

    @property
    def page(self) -> str:
        return f"/harbour/to/{slug(self.destination)}"


@dataclass(frozen=True)
class Good:
    name: str
    stall: str
    price: float
    unit: str
    origin: str
    stock: int

    @property
    def page(self) -> str:
        return f"/market/{slug(self.stall)}/{slug(self.name)}"

    @property
    def one(self) -> str:
        """The amount that the price is for."""
        return f"one {self.name}" if self.unit == "piece" else f"one {self.unit} of {self.name}"


@dataclass(frozen=True)
class Stall:
    name: str
    keeper: str
    row: int
    closed: str
    goods: Sequence[Good]

    @property
    def page(self) -> str:
        return f"/market/{slug(self.name)}"


@dataclass(frozen=True)
class Exhibit:
    name: str
    hall: str
    year: int
    material: str
    donor: Person
    number: str

    @property
    def page(self) -> str:
        return f"/museum/{slug(self.hall)}/{slug(self.name)}"


@dataclass(frozen=True)
class Book:
    title: str
    author: str
    shelf: str
    pages: int
    year: int
    mark: str

    @property
    def page(self) -> str:
        return f"/library/{slug(self.shelf)}/{slug(self.title)}"


@dataclass(frozen=True)
class Trail:
    name: str
    kilometres: float
    climb: int
    start: str
    grade: str

    @property
    def page(self) -> str:
        return f"/trails/{slug(self.name)}"


@dataclass(frozen=True)
class Event:
    name: str
    day: str
    time: str
    venue: str
    price: float
    host: Person

    @property
    def page(self) -> str:
        return f"/festival/{slug(self.day)}/{slug(self.name)}"


@dataclass(frozen=True)
class SiteFacts:
    offices: Sequence[Office]
    routes: Sequence[Route]
    ships: Sequence[Ship]
    stalls: Sequence[Stall]
    exhibits: Sequence[Exhibit]
    books: Sequence[Book]
    trails: Sequence[Trail]
    events: Sequence[Event]

    @property
    def people(self) -> Sequence[Person]:
        return [person for office in self.offices for person in office.staff]

    @property
    def goods(self) -> Sequence[Good]:
        return [good for stall in self.stalls for good in stall.goods]


@cache
def site_facts() -> SiteFacts:
    """The environment's own."""
    return make_site_facts(_SEED)


def make_site_facts(seed: int) -> SiteFacts:
    rng = random.Random(seed)
    whole = names.people(rng, len(names.OFFICES) * 5 + len(names.SHIPS) + len(names.STALLS))
    offices = [_make_office(rng, office, [whole.pop() for _ in range(5)]) for office in names.OFFICES]
    ships = [
        Ship(name, rng.randrange(1961, 2023), rng.randrange(40, 310), whole.pop()) for name in names.SHIPS
    ]
    people = [person for office in offices for person in office.staff]
    return SiteFacts(
        offices=offices,
        routes=[
            _make_route(rng, destination, ships[number % len(ships)])
            for number, destination in enumerate(names.DESTINATIONS)
        ],
        ships=ships,
        stalls=[_make_stall(rng, name, whole.pop(), goods) for name, goods in names.STALLS.items()],
        exhibits=_make_exhibits(rng, people),
        books=_make_books(rng),
        trails=[_make_trail(rng, name) for name in names.TRAILS],
        events=_make_events(rng, people),
    )


def _make_office(rng: random.Random, name: str, staff_names: Sequence[str]) -> Office:
    roles = ["Head of office", *rng.sample(names.ROLES, 4)]
    rooms = rng.sample(range(101, 460), 5)
    staff = [
        Person(
            name=person,
            role=role,
            office=name,
            room=room,
            phone=f"0{rng.randrange(20, 99)} {rng.randrange(1000, 9999)} {rng.randrange(100, 999)}",
            email=f"{person.lower().replace(' ', '.')}@portaster.example",
            hobby=rng.choice(names.HOBBIES),
        )
        for person, role, room in zip(staff_names, roles, rooms, strict=True)
    ]
    opens, closes = rng.randrange(7, 11), rng.randrange(14, 19)
    return Office(name, rng.randrange(1, 6), f"{opens}:00 to {closes}:30", staff[0], staff)


def _make_route(rng: random.Random, destination: str, ship: Ship) -> Route:
    first, every = rng.randrange(6 * 60, 9 * 60, 5), rng.randrange(100, 260, 5)
    times = [first + every * turn for turn in range(rng.randrange(3, 6))]
    fare = rng.randrange(650, 4800, 5) / 100
    return Route(
        destination=destination,
        ship=ship,
        minutes=rng.randrange(20, 190),
        departures=[f"{time // 60:02d}:{time % 60:02d}" for time in times],
        fare=fare,
        child_fare=round(fare * rng.choice((0.5, 0.6, 0.4)), 2),
    )


def _make_stall(rng: random.Random, name: str, keeper: str, goods: Sequence[str]) -> Stall:
    rows = [
        Good(
            name=good,
            stall=name,
            price=rng.randrange(180, 9500) / 100,
            unit=names.UNITS.get(name, "piece"),
            origin=rng.choice(names.DESTINATIONS),
            stock=rng.randrange(3, 90),
        )
        for good in goods
    ]
    return Stall(name, keeper, rng.randrange(1, 9), rng.choice(names.WEEKDAYS), rows)


def _make_exhibits(rng: random.Random, people: Sequence[Person]) -> list[Exhibit]:
    return [
        Exhibit(
            name=exhibit,
            hall=hall,
            year=rng.randrange(1340, 1950),
            material=rng.choice(names.MATERIALS),
            donor=rng.choice(people),
            number=f"{hall[0]}{rng.randrange(100, 999)}",
        )
        for hall, exhibits in names.HALLS.items()
        for exhibit in exhibits
    ]


def _make_books(rng: random.Random) -> list[Book]:
    authors = names.people(rng, 2 * len(names.SHELVES))
    return [
        Book(
            title=title,
            author=authors[2 * number + index % 2],
            shelf=shelf,
            pages=rng.randrange(90, 780),
            year=rng.randrange(1890, 2024),
            mark=f"{shelf[0]}{number + 1}-{rng.randrange(10, 99)}",
        )
        for number, (shelf, titles) in enumerate(names.SHELVES.items())
        for index, title in enumerate(titles)
    ]


def _make_trail(rng: random.Random, name: str) -> Trail:
    return Trail(
        name=name,
        kilometres=rng.randrange(18, 240) / 10,
        climb=rng.randrange(30, 980),
        start=rng.choice(names.PLACES),
        grade=rng.choice(("easy", "moderate", "hard")),
    )


def _make_events(rng: random.Random, people: Sequence[Person]) -> list[Event]:
    return [
        Event(
            name=event,
            day=day,
            time=f"{rng.randrange(9, 22):02d}:{rng.choice(('00', '15', '30', '45'))}",
            venue=rng.choice(names.PLACES),
            price=rng.randrange(0, 2600, 50) / 100,
            host=rng.choice(people),
        )
        for day, events in names.EVENTS.items()
        for event in events
    ]
