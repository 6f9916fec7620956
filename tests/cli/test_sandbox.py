"""``selfchal sandbox exec``: the JSON that other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def _exec(selfchal: Any, tmp_path: Path, source: str, *options: str) -> Any:
    file = tmp_path / "program.py"
    file.write_text(source)
    return selfchal("sandbox", "exec", "process", file, "--json", *options)


@pytest.mark.parametrize(
    ("source", "status", "value"),
    [
        ("print('hi')\nRESULT = {'a': [1, None]}", "ok", {"a": [1, None]}),
        ("x = 1", "ok", None),
        ("RESULT = 1 / 0", "exception", None),
        ("while True: pass", "timeout", None),
    ],
)
def test_statuses(selfchal: Any, tmp_path: Path, source: str, status: str, value: object) -> None:
    ended = _exec(selfchal, tmp_path, source, "--timeout", "1")
    assert set(ended.json) == {"status", "value", "stdout", "error", "seconds"}
    assert (ended.json["status"], ended.json["value"]) == (status, value)
    assert ended.code == (0 if status == "ok" else 1)


def test_what_was_printed_and_the_traceback(selfchal: Any, tmp_path: Path) -> None:
    ended = _exec(selfchal, tmp_path, "print('hi')\nnames['x']")
    assert ended.json["stdout"] == "hi\n"
    assert "NameError" in ended.json["error"]


def test_for_people(selfchal: Any, tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text("print('hi')\nRESULT = 3")
    ended = selfchal("sandbox", "exec", "process", file)
    assert ended.out == "hi\n"
    assert "[ok in " in ended.err
    assert "RESULT = 3" in ended.err


def test_options_of_the_sandbox_are_checked(selfchal: Any, tmp_path: Path) -> None:
    ended = _exec(selfchal, tmp_path, "", "--set", "no_such_option=1")
    assert ended.code == 2
    assert "no_such_option: no such key" in ended.err
