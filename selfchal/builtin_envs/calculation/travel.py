"""The travel family: flight and hotel tables, and the tools that look things up in them.

Our own tables are made by a seeded generator; the original's are read from ``travel_tables.json``.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

from selfchal.builtin_envs.calculation.tools import budget_calculator

Row = Mapping[str, Any]

CITIES = (
    *("Athens", "Bergen", "Cairo", "Dublin", "Lima", "Madrid"),
    *("Oslo", "Prague", "Quito", "Rome", "Seoul", "Tunis"),
)
COMFORTS = ("wifi", "pool", "gym", "breakfast", "parking")
_FIRST_DAY = date(2025, 6, 1)
_DAYS = 28
_SEED = 20250601


@dataclass(frozen=True)
class TravelTables:
    """``flights`` rows: from_location, to_location, date (YYYY-MM-DD), price. ``hotels`` rows:
    location, preferences (list), price_per_night, rating. Prices are whole units of one currency."""

    locations: Sequence[str]
    flights: Sequence[Row]
    hotels: Sequence[Row]


@cache
def own_tables() -> TravelTables:
    """Twelve cities, four weeks of flights on most routes, four hotels a city. Always the same."""
    rng = random.Random(_SEED)
    routes = itertools.permutations(CITIES, 2)
    flights = [flight for origin, destination in routes for flight in _find_flights(origin, destination, rng)]
    hotels = [hotel for city in CITIES for hotel in _find_hotels(city, rng)]
    return TravelTables(CITIES, tuple(flights), tuple(hotels))


def _find_flights(origin: str, destination: str, rng: random.Random) -> list[Row]:
    """Eight days of flights, one or two a day, so that "the cheapest flight" asks for a comparison."""
    base = rng.randrange(60, 700)
    days = sorted(rng.sample(range(_DAYS), 8))
    return [
        {
            "from_location": origin,
            "to_location": destination,
            "date": (_FIRST_DAY + timedelta(days=day)).isoformat(),
            "price": base + extra,
        }
        for day in days
        for extra in rng.sample(range(120), rng.choice((1, 1, 2)))
    ]


def _find_hotels(city: str, rng: random.Random) -> list[Row]:
    """Four hotels with different prices and comforts, so that "the cheapest" is one hotel."""
    prices = rng.sample(range(45, 320), 4)
    return [
        {
            "location": city,
            "preferences": rng.sample(COMFORTS, rng.randrange(1, len(COMFORTS))),
            "price_per_night": price,
            "rating": rng.randrange(2, 6),
        }
        for price in prices
    ]


@dataclass(frozen=True)
class Travel:
    """The travel tools, bound to their tables."""

    tables: TravelTables

    def find_flights(self, from_location: str, to_location: str, date: str) -> list[dict[str, Any]]:
        """Finds flights based on origin, destination and date. Returns a list of flights, each a
        dictionary with the keys from_location, to_location, date and price.

        Args:
            from_location: where the trip starts
            to_location: the destination
            date: the day in YYYY-MM-DD format
        """
        origin, destination = self._find_location(from_location), self._find_location(to_location)
        wanted = (origin, destination, date)
        keys = ("from_location", "to_location", "date")
        return [dict(row) for row in self.tables.flights if tuple(row[key] for key in keys) == wanted]

    def book_hotel(self, location: str, *preferences: str) -> list[dict[str, Any]]:
        """Finds hotels in a location that have all the preferences. Returns a list of hotels, each a
        dictionary with the keys location, preferences, price_per_night and rating.

        Args:
            location: where to stay
            *preferences: what the hotel must have, e.g. "wifi", "pool"
        """
        location_name = self._find_location(location)
        given = preferences[0] if len(preferences) == 1 and isinstance(preferences[0], list) else preferences
        wanted = {preference.strip().lower() for preference in given}
        return [
            {**row, "preferences": list(row["preferences"])}
            for row in self.tables.hotels
            if row["location"] == location_name and wanted <= set(row["preferences"])
        ]

    def _find_location(self, name: str) -> str:
        """The table's own spelling: quotes and spaces around a name do not matter."""
        unquoted = {
            location_name.strip('"').lower(): location_name for location_name in self.tables.locations
        }
        location_name = unquoted.get(name.strip(" \"'").lower())
        if location_name is None:
            known = ", ".join(location_name.strip('"') for location_name in self.tables.locations)
            raise ValueError(f"there is no location {name!r}; the locations are {known}")
        return location_name


def travel_tools(tables: TravelTables) -> tuple[Callable[..., Any], ...]:
    """The three tools of the travel family; max, min and sum, which hide Python's own, are
    ``tools.TRAVEL_BUILTINS``."""
    travel = Travel(tables)
    return (travel.find_flights, travel.book_hotel, budget_calculator)
