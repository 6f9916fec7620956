"""The agent's grammar: which marker decides, what is forgiven, and that no text makes it slow."""

from __future__ import annotations

import time

import pytest

from selfchal.rollout.actions import Act, Malformed, Say, parse_turn


@pytest.mark.parametrize(
    ("text", "turn"),
    [
        ("I look.\nAction:\nprint(1)\nEnd Action", Act("print(1)")),
        ("Action: print(1) End Action", Act("print(1)")),
        ("ACTION:\n```python\nprint(1)\n```\nEND ACTION", Act("print(1)")),
        ("Action:\n```\nif x:\n    y()\n```", Act("if x:\n    y()")),
        ("Action:\nprint(1)", Act("print(1)")),
        ("Answer: 42", Say("42")),
        ("Answer:\n42\nEnd Answer\nbye", Say("42")),
        ("Answer: 1\nAction: x()", Say("1")),
        ("Action: x() End Action\nAnswer: 1", Act("x()")),
    ],
)
def test_turns(text: str, turn: Act | Say) -> None:
    assert parse_turn(text) == turn


def test_neither_is_malformed() -> None:
    assert isinstance(parse_turn("What a fine day"), Malformed)


@pytest.mark.parametrize("filling", [" ", "\t", "\n", "`", "Action:", "End Action ", "\n Answer:", "```\n"])
def test_megabytes_take_less_than_a_second(filling: str) -> None:
    text = f"Action:{filling * (2_000_000 // len(filling))}x"
    started = time.thread_time()
    parse_turn(text)
    parse_turn(text.replace("Action", "Answer"))
    assert time.thread_time() - started < 1.0
