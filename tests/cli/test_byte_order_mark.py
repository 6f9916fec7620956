"""Every command reads a file with a byte order mark as without one."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.misbehaving import NO_PROMPT, serving

TASK = (
    '{"instruction": "Turn \\"stressed\\" around.", "solution": "result = reverse_string(\'stressed\')", '
    '"evaluate": "def evaluate(a):\\n    return a == \'desserts\'", '
    '"failures": ["result = \'a\'", "result = \'b\'", "result = \'c\'"]}\n'
)
NOBODY = "http://127.0.0.1:9/v1"
MANIFEST = """run: {name: "x"}
environment: {name: "calculation"}
model: {name: "openai", base_url: "http://127.0.0.1:9/v1", model: "m"}
synthesizer: {name: "code_as_task"}
challenge: {tasks: 1}
sandbox: {name: "process"}
"""
COMMANDS: list[tuple[str, str, tuple[str, ...]]] = [
    ("tasks.jsonl", TASK, ("tasks", "judge", "calculation", "FILE", "--json")),
    ("calls.jsonl", '{"name": "string_length", "args": ["ab"]}\n', ("env", "replay", "calculation", "FILE")),
    ("run.yaml", MANIFEST, ("validate", "FILE")),
    ("run.toml", MANIFEST.replace(": ", " = ").replace("\n", "\r\n"), ("validate", "FILE")),
    ("code.py", "RESULT = 1\n", ("sandbox", "exec", "process", "FILE")),
]


@pytest.mark.parametrize(("name", "text", "command"), COMMANDS, ids=[name for name, _, _ in COMMANDS])
def test_a_byte_order_mark_changes_nothing(
    selfchal: Callable[..., Any], tmp_path: Path, name: str, text: str, command: tuple[str, ...]
) -> None:
    said = []
    with serving(NO_PROMPT) as server:
        for mark in (b"", codecs.BOM_UTF8):
            file = tmp_path / name
            file.write_bytes(mark + text.replace(NOBODY, server.url).encode())
            ended = selfchal(*(str(file) if part == "FILE" else part for part in command))
            said.append((ended.code, ended.out))
    assert said[0] == said[1]
    assert said[0][0] == 0
