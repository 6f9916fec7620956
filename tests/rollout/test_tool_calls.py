"""Native tool calls: the forms that models write them in, and whatever else they write."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfchal.rollout.actions import Malformed, Say
from selfchal.rollout.tool_calls import Invocations, Invoke, parse_tool_turn, tool_schema
from selfchal.tools.tool import tool

CALL = Invoke("get_user", {"user_id": "ann", "full": True})
HERMES = '{"name": "get_user", "arguments": {"user_id": "ann", "full": true}}'
LLAMA = '{"name": "get_user", "parameters": {"user_id": "ann", "full": true}}'


@pytest.mark.parametrize(
    "text",
    [
        f"<tool_call>\n{HERMES}\n</tool_call>",
        f"I look Ann up.\n<tool_call>{HERMES}</tool_call><|im_end|>",
        f"<think>\nShall I call <tool_call>?\n</think>\n\n<tool_call>\n{HERMES}\n</tool_call>",
        f"<tool_call>\n{HERMES}",  # cut by a stop string
        f"<tool_call>\n```json\n{HERMES}\n```\n</tool_call>",
        LLAMA,
        f"{LLAMA}<|eot_id|>",
        f"<|python_tag|>{LLAMA}<|eom_id|>",
        f"```json\n{LLAMA}\n```",
        '{"type": "function", "name": "get_user", "parameters": {"user_id": "ann", "full": true}}',
        '<tool_call>{"name": "get_user", "arguments": "{\\"user_id\\": \\"ann\\", \\"full\\": true}"}</tool_call>',
    ],
)
def test_calls(text: str) -> None:
    assert parse_tool_turn(text) == Invocations((CALL,))


@pytest.mark.parametrize(
    "text", ['<tool_call>{"name": "view"}</tool_call>', '{"name": "view", "arguments": {}}']
)
def test_a_call_without_arguments(text: str) -> None:
    assert parse_tool_turn(text) == Invocations((Invoke("view", {}),))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Answer: 42", "42"),
        ("I know it.\nAnswer: 42\nEnd Answer", "42"),
        ("Your order is cancelled.<|eot_id|>", "Your order is cancelled."),
        ('{"T": 1, "A": 2}', '{"T": 1, "A": 2}'),
        ("[1, 2]", "[1, 2]"),
        ("<think>so</think>\nHello", "Hello"),
    ],
)
def test_replies(text: str, said: str) -> None:
    assert parse_tool_turn(text) == Say(said)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  <|im_end|>",
        "<tool_call>",
        "<tool_call>get_user(1)</tool_call>",
        "<tool_call>[]</tool_call>",
        '<tool_call>{"arguments": {}}</tool_call>',
        '<tool_call>{"name": 3, "arguments": {}}</tool_call>',
        '<tool_call>{"name": "a", "arguments": [1]}</tool_call>',
        '<tool_call>{"name": "a", "arguments": "x"}</tool_call>',
        f"<tool_call>{HERMES}</tool_call>\n<tool_call>{{}}</tool_call>",
        HERMES[:-9],  # cut
        f"[{HERMES}, {HERMES[:-9]}",
        '[TOOL_CALLS][{"name": "get_user", "arguments"',
        "[get_user(user_id=who)]",
        "[get_user(user_id='ann'",
        "<|python_start|>get_user<|python_end|>",
        "```tool_code\nx = 1\n```",
        "<|tool_call|>",
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_user\n```json\n{",
        "<function=get_user>{user_id: ann}</function>",
        "<|python_tag|>print(1)",
        "<tool_call>" + "[" * 100_000,
    ],
)
def test_what_is_no_call_gets_a_reminder_that_shows_the_form(text: str) -> None:
    turn = parse_tool_turn(text)
    assert isinstance(turn, Malformed)
    assert '{"name": "<tool>", "arguments"' in turn.reminder


_PIECES = st.sampled_from(
    [
        "<tool_call>",
        "</tool_call>",
        "<|python_tag|>",
        HERMES,
        LLAMA,
        "{",
        "}",
        '"',
        "[",
        "</think>",
        "Answer:",
        "x",
        "\n",
        "```",
    ]
)


@given(st.lists(st.one_of(_PIECES, st.text(max_size=5)), max_size=8).map("".join))
def test_any_text_is_a_call_a_reply_or_gets_a_reminder(text: str) -> None:
    assert isinstance(parse_tool_turn(text), Invocations | Say | Malformed)


def book(city: str, *wishes: str, nights: int = 1) -> Any:
    """Books a room.

    Args:
        city: where
    """


def test_the_schema_is_one_line_of_json_as_native_templates_have_it() -> None:
    text = tool_schema(tool(book).spec)
    assert "\n" not in text
    function = json.loads(text)["function"]
    assert (function["name"], function["description"]) == ("book", "Books a room.")
    assert function["parameters"]["required"] == ["city"]
    assert function["parameters"]["properties"]["wishes"] == {"type": "array", "items": {"type": "string"}}
