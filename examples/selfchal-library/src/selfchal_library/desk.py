"""The tools of the desk. Each takes the state first; what is wrong is raised, and changes nothing."""

from __future__ import annotations

from typing import Any

State = dict[str, Any]
MOST_BOOKS = 3
MOST_FINE = 500  # cents
FINE_A_DAY = 20
LENDING_DAYS = 21


def find_book(state: State, title: str) -> dict[str, Any]:
    """Say who has a book, when it is due, and who waits for it.

    Args:
        title: The whole title.
    """
    if title not in state["books"]:
        raise ValueError(f"there is no book called {title!r}")
    return {"title": title, **state["books"][title]}


def find_reader(state: State, name: str) -> str:
    """Look up a reader's number.

    Args:
        name: First and last name.
    """
    for number, reader in state["readers"].items():
        if reader["name"] == name:
            return str(number)
    raise ValueError(f"no reader is called {name!r}")


def reader_details(state: State, reader: str) -> dict[str, Any]:
    """Show a reader's name, books and fine (in cents).

    Args:
        reader: The reader's number.
    """
    if reader not in state["readers"]:
        raise ValueError(f"no reader has the number {reader!r}")
    details: dict[str, Any] = state["readers"][reader]
    return details


def lend(state: State, title: str, reader: str) -> str:
    """Lend a book that is in, for 21 days.

    Args:
        title: The whole title.
        reader: The reader's number.
    """
    book, person = find_book(state, title), reader_details(state, reader)
    if book["lent_to"]:
        raise ValueError(f"{title} is out until day {book['due']}")
    if book["holds"] and book["holds"][0] != reader:
        raise ValueError(f"{title} is held for {book['holds'][0]}")
    if len(person["books"]) >= MOST_BOOKS:
        raise ValueError(f"{reader} has {MOST_BOOKS} books already")
    if person["fine"] > MOST_FINE:
        raise ValueError(f"{reader} owes {person['fine'] / 100:.2f}, more than {MOST_FINE / 100:.2f}")
    due = state["today"] + LENDING_DAYS
    state["books"][title] = {
        "lent_to": reader,
        "due": due,
        "holds": [h for h in book["holds"] if h != reader],
    }
    person["books"].append(title)
    return f"{title} is lent to {reader} until day {due}"


def take_back(state: State, title: str) -> str:
    """Take a lent book back; a late one costs 0.20 a day.

    Args:
        title: The whole title.
    """
    book = find_book(state, title)
    if not book["lent_to"]:
        raise ValueError(f"{title} is not lent")
    fine = FINE_A_DAY * max(0, state["today"] - book["due"])
    person = state["readers"][book["lent_to"]]
    person["books"].remove(title)
    person["fine"] += fine
    state["books"][title].update(lent_to=None, due=None)
    return f"{title} is back; the fine is {fine / 100:.2f}"


def place_hold(state: State, title: str, reader: str) -> str:
    """Put a reader in line for a book that is out.

    Args:
        title: The whole title.
        reader: The reader's number.
    """
    book = find_book(state, title)
    reader_details(state, reader)
    if not book["lent_to"]:
        raise ValueError(f"{title} is in; lend it")
    if reader in (book["lent_to"], *book["holds"]):
        raise ValueError(f"{reader} has {title} or waits for it already")
    state["books"][title]["holds"].append(reader)
    return f"{reader} is number {len(book['holds']) + 1} in line for {title}"


def pay_fine(state: State, reader: str, cents: int) -> str:
    """Take money for a reader's fine.

    Args:
        reader: The reader's number.
        cents: How much, at most what is owed.
    """
    person = reader_details(state, reader)
    if isinstance(cents, bool) or not isinstance(cents, int) or not 0 < cents <= person["fine"]:
        raise ValueError(f"{reader} owes {person['fine']} cents")
    person["fine"] -= cents
    return f"{reader} owes {person['fine']} cents now"
