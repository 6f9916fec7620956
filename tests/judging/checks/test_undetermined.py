"""What an instruction may leave to be looked up, in environments whose records go by words.

Each row is an instruction, and whether it says which record is meant: kept, kept and marked unsure, or missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import selfchal
from selfchal.core.arena import Arena
from selfchal.core.judge import Verdict
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.task import Task
from selfchal.judging import Judge
from selfchal.judging.named_records import find_named_records, is_same_thing
from selfchal.judging.runner import SandboxTaskRunner
from tests.support.shop import Shop

State = dict[str, Any]
KEPT, UNSURE, MISSING = "kept", "unsure", "missing"
START = {
    "plants": [
        {"name": "old fern", "room": "kitchen", "planted": "2024-03-02", "watered": False},
        {"name": "tall palm", "room": "kitchen", "planted": "2025-06-11", "watered": True},
        {"name": "small cactus", "room": "hall", "planted": "2023-01-20", "watered": False},
        {"name": "white orchid", "room": "study", "planted": "2026-02-14", "watered": False},
        {"name": "grey ivy", "room": "study", "planted": "2026-04-01", "watered": False},
    ]
}


def list_plants(state: State, room: str | None = None) -> list[dict[str, Any]]:
    """List the plants of a room, or all of them."""
    return [plant for plant in state["plants"] if room in (None, plant["room"])]


def show_plant(state: State, plant: str) -> dict[str, Any]:
    """Show one plant."""
    return next(row for row in state["plants"] if row["name"] == plant)


def water_plant(state: State, plant: str) -> str:
    """Water a plant."""
    show_plant(state, plant)["watered"] = True
    return "watered"


def move_plant(state: State, plant: str, room: str) -> str:
    """Carry a plant to another room."""
    show_plant(state, plant)["room"] = room
    return "moved"


FLAT = selfchal.small_environment(
    "flat", start=START, reads=[list_plants, show_plant], writes=[water_plant, move_plant]
)
PLANT_FAILURES = (
    "water_plant('tall palm')\nmove_plant('tall palm', 'attic')",
    "move_plant('small cactus', 'attic')",
    "move_plant('grey ivy', 'attic')",
)
WATER_FERN = ("water_plant('old fern')", "show_plant('old fern')['watered']")
WATER_IVY = ("water_plant('grey ivy')", "show_plant('grey ivy')['watered']")
MOVE_PALM = ("move_plant('tall palm', 'hall')", "show_plant('tall palm')['room'] == 'hall'")
PLANTS = [
    (KEPT, "Water 'old fern'.", *WATER_FERN),
    (KEPT, "The fern is thirsty: give it water.", *WATER_FERN),
    (KEPT, "Water the plant that came on 2024-03-02.", *WATER_FERN),
    (KEPT, "Carry the palm from the kitchen to the hall.", *MOVE_PALM),
    (
        UNSURE,
        "In the kitchen one plant was forgotten when the others got their water; water it.",
        *WATER_FERN,
    ),
    (MISSING, "Water one of my plants.", *WATER_FERN),
    (MISSING, "Water a plant in the study.", *WATER_IVY),
    (MISSING, "Carry something to the hall.", *MOVE_PALM),
    (MISSING, "Carry the palm to another room.", *MOVE_PALM),
]
SHOP_FAILURES = ("set_city('W103', 'Oslo')", "set_city('W102', 'Bern')", "set_city('W101', 'Bern')")
CANCEL = ("cancel_order('W101', 'not needed')", "get_order('W101').get('reason') == 'not needed'")
TO_ROME = ("set_city('W101', 'Rome')", "get_order('W101')['city'] == 'Rome'")
CHAIR = ("set_city('W102', get_order('W103')['city'])", "get_order('W102')['city'] == 'Rome'")
BOTH = (
    "set_city('W101', 'Rome')\nset_city('W102', 'Rome')",
    "get_order('W101')['city'] == 'Rome' and get_order('W102')['city'] == 'Rome'",
)
ORDERS = [
    (KEPT, "Cancel the order W101, because it is 'not needed'.", *CANCEL),
    (KEPT, "Cancel the order of user 'ann' with the red lamp, because it is 'not needed'.", *CANCEL),
    (KEPT, "Send both orders of user 'ann' to Rome.", *BOTH),
    (UNSURE, "Send the chair of user 'ann' to the city where the table of user 'bob' is.", *CHAIR),
    (MISSING, "Cancel one of the orders of user 'ann', because it is 'not needed'.", *CANCEL),
    (MISSING, "Cancel the order W101.", *CANCEL),
    (MISSING, "Send the order W101 to another city.", *TO_ROME),
    (MISSING, "Send the lamp to Rome.", *TO_ROME),
]


@pytest.fixture(scope="module")
def flat() -> Iterator[Any]:
    with selfchal.using_environment(FLAT) as opened:
        yield opened


def judge(environment: Any, sandbox: Sandbox, row: tuple[str, str, str, str], failures: Any) -> Verdict:
    _, instruction, solution, condition = row
    evaluate = f"def evaluate():\n    return {condition}"
    task = Task("t", environment.name, {}, instruction, evaluate, solution, failures)
    return Judge(SandboxTaskRunner(Arena(environment, sandbox, Limits())))(task)


def name_result(verdict: Verdict) -> str:
    if not verdict.passed:
        assert verdict.check == "completeness", verdict.reason
        return MISSING
    return UNSURE if verdict.diagnostics["completeness"].get("unsure") else KEPT


@pytest.mark.parametrize("row", PLANTS, ids=lambda row: row[1])
def test_records_that_go_by_a_word_and_stand_in_a_list(
    row: tuple[str, str, str, str], flat: Any, process_sandbox: Sandbox
) -> None:
    assert name_result(judge(flat, process_sandbox, row, PLANT_FAILURES)) == row[0]


@pytest.mark.parametrize("row", ORDERS, ids=lambda row: row[1])
def test_records_that_are_found_through_others(
    row: tuple[str, str, str, str], process_sandbox: Sandbox
) -> None:
    assert name_result(judge(Shop(), process_sandbox, row, SHOP_FAILURES)) == row[0]


def test_rows_are_known_by_the_field_that_tells_them_apart() -> None:
    rows = [{"title": "a walk", "list": "home"}, {"title": "a swim", "list": "home"}]
    assert list(find_named_records({"todos": rows}, {"title": {"a swim"}})) == [
        {"a walk": rows[0], "a swim": rows[1]}
    ]
    assert list(find_named_records(rows, {"list": {"home"}})) == []  # it tells nothing apart
    assert list(find_named_records(rows, {"title": {"a run"}})) == []  # of no row that is handed over


def test_keys_are_names_where_records_stand_under_them() -> None:
    rooms = {"red": {"guest": None}, "blue": {"guest": "Ann"}}
    (records,) = find_named_records(rooms, {"room": {"red"}})
    assert set(records) == {"red", "blue"}
    assert list(find_named_records({"red": 1, "blue": 2}, {"room": {"red"}})) == []


@pytest.mark.parametrize(
    ("field", "parameter", "same"),
    [
        ("user", "user_id", True),
        ("title", "title", True),
        ("city", "user_id", False),
        ("user_id", "user", True),
    ],
)
def test_a_field_and_a_parameter_of_one_thing(field: str, parameter: str, same: bool) -> None:
    assert is_same_thing(field, parameter) is same
