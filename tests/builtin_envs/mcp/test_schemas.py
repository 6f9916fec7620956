"""Call forms and checks of arguments, from the JSON schemas that servers list."""

from __future__ import annotations

import random

import pytest

from selfchal.builtin_envs.mcp.connection import Answer, ListedTool
from selfchal.builtin_envs.mcp.example_arguments import list_arguments
from selfchal.builtin_envs.mcp.live import make_private
from selfchal.builtin_envs.mcp.recorded import Recorded, Recordings, find_todays_date
from selfchal.builtin_envs.mcp.schemas import choose_name, format_type, offer
from selfchal.builtin_envs.mcp.snapshot import make_snapshot
from selfchal.core.world import Json

TOOL = ListedTool(
    "book-room",
    "Book a room,\n  from a day on.",
    {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "nights": {"type": "integer", "minimum": 1, "default": 1},
            "guest": {"$ref": "#/$defs/Guest"},
            "from": {"type": "string", "description": "The first day (YYYY-MM-DD)"},
        },
        "required": ["guest", "from"],
        "$defs": {
            "Guest": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
        },
    },
    {"type": "object", "properties": {"result": {"type": "string"}}},
    None,
)


def test_a_tool_has_a_python_name_and_a_call_form_with_what_must_be_given_first() -> None:
    tool = offer(TOOL, "hotel", choose_name("book-room", "hotel", []), {}, writes=True)
    assert tool.spec.signature == "book_room(guest: {'name': str}, from: str, nights: int = 1) -> str"
    assert tool.spec.description == "Book a room, from a day on."
    assert "$schema" not in tool.spec.parameters


@pytest.mark.parametrize(
    ("args", "kwargs", "fault"),
    [
        (({"name": "Ann"}, "2026-01-02"), {}, None),
        (({"name": "Ann"},), {"from": "2026-01-02", "nights": 3}, None),
        ((), {}, "'guest' is a required property"),
        (({},), {"from": "x"}, "guest: 'name' is a required property"),
        (({"name": "Ann"}, "x", 0), {}, "nights: 0 is less than the minimum of 1"),
        (({"name": "Ann"}, "x", 1, 2), {}, "takes at most 3 arguments, not 4"),
        (({"name": "Ann"}, "x"), {"from": "y"}, "got from twice"),
        (({"name": "Ann"}, "x"), {"colour": "red"}, "has no parameter 'colour'"),
    ],
)
def test_arguments_are_bound_and_checked(
    args: tuple[Json, ...], kwargs: dict[str, Json], fault: str | None
) -> None:
    bound = offer(TOOL, "hotel", "book_room", {}, writes=True).bind(args, kwargs)
    assert isinstance(bound, str) == (fault is not None)
    if fault:
        assert fault in bound
        assert "call it as book_room(" in bound


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": ["string", "null"]}, "str | None"),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, "int | float"),
        ({"enum": ["a", 1]}, "Literal['a', 1]"),
        ({"type": "array", "items": {"type": "object"}}, "list[dict]"),
        ({"type": "array"}, "list"),
        ({}, "Any"),
        (True, "Any"),
    ],
)
def test_types_read_like_python(schema: Json, text: str) -> None:
    assert format_type(schema, {}) == text


def test_a_schema_that_contains_itself_ends() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}}, "required": ["next"]}
    root = {
        "$defs": {"N": node},
        "type": "object",
        "properties": {"n": {"$ref": "#/$defs/N"}},
        "required": ["n"],
    }
    assert "Any" in format_type(root["properties"]["n"], root)
    assert next(list_arguments(ListedTool("t", "", root, None, None), []))["n"]


@pytest.mark.parametrize(
    ("tool", "taken", "name"),
    [("get-sum", [], "get_sum"), ("print", [], "my_server_print"), ("class", [], "my_server_class"),
     ("read", ["read"], "my_server_read"), ("2nd.try", [], "_2nd_try")],
)  # fmt: skip
def test_names_are_pythons_and_hide_nothing(tool: str, taken: list[str], name: str) -> None:
    assert choose_name(tool, "my-server", taken) == name


def test_tried_arguments_come_from_the_schema_its_texts_and_the_state() -> None:
    first = next(list_arguments(TOOL, ["Ann"]))
    assert first == {"guest": {"name": "Ann"}, "from": "2026-01-15"}


def test_a_recorded_answer_is_given_once_it_was_repeated_often_enough() -> None:
    recordings, state = Recordings(), make_snapshot("k", {}, None)
    key = ("k", "roll", "{}")
    for _ in range(21):
        assert recordings.find(key) is None
        recordings.put(key, Recorded(Answer(4), state))
    assert recordings.find(key) == Recorded(Answer(4), state)
    assert recordings.unstable == {}
    recordings.put(key, Recorded(Answer(random.Random(0).random()), state))
    assert "the same call gave 4 and then 0.84" in recordings.unstable["roll"]


def test_a_path_becomes_private_and_a_text_that_mentions_it_does_not() -> None:
    given = {"path": "/own/x.txt", "paths": ["/own", "/owner"], "content": "see /own/x.txt"}
    private = make_private(given, "/own", "/tmp/1/own")
    assert private == {
        "path": "/tmp/1/own/x.txt",
        "paths": ["/tmp/1/own", "/owner"],
        "content": "see /own/x.txt",
    }


def test_two_failures_may_have_different_texts_and_the_first_is_given() -> None:
    recordings, state = Recordings(), make_snapshot("k", {}, None)
    key = ("k", "write", "{}")
    recordings.put(key, Recorded(Answer("cannot rename x.123", ok=False), state))
    again = recordings.put(key, Recorded(Answer("cannot rename x.456", ok=False), state))
    assert again.answer.value == "cannot rename x.123"
    assert recordings.unstable == {}
    recordings.put(key, Recorded(Answer("done"), state))
    assert "write" in recordings.unstable


def test_todays_date_in_an_answer_is_a_clock_unless_somebody_gave_it() -> None:
    from datetime import UTC, datetime

    today = datetime.now(UTC).strftime("%Y-%m-%d")
    assert find_todays_date(Answer({"at": f"{today}T10:00"}), {}, make_snapshot("", {}, None))
    assert not find_todays_date(Answer({"at": today}), {"day": today}, make_snapshot("", {}, None))
    assert not find_todays_date(Answer({"at": today}), {}, make_snapshot("", {"made": today}, None))
    assert not find_todays_date(Answer("1999-01-01"), {}, make_snapshot("", {}, None))
