"""``evaluation.example``: which files are an episode, and what is said of others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfchal import load_manifest
from selfchal.core.errors import ManifestError
from selfchal.core.model import Message
from selfchal.pipeline.example import read_example

TURNS = [
    {"role": "system", "content": "rules"},
    {"role": "user", "content": "task"},
    {"role": "assistant", "content": "Answer: 1"},
]
UNFIT = {
    "no file": None,
    "no JSON": "{",
    "no messages": '{"ids": []}',
    "no turns": '{"messages": []}',
    "a system message alone": json.dumps(TURNS[:1]),
    "no end": json.dumps(TURNS[:2]),
    "no beginning": json.dumps(TURNS[2:]),
    "another role": json.dumps([{"role": "tool", "content": "x"}, *TURNS]),
    "no text": json.dumps([{"role": "user", "content": None}, TURNS[2]]),
    "a number": "1",
    "a large file": json.dumps([*TURNS[1:], {"role": "user", "content": "x" * 2**20}, TURNS[2]]),
}


@pytest.mark.parametrize("rows", [TURNS, {"episode": "train/1/0", "messages": TURNS, "ids": [1]}])
def test_the_turns_of_an_episode_are_read_without_its_system_message(rows: object, tmp_path: Path) -> None:
    file = tmp_path / "example.json"
    file.write_text(json.dumps(rows), encoding="utf-8")
    assert read_example(file) == (Message("user", "task"), Message("assistant", "Answer: 1"))


@pytest.mark.parametrize("text", UNFIT.values(), ids=UNFIT.keys())
def test_another_file_is_refused_before_anything_starts(text: str | None, tmp_path: Path) -> None:
    file = tmp_path / "example.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(ManifestError, match=r"evaluation\.example") as caught:
        read_example(file)
    assert str(file) in str(caught.value)
    with pytest.raises(ManifestError, match=r"evaluation\.example"):
        load_manifest(
            {
                "environment": {"name": "calculation"},
                "model": {"name": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "m"},
                "evaluation": {"example": str(file)},
            }
        )
