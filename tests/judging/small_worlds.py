"""Three small environments as a newcomer would write them: a to-do list, a library desk, a calendar."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from selfchal import small_environment

State = dict[str, Any]


def todos(state: State) -> list[dict[str, Any]]:
    """List the to-dos."""
    return list(state["todos"])


def add(state: State, title: str, urgent: bool = False) -> str:
    """Add a to-do.

    Args:
        title: What is to be done.
        urgent: Is it urgent?
    """
    state["todos"].append({"title": title, "done": False, "urgent": urgent})
    return "added"


def _find(state: State, title: str) -> dict[str, Any]:
    for one in state["todos"]:
        if one["title"] == title:
            found: dict[str, Any] = one
            return found
    raise ValueError(f"there is no to-do {title!r}")


def finish(state: State, title: str) -> str:
    """Mark a to-do as done."""
    _find(state, title)["done"] = True
    return "done"


def remove(state: State, title: str) -> str:
    """Remove a to-do."""
    state["todos"].remove(_find(state, title))
    return "removed"


TITLES = ("buy milk", "call Emma", "water plants", "pay rent", "mend the bike")
TODOS = {"todos": [{"title": title, "done": False, "urgent": title == "pay rent"} for title in TITLES]}
TodoList = small_environment("todo_list", start=TODOS, reads=[todos], writes=[add, finish, remove])


def list_books(state: State) -> list[str]:
    """List the titles of all books."""
    return list(state["books"])


def find_book(state: State, title: str) -> dict[str, Any]:
    """Say who has a book, what it is worth and on which shelf it stands."""
    if title not in state["books"]:
        raise ValueError(f"there is no book called {title!r}")
    return {"title": title, **state["books"][title]}


def lend(state: State, title: str, reader: str) -> str:
    """Lend a book that is in."""
    if find_book(state, title)["lent_to"]:
        raise ValueError(f"{title} is lent already")
    state["books"][title]["lent_to"] = reader
    return f"{reader} has {title} now"


def take_back(state: State, title: str) -> str:
    """Take back a book that is lent."""
    if not find_book(state, title)["lent_to"]:
        raise ValueError(f"{title} is not lent")
    state["books"][title]["lent_to"] = None
    return f"{title} is back"


def shelve(state: State, title: str, shelf: Literal["north", "south", "cellar"]) -> str:
    """Put a book on another shelf."""
    find_book(state, title)
    state["books"][title]["shelf"] = shelf
    return f"{title} stands on the {shelf} shelf"


BOOKS = {
    "books": {
        "Emma": {"lent_to": None, "price": 12.5, "shelf": "north"},
        "Dracula": {"lent_to": "Mina", "price": 9.0, "shelf": "south"},
        "Middlemarch": {"lent_to": None, "price": 20.0, "shelf": "north"},
        "Ulysses": {"lent_to": "Molly", "price": 17.25, "shelf": "cellar"},
    }
}
Library = small_environment(
    "library_desk", start=BOOKS, reads=[list_books, find_book], writes=[lend, take_back, shelve]
)


def agenda(state: State, day: dt.date) -> list[dict[str, Any]]:
    """Show the events of a day, the earliest first."""
    found = [event for event in state["events"] if event["day"] == day.isoformat()]
    return sorted(found, key=lambda event: event["hour"])


def find_event(state: State, title: str) -> dict[str, Any]:
    """Show an event."""
    for event in state["events"]:
        if event["title"] == title:
            shown: dict[str, Any] = event
            return shown
    raise ValueError(f"there is no event {title!r}")


def schedule(
    state: State, title: str, day: dt.date, hour: int, room: Literal["attic", "hall"] = "hall"
) -> str:
    """Put an event into the calendar."""
    state["events"].append({"title": title, "day": day.isoformat(), "hour": hour, "room": room})
    return "scheduled"


def move(state: State, title: str, day: dt.date) -> str:
    """Move an event to another day."""
    find_event(state, title)["day"] = day.isoformat()
    return "moved"


def cancel(state: State, title: str) -> str:
    """Cancel an event."""
    state["events"].remove(find_event(state, title))
    return "cancelled"


EVENTS = {
    "events": [
        {"title": "Staff meeting", "day": "2026-05-04", "hour": 9, "room": "hall"},
        {"title": "Choir", "day": "2026-05-04", "hour": 18, "room": "attic"},
        {"title": "Chess club", "day": "2026-05-05", "hour": 17, "room": "attic"},
        {"title": "Yoga", "day": "2026-05-06", "hour": 7, "room": "hall"},
    ]
}
Calendar = small_environment(
    "calendar", start=EVENTS, reads=[agenda, find_event], writes=[schedule, move, cancel]
)
