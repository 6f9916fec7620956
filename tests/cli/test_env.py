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
