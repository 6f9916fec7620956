"""A trace's parts, tokens and their texts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfchal.core.model import Message
from selfchal.view.token_texts import read_token_texts
from selfchal.view.traces import make_trace
from tests.support.stored_run import make_episode


def test_parts_say_what_they_are_and_hold_the_tokens_of_their_turn() -> None:
    trace = make_trace(make_episode("x", "print(1)", 1.0), {4: "print", 5: "(1)\n"})
    assert [part.kind for part in trace.parts] == ["system", "task", "agent", "observation", "agent"]
    first, second = (part.tokens for part in trace.parts if part.kind == "agent")
    assert [(token.number, token.text, token.shade) for token in first] == [
        (4, "print", 1), (5, "(1)⏎", 1), (6, "", 1)]  # fmt: skip
    assert [token.number for token in second] == [10, 11]
    assert trace.mask == ((False, 4), (True, 3), (False, 3), (True, 2))


def test_examples_in_a_prompt_are_no_turns_of_the_agent() -> None:
    episode = make_episode("x", "print(1)", 1.0)
    episode.messages[1:1] = [Message("user", "shown"), Message("assistant", "shown")]
    kinds = [part.kind for part in make_trace(episode, {}).parts]
    assert kinds == ["system", "example", "example", "task", "agent", "observation", "agent"]


BYTES = {"model": {"vocab": {"Ġhi": 0, "Ã©": 1, "Ċ": 2}}, "decoder": {"type": "ByteLevel"},
         "added_tokens": [{"id": 3, "content": "<end>"}]}  # fmt: skip
UNIGRAM = {"model": {"vocab": [["<pad>", 0.0], ["\u2581hi", -1.0]]}, "decoder": None}


@pytest.mark.parametrize(
    ("tokenizer", "texts"),
    [
        (BYTES, {0: " hi", 1: "é", 2: "\n", 3: "<end>"}),
        (UNIGRAM, {0: "<pad>", 1: " hi"}),
        ({"model": {"vocab": 3}}, {}),
        ([1], {}),
    ],
    ids=["bytes", "unigram", "a number", "a list"],
)
def test_texts_of_tokens_come_from_the_tokenizer_beside_the_weights(
    tmp_path: Path, tokenizer: object, texts: dict[int, str]
) -> None:
    assert read_token_texts(tmp_path) == {}
    folder = tmp_path / "checkpoints" / "round_1" / "final"
    folder.mkdir(parents=True)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert dict(read_token_texts(tmp_path)) == texts
