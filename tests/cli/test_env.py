"""``selfchal env replay``: tool calls in, what an agent sees and the state's hash out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

CALLS = [
    {"name": "convert_hex_to_ascii", "kwargs": {"hex_string": "4869"}},
    {"name": "convert_hex_to_ascii", "args": ["4869"]},
    {"reset": True},
    {"name": "no_such_tool"},
]


def _replay(selfchal: Any, tmp_path: Path, text: str) -> Any:
    file = tmp_path / "calls.jsonl"
    file.write_text(text)
    return selfchal("env", "replay", "calculation", file)


def test_one_line_for_each_call_and_none_for_a_reset(selfchal: Any, tmp_path: Path) -> None:
    ended = _replay(selfchal, tmp_path, "\n".join(map(json.dumps, CALLS)) + "\n\n")
    assert ended.code == 0, ended.err
    rows = ended.lines
    assert [set(row) for row in rows] == [{"obs", "changed", "sha256"}] * 3
    assert rows[0] == rows[1]
    assert rows[0]["obs"] == "Hi"
    assert not rows[0]["changed"]
    assert len(rows[0]["sha256"]) == 64
    assert "no_such_tool" in rows[2]["obs"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2: the line is no JSON"),
        ("[1]", "line 2: write"),
        ('{"kwargs": {}}', "line 2: write"),
        ('{"name": "x", "kwargs": []}', "line 2: kwargs is an object"),
        ("[" * 100_000, "line 2: the line is no JSON"),
    ],
)
def test_lines_that_are_none_are_named(selfchal: Any, tmp_path: Path, line: str, words: str) -> None:
    ended = _replay(selfchal, tmp_path, f'{{"reset": true}}\n{line}\n')
    assert ended.code == 2
    assert words in ended.err


def test_calls_of_a_file_go_on_from_each_other(selfchal: Any, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    shown = selfchal(
        "env", "call", "calculation", "convert_hex_to_ascii", '{"hex_string": "4869"}', "--calls", calls
    )
    assert (shown.code, shown.out) == (0, "Hi\n")
    assert selfchal("env", "call", "calculation", "no_such_tool", "--calls", calls).code == 1
    assert (
        selfchal("env", "call", "calculation", "submit_answer", '{"answer": "Hi"}', "--calls", calls).code
        == 0
    )
    over = selfchal(
        "env", "call", "calculation", "convert_hex_to_ascii", '{"hex_string": "48"}', "--calls", calls
    )
    assert (over.code, "over" in over.out) == (1, True)
    names = [json.loads(line)["name"] for line in calls.read_text().splitlines()]
    assert names == ["convert_hex_to_ascii", "no_such_tool", "submit_answer", "convert_hex_to_ascii"]
    listed = selfchal("env", "call", "calculation", "--calls", calls).out
    assert "convert_hex_to_ascii(hex_string: str) -> str" in listed
    assert "submit_answer(answer: str) -> str" in listed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["call", "calculation", "reverse_string", "[1]", "--calls", "c"], "ARGUMENTS: write a JSON object"),
        (["call", "calculation", "reverse_string", "{", "--calls", "c"], "ARGUMENTS: '{' is no JSON"),
        (
            ["call", "calculation", "reverse_string", "--calls", "c", "--context", "3"],
            "--context: write a JSON",
        ),
        (["call", "calculation", "reverse_string", "--calls", "/proc/x"], "cannot record a call in /proc/x"),
        (["serve", "calculation", "--port", "0", "--calls", "c"], "each session has its own"),
        (["serve", "calculation", "--port", "0", "--host", "no.such.host.invalid"], "choose another --port"),
        (["serve", "no_such_environment"], "no environment named"),
        (["serve", "calculation", "--openenv"], "over HTTP alone; add --port"),
    ],
)
def test_what_cannot_be_called_or_served_is_a_sentence(
    selfchal: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = selfchal("env", *arguments)
    assert (ended.code, words in ended.err) == (2, True), ended.err
