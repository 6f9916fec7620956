"""Questions about Port Aster: what is asked, the answer, and the pages that hold the facts.

Every kind has words for each split. An answer is a number (money and lengths with decimals) or a string.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from selfchal.builtin_envs.web_browsing.site_facts import Event, Exhibit, Good, Route, SiteFacts

MONEY = "Give the number of crowns with two decimals, e.g. 12.34."
WHOLE = "Give a whole number, e.g. 7."
SHOWN = "Give it as it is shown on the page."


@dataclass(frozen=True)
class Question:
    text: str
    answer: str | int | float
    pages: Sequence[str]


def _choose_wording(split: str, test: str, dev: str, note: str) -> str:
    return f"{test if split == 'test' else dev} {note}"


def lookup(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    """One fact of one page."""
    makers = (_ask_person, _ask_ship, _ask_book, _ask_trail, _ask_good, _ask_exhibit)
    return rng.choice(makers)(rng, facts, split)


def _ask_person(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    person = rng.choice(facts.people)
    what, value = rng.choice((("phone number", person.phone), ("email address", person.email)))
    where = f"{person.name} of the {person.office}"
    text = _choose_wording(
        split, f"What is the {what} of {where}?", f"Look up the {what} that {where} uses.", SHOWN
    )
    return Question(text, value, [person.page])


def _ask_ship(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    ship = rng.choice(facts.ships)
    if rng.random() < 0.5:
        text = _choose_wording(
            split,
            f"In which year was the {ship.name} built?",
            f"Find the year in which the ferry {ship.name} was built.",
            WHOLE,
        )
        return Question(text, ship.built, [ship.page])
    text = _choose_wording(
        split,
        f"How many seats does the {ship.name} have?",
        f"Find the number of seats on board the {ship.name}.",
        WHOLE,
    )
    return Question(text, ship.seats, [ship.page])


def _ask_book(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    book = rng.choice(facts.books)
    name = f'"{book.title}" ({book.shelf})'
    if rng.random() < 0.5:
        text = _choose_wording(
            split, f"Who wrote the library book {name}?", f"Name the author of {name} in the library.", SHOWN
        )
        return Question(text, book.author, [book.page])
    text = _choose_wording(
        split,
        f"What is the shelf mark of the library book {name}?",
        f"Under which mark does {name} stand in the library?",
        SHOWN,
    )
    return Question(text, book.mark, [book.page])


def _ask_trail(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    trail = rng.choice(facts.trails)
    text = _choose_wording(
        split,
        f"Where does the {trail.name} trail start?",
        f"At which place do walkers of {trail.name} set off?",
        SHOWN,
    )
    return Question(text, trail.start, [trail.page])


def _ask_good(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    good = rng.choice(facts.goods)
    text = _choose_wording(
        split,
        f"What does {good.one} cost at {good.stall}?",
        f"Find the price of {good.name} at {good.stall}.",
        MONEY,
    )
    return Question(text, good.price, [good.page])


def _ask_exhibit(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    exhibit = rng.choice(facts.exhibits)
    where = f"{exhibit.name} in the {exhibit.hall} of the museum"
    text = _choose_wording(
        split, f"In which year was the {where} made?", f"Date the {where}: which year?", WHOLE
    )
    return Question(text, exhibit.year, [exhibit.page])


def hop(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    """A fact that is found only through another page."""
    makers = (_ask_donor, _ask_host, _ask_captain, _ask_fare_to_origin)
    return rng.choice(makers)(rng, facts, split)


def _ask_donor(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    exhibit: Exhibit = rng.choice(facts.exhibits)
    donor = exhibit.donor
    where = f"{exhibit.name} ({exhibit.hall}) to the museum"
    if rng.random() < 0.5:
        text = _choose_wording(
            split,
            f"In which room does the person who gave the {where} work?",
            f"Find the room number of whoever gave the {where}.",
            WHOLE,
        )
        return Question(text, donor.room, [exhibit.page, donor.page])
    text = _choose_wording(
        split,
        f"What is the phone number of the person who gave the {where}?",
        f"How can one phone the giver of the {where}?",
        SHOWN,
    )
    return Question(text, donor.phone, [exhibit.page, donor.page])


def _ask_host(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    event: Event = rng.choice(facts.events)
    office = next(office for office in facts.offices if office.name == event.host.office)
    what = f"the host of the {event.name} ({event.day}, Lantern Festival)"
    if rng.random() < 0.5:
        text = _choose_wording(
            split,
            f"On which floor is the office that {what} works for?",
            f"Find the floor of the office of {what}.",
            WHOLE,
        )
        return Question(text, office.floor, [event.page, event.host.page, office.page])
    text = _choose_wording(
        split, f"What does {what} do in the spare time?", f"Which pastime has {what}?", SHOWN
    )
    return Question(text, event.host.hobby, [event.page, event.host.page])


def _ask_captain(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    route: Route = rng.choice(facts.routes)
    text = _choose_wording(
        split,
        f"Who is the captain of the ship that sails to {route.destination}?",
        f"Name the captain on the ferry line to {route.destination}.",
        SHOWN,
    )
    return Question(text, route.ship.captain, [route.page, route.ship.page])


def _ask_fare_to_origin(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    good: Good = rng.choice(facts.goods)
    route = next(route for route in facts.routes if route.destination == good.origin)
    what = f"the place of origin of the {good.name} at {good.stall}"
    text = _choose_wording(
        split,
        f"What is the adult fare of the ferry to {what}?",
        f"What does an adult pay for the ferry to {what}?",
        MONEY,
    )
    return Question(text, route.fare, [good.page, route.page])


def total(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    """A sum over two or three pages, sometimes with a discount."""
    if rng.random() < 0.3:
        return _ask_family_fare(rng, facts, split)
    goods = rng.sample(facts.goods, rng.choice((2, 3)))
    names = ", ".join(f"{good.one} ({good.stall})" for good in goods)
    percent = rng.choice((0, 0, 0, 10, 20, 25))
    hundredths = round(100 * sum(good.price for good in goods)) * (100 - percent)
    if hundredths % 100 == 50:
        return total(rng, facts, split)  # half a cent: which way to round would be a guess
    what = f"{names}, with {percent}% off the total" if percent else names
    text = _choose_wording(
        split,
        f"What do these cost together at the market: {what}?",
        f"Add up the market prices of {what}.",
        MONEY,
    )
    return Question(text, round(hundredths / 100) / 100, [good.page for good in goods])


def _ask_family_fare(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    route = rng.choice(facts.routes)
    adults, children = rng.randrange(1, 4), rng.randrange(2, 5)
    who = f"{adults} adults and {children} children" if adults > 1 else f"1 adult and {children} children"
    text = _choose_wording(
        split,
        f"How much do {who} pay in all for the ferry to {route.destination}, one way?",
        f"Work out the one-way fare to {route.destination} for {who}.",
        MONEY,
    )
    return Question(text, round(adults * route.fare + children * route.child_fare, 2), [route.page])


def compare(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    """Two pages against each other: which one, or by how much."""
    makers = (_ask_longer_trail, _ask_older_exhibit, _ask_price_gap)
    return rng.choice(makers)(rng, facts, split)


def _ask_longer_trail(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    one, two = rng.sample(facts.trails, 2)
    if one.kilometres == two.kilometres:
        return _ask_longer_trail(rng, facts, split)
    longer = max(one, two, key=lambda trail: trail.kilometres)
    text = _choose_wording(
        split,
        f"Which trail is longer, {one.name} or {two.name}?",
        f"Of the trails {one.name} and {two.name}, name the longer.",
        "Give its name.",
    )
    return Question(text, longer.name, [one.page, two.page])


def _ask_older_exhibit(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    one, two = rng.sample(facts.exhibits, 2)
    pair = f"the {one.name} ({one.hall}) and the {two.name} ({two.hall})"
    text = _choose_wording(
        split,
        f"How many years lie between the making of {pair}?",
        f"By how many years do {pair} differ in age?",
        WHOLE,
    )
    return Question(text, abs(one.year - two.year), [one.page, two.page])


def _ask_price_gap(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    dear, cheap = sorted(rng.sample(facts.goods, 2), key=lambda good: -good.price)
    first, second = f"{dear.name} ({dear.stall})", f"{cheap.name} ({cheap.stall})"
    text = _choose_wording(
        split,
        f"By how many crowns is the {first} dearer than the {second}?",
        f"What is the price difference between the {first} and the {second}?",
        MONEY,
    )
    return Question(text, round(dear.price - cheap.price, 2), [dear.page, cheap.page])


def count(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    """How many of the things on several pages are such and such."""
    makers = (_ask_cheap_goods, _ask_departures, _ask_material)
    return rng.choice(makers)(rng, facts, split)


def _ask_cheap_goods(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    stall = rng.choice(facts.stalls)
    limit = rng.choice((20, 30, 40, 50, 60))
    number = sum(good.price < limit for good in stall.goods)
    text = _choose_wording(
        split,
        f"How many goods of {stall.name} cost less than {limit} crowns?",
        f"Count what {stall.name} sells for under {limit} crowns.",
        WHOLE,
    )
    return Question(text, number, [good.page for good in stall.goods])


def _ask_departures(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    route = rng.choice(facts.routes)
    hour = rng.choice(("11:00", "12:00", "13:00", "14:00"))
    number = sum(time < hour for time in route.departures)
    text = _choose_wording(
        split,
        f"How many ferries leave for {route.destination} before {hour}?",
        f"Count the departures to {route.destination} earlier than {hour}.",
        WHOLE,
    )
    return Question(text, number, [route.page])


def _ask_material(rng: random.Random, facts: SiteFacts, split: str) -> Question:
    exhibit = rng.choice(facts.exhibits)
    hall = [each for each in facts.exhibits if each.hall == exhibit.hall]
    number = sum(each.material == exhibit.material for each in hall)
    text = _choose_wording(
        split,
        f"How many exhibits of the {exhibit.hall} are made of {exhibit.material}?",
        f"Count the {exhibit.material} pieces in the {exhibit.hall}.",
        WHOLE,
    )
    return Question(text, number, [each.page for each in hall])


KINDS: Mapping[str, Callable[[random.Random, SiteFacts, str], Question]] = {
    "lookup": lookup,
    "hop": hop,
    "total": total,
    "compare": compare,
    "count": count,
}
