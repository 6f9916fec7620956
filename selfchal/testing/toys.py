"""A toy environment for tests of plugins: a shelf of books to lend, with held-out tasks.

It is a plugin without a package too (``plugins: [FILE]``), so that a run can name it.
"""

from __future__ import annotations

from typing import Any

from selfchal.core.hookspecs import hookimpl
from selfchal.core.world import Json
from selfchal.small_envs.environment import small_environment
from selfchal.small_envs.held_out import HeldOut

State = dict[str, Any]
START: State = {"books": {"Emma": None, "Dracula": "Mina", "Middlemarch": None}}  # title -> who has it


def find_book(state: State, title: str) -> dict[str, Json]:
    """Say who has a book; nobody has one that is in.

    Args:
        title: The book's title.
    """
    if title not in state["books"]:
        raise ValueError(f"there is no book called {title!r}")
    return {"title": title, "lent_to": state["books"][title]}


def lend(state: State, title: str, reader: str) -> str:
    """Lend a book that is in.

    Args:
        title: The book's title.
        reader: Who gets it.
    """
    if find_book(state, title)["lent_to"]:
        raise ValueError(f"{title} is lent already")
    state["books"][title] = reader
    return f"{reader} has {title} now"


def take_back(state: State, title: str) -> str:
    """Take back a book that is lent.

    Args:
        title: The book's title.
    """
    if not find_book(state, title)["lent_to"]:
        raise ValueError(f"{title} is not lent")
    state["books"][title] = None
    return f"{title} is back"


ToyShelf = small_environment(
    "toy_shelf",
    start=START,
    reads=[find_book],
    writes=[lend, take_back],
    test_tasks=[
        HeldOut("Lend Emma to Ann.", [("lend", {"title": "Emma", "reader": "Ann"})]),
        HeldOut("Who has Dracula?", [("find_book", {"title": "Dracula"})], answer="Mina"),
    ],
    policy="You lend books. A book that is out cannot be lent.",
)

# A task of it that the judge keeps, as a challenger would write it.
TOY_TASK: dict[str, Any] = {
    "instruction": "Dracula comes back, and Ann takes it along.",
    "evaluate": "def evaluate():\n    return find_book('Dracula')['lent_to'] == 'Ann'",
    "solution": "take_back('Dracula')\nlend('Dracula', 'Ann')",
    "failures": [
        "take_back('Dracula')",
        "lend('Emma', 'Ann')",
        "take_back('Dracula')\nlend('Dracula', 'Mina')",
    ],
}


@hookimpl
def register_environments() -> list[type[Any]]:
    return [ToyShelf]
