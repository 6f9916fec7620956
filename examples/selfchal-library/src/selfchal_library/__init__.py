"""The lending desk as an environment of selfchal."""

from __future__ import annotations

from typing import Any

from selfchal import hookimpl, small_environment
from selfchal_library import desk
from selfchal_library.held_out import held_out
from selfchal_library.shelves import READERS, stock

POLICY = """You are at the lending desk of a library.
A reader has at most three books, and none while owing more than 5.00 in fines.
A book with a hold goes to the first reader in line, to nobody else.
A late return costs 0.20 a day. Names are told, reader numbers must be looked up."""


def _draw_reader(seed: int) -> dict[str, Any]:
    return {"reader": f"{READERS[seed % len(READERS)]}"}


Library = small_environment(
    "library",
    start=stock(),
    reads=[desk.find_book, desk.find_reader, desk.reader_details],
    writes=[desk.lend, desk.take_back, desk.place_hold, desk.pay_fine],
    test_tasks=held_out(),
    policy=POLICY,
    explore=_draw_reader,
)


@hookimpl
def register_environments() -> list[type[Any]]:
    return [Library]
