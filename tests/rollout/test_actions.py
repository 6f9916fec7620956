"""The agent's grammar: which marker decides, what is forgiven, and that no text makes it slow."""

from __future__ import annotations

import time

import pytest

from selfchal.rollout.actions import Act, Malformed, Say, parse_turn
from tests.patience import SOON


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


@pytest.mark.parametrize(
    ("text", "turn", "forgiven"),
    [
        ("**Action:**\nprint(1)\n**End Action**", Act("print(1)"), ("decorated marker",)),
        ("### Action:\n```python\nprint(1)\n```", Act("print(1)"), ("decorated marker",)),
        ("> *Action*: print(1)", Act("print(1)"), ("decorated marker",)),
        ("So it is.\n**Answer:** 42", Say("42"), ("decorated marker",)),
        ("**Answer: 42**", Say("42"), ("decorated marker",)),
        ("Answer: **42**", Say("42"), ()),
        ("Answer: 2 ** 3 ** 1", Say("2 ** 3 ** 1"), ()),
        ("Final Answer: 42", Say("42"), ("final answer",)),
        ("**The final answer:** 42", Say("42"), ("decorated marker", "final answer")),
        ("I run this:\n```python\nprint(1)\n```\nand then see.", Act("print(1)"), ("no marker",)),
        ("Answer: 42<|im_end|>", Say("42"), ()),
        ("* Answer: none so far\nAction: print(1)", Act("print(1)"), ()),
    ],
)
def test_other_forms_are_understood_and_listed(text: str, turn: Act | Say, forgiven: tuple[str, ...]) -> None:
    read = parse_turn(text)
    assert read == turn
    assert isinstance(read, Act | Say)
    assert read.forgiven == forgiven


@pytest.mark.parametrize(
    ("text", "turn"),
    [
        ("<think>\nAnswer: 12\nno.\n</think>\nAction: print(1)", Act("print(1)")),
        ("<think>Action:\nprint(0)\nEnd Action</think>\n\nAnswer: 42", Say("42")),
        ("I could say\nAnswer: 12\n</think>\n\nAnswer: 42", Say("42")),  # the prompt opened the thought
        ("[THINK]Answer: 1[/THINK]Answer: 42", Say("42")),
        ("<|START_THINKING|>Answer: 1<|END_THINKING|>Answer: 42<|END_OF_TURN_TOKEN|>", Say("42")),
        (
            "<|channel|>analysis<|message|>Answer: 12<|end|><|start|>assistant<|channel|>final<|message|>Answer: 42"
            "<|return|>",
            Say("42"),
        ),
        ("analysisAnswer: 12\nlet me seeassistantfinalAnswer: 42", Say("42")),
        ("Action:\nprint('<think>')\nEnd Action", Act("print('<think>')")),
        ("Action:\nprint('</think>')\nEnd Action", Act("print('</think>')")),
    ],
)
def test_thoughts_are_not_read(text: str, turn: Act | Say) -> None:
    assert parse_turn(text) == turn


@pytest.mark.parametrize(
    "text",
    [
        "<think>\nAnswer: 12\nAction: print(1)",
        "<|channel|>analysis<|message|>Answer: 12",
        "<thinking>Action: print(1) End Action",
    ],
)
def test_a_turn_that_ends_in_its_thought_is_told_so(text: str) -> None:
    read = parse_turn(text)
    assert isinstance(read, Malformed)
    assert "before its thought did" in read.reminder


def test_neither_is_malformed() -> None:
    assert isinstance(parse_turn("What a fine day"), Malformed)


@pytest.mark.parametrize(
    "filling",
    [
        " ", "\t", "\n", "`", "*", "#", "Action:", "End Action ", "\n Answer:", "```\n", "x<think>",
        "\n<think>", "</think>", "<think>a</think>\n", "<|channel|>", "final answer:", "<|im_end|>",
    ],
)  # fmt: skip
def test_megabytes_are_read_soon(filling: str) -> None:
    text = f"Action:{filling * (2_000_000 // len(filling))}x"
    started = time.thread_time()
    parse_turn(text)
    parse_turn(text.replace("Action", "Answer"))
    assert time.thread_time() - started < SOON
