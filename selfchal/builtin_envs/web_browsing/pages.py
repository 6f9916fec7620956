"""Port Aster as pages: one for every section and for everything that ``site_facts`` knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from selfchal.builtin_envs.web_browsing import names
from selfchal.builtin_envs.web_browsing.names import slug
from selfchal.builtin_envs.web_browsing.site import START, Site, link, make_site
from selfchal.builtin_envs.web_browsing.site_facts import Person, SiteFacts, site_facts

Page = tuple[str, str]
SECTIONS = {
    "/council": "Island Council",
    "/harbour": "Harbour and Ferries",
    "/market": "Covered Market",
    "/museum": "Museum",
    "/library": "Library",
    "/trails": "Walking Trails",
    "/festival": "Lantern Festival",
}


@cache
def own_site() -> Site:
    return site_of(site_facts())


def site_of(facts: SiteFacts) -> Site:
    parts = (
        _make_home,
        _make_council,
        _make_harbour,
        _make_market,
        _make_museum,
        _make_library,
        _make_trails,
        _make_festival,
    )
    return make_site(page for part in parts for page in part(facts))


def _make_page(name: str, lines: Sequence[str]) -> Page:
    """Every page but the first ends with links up and home."""
    parent = name.rpartition("/")[0]
    up = [link("Back to the section", parent)] if parent else []
    return name, "\n".join([*lines, *up, link("Home", START)])


def _make_home(facts: SiteFacts) -> Iterator[Page]:
    lines = [
        "Welcome to Port Aster, the island at the end of the ferry line.",
        "Whatever you look for, one of these sections has it.",
        *(link(f"- {title}", name) for name, title in SECTIONS.items()),
    ]
    yield START, "\n".join(lines)


def _make_listing(name: str, intro: str, entries: Sequence[tuple[str, str]]) -> Page:
    return _make_page(
        name, [SECTIONS.get(name, ""), intro, *(link(f"- {text}", target) for text, target in entries)]
    )


def _make_council(facts: SiteFacts) -> Iterator[Page]:
    yield _make_listing(
        "/council",
        "Eight offices serve the island. Choose one to meet its people.",
        [(office.name, office.page) for office in facts.offices],
    )
    yield _make_page("/council/people", ["The staff list is kept by office; look under the Island Council."])
    for office in facts.offices:
        lines = [
            office.name,
            f"Floor {office.floor} of the council house, open {office.hours}.",
            link(f"Head of office: {office.head.name}", office.head.page),
            *(link(f"- {person.name}, {person.role}", person.page) for person in office.staff[1:]),
        ]
        yield _make_page(office.page, lines)
    for person in facts.people:
        yield _make_person(facts, person)


def _make_person(facts: SiteFacts, person: Person) -> Page:
    office = next(office for office in facts.offices if office.name == person.office)
    lines = [
        f"{person.name}, {person.role}",
        link(f"Office: {office.name}", office.page),
        f"Room: {person.room}",
        f"Phone: {person.phone}",
        f"Email: {person.email}",
        f"Spare time: {person.hobby}",
    ]
    return person.page, "\n".join([*lines, link("Home", START)])


def _make_harbour(facts: SiteFacts) -> Iterator[Page]:
    routes = [(f"Ferry to {route.destination}", route.page) for route in facts.routes]
    ships = [(f"The {ship.name}", ship.page) for ship in facts.ships]
    yield _make_listing("/harbour", "Ferries leave from North Pier. Fares are one way.", [*routes, *ships])
    for folder, what in (("/harbour/to", "ferry"), ("/harbour/ships", "ship")):
        yield _make_page(folder, [f"Choose a {what} in the section Harbour and Ferries."])
    for route in facts.routes:
        lines = [
            f"Ferry to {route.destination}",
            link(f"Ship: {route.ship.name}", route.ship.page),
            f"Crossing: {route.minutes} minutes",
            f"Departures: {', '.join(route.departures)}",
            f"Adult fare: {route.fare:.2f} crowns",
            f"Child fare: {route.child_fare:.2f} crowns",
        ]
        yield _make_page(route.page, lines)
    for ship in facts.ships:
        yield _make_page(
            ship.page,
            [
                f"The {ship.name}",
                f"Built: {ship.built}",
                f"Seats: {ship.seats}",
                f"Captain: {ship.captain}",
                "She is one of the six ships of the island line.",
            ],
        )


def _make_market(facts: SiteFacts) -> Iterator[Page]:
    yield _make_listing(
        "/market",
        "Twelve stalls under one roof. Prices are in crowns.",
        [(stall.name, stall.page) for stall in facts.stalls],
    )
    for stall in facts.stalls:
        lines = [
            stall.name,
            f"Row {stall.row}. Closed on {stall.closed}.",
            f"Keeper: {stall.keeper}",
            *(link(f"- {good.name}", good.page) for good in stall.goods),
        ]
        yield _make_page(stall.page, lines)
    for good in facts.goods:
        lines = [
            f"{good.name}, at {good.stall}",
            f"Price: {good.price:.2f} crowns a {good.unit}",
            f"From: {good.origin}",
            f"In stock: {good.stock}",
        ]
        yield _make_page(good.page, lines)


def _make_museum(facts: SiteFacts) -> Iterator[Page]:
    halls = [(hall, f"/museum/{slug(hall)}") for hall in names.HALLS]
    yield _make_listing("/museum", "Four halls, twenty treasures.", halls)
    for hall, name in halls:
        shown = [exhibit for exhibit in facts.exhibits if exhibit.hall == hall]
        yield _make_listing(name, hall, [(exhibit.name, exhibit.page) for exhibit in shown])
        for exhibit in shown:
            lines = [
                f"{exhibit.name} ({exhibit.number})",
                f"Made in: {exhibit.year}",
                f"Material: {exhibit.material}",
                link(f"Given by: {exhibit.donor.name}", exhibit.donor.page),
            ]
            yield _make_page(exhibit.page, lines)


def _make_library(facts: SiteFacts) -> Iterator[Page]:
    shelves = [(shelf, f"/library/{slug(shelf)}") for shelf in names.SHELVES]
    yield _make_listing("/library", "Five shelves by the window. Books are lent for three weeks.", shelves)
    for shelf, name in shelves:
        books = [book for book in facts.books if book.shelf == shelf]
        yield _make_listing(name, f"Shelf: {shelf}", [(book.title, book.page) for book in books])
        for book in books:
            lines = [
                book.title,
                f"By {book.author}, {book.year}",
                f"Pages: {book.pages}",
                f"Shelf mark: {book.mark}",
            ]
            yield _make_page(book.page, lines)


def _make_trails(facts: SiteFacts) -> Iterator[Page]:
    entries = [(trail.name, trail.page) for trail in facts.trails]
    yield _make_listing("/trails", "Ten marked trails. Boots are wise after rain.", entries)
    for trail in facts.trails:
        lines = [
            trail.name,
            f"Length: {trail.kilometres} km",
            f"Climb: {trail.climb} m",
            f"Starts at: {trail.start}",
            f"Grade: {trail.grade}",
        ]
        yield _make_page(trail.page, lines)


def _make_festival(facts: SiteFacts) -> Iterator[Page]:
    days = [(day, f"/festival/{slug(day)}") for day in names.EVENTS]
    yield _make_listing("/festival", "Three days and a thousand lanterns.", days)
    for day, name in days:
        events = [event for event in facts.events if event.day == day]
        yield _make_listing(name, f"Programme of {day}", [(event.name, event.page) for event in events])
        for event in events:
            lines = [
                f"{event.name}, {event.day} at {event.time}",
                f"Place: {event.venue}",
                f"Ticket: {event.price:.2f} crowns",
                link(f"Host: {event.host.name}", event.host.page),
            ]
            yield _make_page(event.page, lines)
