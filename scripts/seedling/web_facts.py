"""Every fact of an island that can be asked for: what it is, where it stands, and which pages lead there.

Names of places and things, and so the map of the site, are the same on every island; people, numbers and
links between things are not (``site_facts.make_site_facts``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from selfchal.builtin_envs.web_browsing.names import slug
from selfchal.builtin_envs.web_browsing.pages import site_of
from selfchal.builtin_envs.web_browsing.site import START, Site
from selfchal.builtin_envs.web_browsing.site_facts import (
    Event,
    Exhibit,
    Good,
    Person,
    Route,
    SiteFacts,
    make_site_facts,
)

# How code cuts a value out of the text after its label.
WORD, LINE, LINK, STOP, COMMA = (
    ".split()[0]",
    ".splitlines()[0]",
    ".split(' [')[0]",
    ".split('.')[0]",
    ".split(',')[0]",
)


@dataclass(frozen=True)
class Fact:
    """``via`` are the pages that have to be read first, in turn, to know which ``page`` is meant."""

    kind: str  # of wording
    thing: str  # the kind of thing that is named, and its names
    names: Mapping[str, str]
    page: str
    label: str
    cut: str
    value: str
    via: tuple[str, ...] = ()
    lower: bool = False  # stands on the second screen


@dataclass(frozen=True)
class Place:
    """An island with its pages; its facts by kind, and those that each page tells by itself."""

    site_facts: SiteFacts
    site: Site
    facts: Mapping[str, Sequence[Fact]]
    pages: Mapping[str, Sequence[Fact]]

    @property
    def direct(self) -> list[str]:
        """The kinds of facts that a page tells by itself."""
        return [kind for kind, facts in self.facts.items() if not facts[0].via]

    def way(self, fact: Fact) -> list[str]:
        """The pages to click from the landing page to the fact: along the sections, and by links between
        things where the fact has to be found through another one."""
        steps: list[str] = []
        here = START
        for goal in (*fact.via, fact.page):
            if here == START:
                steps += self._chain(goal)
            else:
                steps += [goal] if goal in self.site.links[here] else [START, *self._chain(goal)]
            here = goal
        return steps

    def _chain(self, page: str) -> list[str]:
        """From the landing page, which is left out, down to ``page``."""
        parts = page.split("/")[1:]
        if parts[:2] == ["council", "people"]:
            office = next(person.office for person in self.site_facts.people if person.page == page)
            return ["/council", f"/council/{slug(office)}", page]
        if parts[0] == "harbour":
            return ["/harbour", page]
        return ["/" + "/".join(parts[: count + 1]) for count in range(len(parts))]


def make_place(seed: int) -> Place:
    site_facts = make_site_facts(seed)
    by_kind: dict[str, list[Fact]] = {}
    by_page: dict[str, list[Fact]] = {}
    for fact in facts(site_facts):
        by_kind.setdefault(fact.kind, []).append(fact)
        if not fact.via:
            by_page.setdefault(fact.page, []).append(fact)
    return Place(site_facts, site_of(site_facts), by_kind, by_page)


def facts(site_facts: SiteFacts) -> Iterator[Fact]:
    for person in site_facts.people:
        names = {"p": person.name, "o": person.office}
        for kind, label, value in _describe_person(person):
            yield Fact(kind, "person", names, person.page, label, LINE, value, lower=kind == "hobby")
    yield from _describe_offices(site_facts)
    yield from _describe_harbour(site_facts)
    yield from _describe_market(site_facts)
    for exhibit in site_facts.exhibits:
        yield from _describe_exhibit(exhibit)
    for book in site_facts.books:
        names = {"b": book.title, "f": book.shelf}
        yield Fact("author", "book", names, book.page, "By ", COMMA, book.author)
        yield Fact("pages", "book", names, book.page, "Pages: ", LINE, str(book.pages))
        yield Fact("mark", "book", names, book.page, "Shelf mark: ", LINE, book.mark)
    for trail in site_facts.trails:
        names = {"t": trail.name}
        yield Fact("length", "trail", names, trail.page, "Length: ", WORD, str(trail.kilometres))
        yield Fact("climb", "trail", names, trail.page, "Climb: ", WORD, str(trail.climb))
        yield Fact("start", "trail", names, trail.page, "Starts at: ", LINE, trail.start)
        yield Fact("grade", "trail", names, trail.page, "Grade: ", LINE, trail.grade)
    for event in site_facts.events:
        yield from _describe_event(site_facts, event)


def _describe_person(person: Person) -> list[tuple[str, str, str]]:
    return [
        ("room", "Room: ", str(person.room)),
        ("phone", "Phone: ", person.phone),
        ("email", "Email: ", person.email),
        ("hobby", "Spare time: ", person.hobby),
    ]


def _describe_offices(site_facts: SiteFacts) -> Iterator[Fact]:
    for office in site_facts.offices:
        names = {"o": office.name}
        yield Fact("floor", "office", names, office.page, "Floor ", WORD, str(office.floor))
        yield Fact("hours", "office", names, office.page, "open ", STOP, office.hours)
        yield Fact("head", "office", names, office.page, "Head of office: ", LINK, office.head.name)


def _describe_harbour(site_facts: SiteFacts) -> Iterator[Fact]:
    for ship in site_facts.ships:
        for kind, label, value in (
            ("built", "Built: ", str(ship.built)),
            ("seats", "Seats: ", str(ship.seats)),
            ("captain", "Captain: ", ship.captain),
        ):
            yield Fact(kind, "ship", {"s": ship.name}, ship.page, label, LINE, value)
    for route in site_facts.routes:
        names = {"r": route.destination}
        ship, there = route.ship, (route.page,)
        yield Fact("minutes", "route", names, route.page, "Crossing: ", WORD, str(route.minutes))
        yield Fact("fare", "route", names, route.page, "Adult fare: ", WORD, _describe_money(route.fare))
        yield Fact(
            "child",
            "route",
            names,
            route.page,
            "Child fare: ",
            WORD,
            _describe_money(route.child_fare),
            lower=True,
        )
        yield Fact("first", "route", names, route.page, "Departures: ", COMMA, route.departures[0])
        yield Fact("ship", "route", names, route.page, "Ship: ", LINK, ship.name)
        yield Fact("route_captain", "route", names, ship.page, "Captain: ", LINE, ship.captain, there)
        yield Fact("route_seats", "route", names, ship.page, "Seats: ", LINE, str(ship.seats), there)
        yield Fact("route_built", "route", names, ship.page, "Built: ", LINE, str(ship.built), there)


def _describe_market(site_facts: SiteFacts) -> Iterator[Fact]:
    routes: Mapping[str, Route] = {route.destination: route for route in site_facts.routes}
    for stall in site_facts.stalls:
        names = {"s": stall.name}
        yield Fact("row", "stall", names, stall.page, "Row ", STOP, str(stall.row))
        yield Fact("closed", "stall", names, stall.page, "Closed on ", STOP, stall.closed)
        yield Fact("keeper", "stall", names, stall.page, "Keeper: ", LINE, stall.keeper)
    for good in site_facts.goods:
        yield from _describe_good(good, routes[good.origin])


def _describe_good(good: Good, route: Route) -> Iterator[Fact]:
    names = {"g": good.name, "s": good.stall, "n": good.one}
    yield Fact("price", "good", names, good.page, "Price: ", WORD, _describe_money(good.price))
    yield Fact("origin", "good", names, good.page, "From: ", LINE, good.origin)
    yield Fact("stock", "good", names, good.page, "In stock: ", LINE, str(good.stock))
    yield Fact(
        "origin_fare",
        "good",
        names,
        route.page,
        "Adult fare: ",
        WORD,
        _describe_money(route.fare),
        (good.page,),
    )
    yield Fact(
        "origin_minutes", "good", names, route.page, "Crossing: ", WORD, str(route.minutes), (good.page,)
    )


def _describe_exhibit(exhibit: Exhibit) -> Iterator[Fact]:
    names = {"e": exhibit.name, "h": exhibit.hall}
    yield Fact("made", "exhibit", names, exhibit.page, "Made in: ", LINE, str(exhibit.year))
    yield Fact("material", "exhibit", names, exhibit.page, "Material: ", LINE, exhibit.material)
    yield Fact("donor", "exhibit", names, exhibit.page, "Given by: ", LINK, exhibit.donor.name)
    for kind, label, value in _describe_person(exhibit.donor):
        lower = kind == "hobby"
        page, via = exhibit.donor.page, (exhibit.page,)
        yield Fact(f"donor_{kind}", "exhibit", names, page, label, LINE, value, via, lower)


def _describe_event(site_facts: SiteFacts, event: Event) -> Iterator[Fact]:
    names = {"v": event.name, "d": event.day}
    host = event.host
    yield Fact("time", "event", names, event.page, " at ", LINE, event.time)
    yield Fact("where", "event", names, event.page, "Place: ", LINE, event.venue)
    yield Fact("ticket", "event", names, event.page, "Ticket: ", WORD, _describe_money(event.price))
    yield Fact("host", "event", names, event.page, "Host: ", LINK, host.name)
    for kind, label, value in _describe_person(host):
        lower = kind == "hobby"
        yield Fact(f"host_{kind}", "event", names, host.page, label, LINE, value, (event.page,), lower)
    office = next(office for office in site_facts.offices if office.name == host.office)
    yield Fact(
        "host_floor", "event", names, office.page, "Floor ", WORD, str(office.floor), (event.page, host.page)
    )


def _describe_money(value: float) -> str:
    return f"{value:.2f}"
