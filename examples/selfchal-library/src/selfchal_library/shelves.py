"""The state: forty books and sixteen readers, made from a seed, so that everybody has the same."""

from __future__ import annotations

import random
from typing import Any

TODAY = 100  # days are counted
READERS = (
    "Ada Blom", "Ben Okafor", "Chen Li", "Dora Weiss", "Emil Novak", "Fatima Zahra", "Goran Ilic",
    "Hana Sato", "Ivan Petrov", "Julia Rossi", "Kofi Mensah", "Lena Holm", "Mateo Cruz", "Nora Byrne",
    "Omar Haddad", "Priya Nair",
)  # fmt: skip
_FIRST = ("Silent", "Northern", "Last", "Hidden", "Golden", "Broken", "Distant", "Paper")
_SECOND = ("Harbour", "Orchard", "Lantern", "Atlas", "Winter")


def stock(seed: int = 7) -> dict[str, Any]:
    """Books by their title, readers by their number; fines in cents."""
    rng = random.Random(seed)
    books = {
        f"{first} {second}": {"lent_to": None, "due": None, "holds": []}
        for first in _FIRST
        for second in _SECOND
    }
    readers = {f"R{100 + i}": {"name": name, "books": [], "fine": 0} for i, name in enumerate(READERS)}
    numbers = list(readers)
    for title in rng.sample(sorted(books), 18):
        number = rng.choice([n for n in numbers if len(readers[n]["books"]) < 3])
        books[title].update(lent_to=number, due=TODAY + rng.randint(-30, 20))
        readers[number]["books"].append(title)
        if rng.random() < 0.4:
            books[title]["holds"] = rng.sample([n for n in numbers if n != number], rng.randint(1, 2))
    for number in rng.sample(numbers, 5):
        readers[number]["fine"] = rng.choice([120, 340, 560, 900])
    return {"today": TODAY, "books": books, "readers": readers}
