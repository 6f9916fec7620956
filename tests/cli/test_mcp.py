"""``selfchal mcp``: inspecting calls no tool and contacts nobody, trying makes tasks and judges them."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

import selfchal as package
from selfchal import load_manifest
from selfchal.pipeline.manifest import apply_overrides
from selfchal.testing.endpoint import serve_oracle
from tests.builtin_envs.mcp.conftest import SERVER, MakeOptions, options
from tests.cli.conftest import Selfchal

__all__ = ["options"]
pytestmark = pytest.mark.slow  # each test starts servers of its own, which takes a few seconds
pytest.importorskip("mcp")

TASK = {
    "instruction": "Set the count of the apples to 12.",
    "evaluate": "def evaluate():\n    return list_items() == {'apples': 12, 'bolts': 40, 'candles': 7}",
    "solution": "put_item('apples', 12)",
    "failures": ["put_item('apples', 11)", "put_item('bolts', 12)", "remove_item('apples')"],
}


@pytest.fixture
def config(tmp_path: Path, options: MakeOptions) -> Path:
    """An mcpServers JSON of three servers; one is on another machine."""
    servers = options("file")["servers"]["mcpServers"]
    servers["memory"] = {
        "command": sys.executable,
        "args": ["-I", str(SERVER), "memory", "--plain"],
        "env": {"CALLS": str(tmp_path / "calls"), "API_KEY": "${UNSET_KEY_OF_THE_TEST:-}"},
    }
    servers["mail"] = {"url": "http://mail.invalid/mcp", "headers": {"Authorization": "Bearer ${MAIL_KEY}"}}
    path = tmp_path / "mcp.json"
    path.write_text(json.dumps({"mcpServers": servers}))
    return path


def test_inspecting_lists_what_each_server_could_be_and_calls_no_tool(
    config: Path, tmp_path: Path, selfchal: Selfchal
) -> None:
    ended = selfchal("mcp", "inspect", config, "--json")
    assert ended.code == 0, ended.err
    rows = {row["name"]: row for row in ended.json}
    assert rows["items"]["kind"] == "file"
    assert rows["items"]["declare"] == {"state": {"items": {"file": str(tmp_path / "items.json")}}}
    assert rows["items"]["tools"]["put_item"] == "writes"
    assert rows["memory"]["kind"] == "reset by a tool"
    assert rows["memory"]["declare"]["reset"] == {"memory": {"tool": "reset_items"}}
    assert rows["memory"]["tools"]["put_item"] == "?"
    assert rows["mail"]["kind"] == "remote"
    assert "was not contacted" in rows["mail"]["why"]
    assert not (tmp_path / "calls").exists()


def test_inspecting_ends_with_a_command_that_declares_a_server(config: Path, selfchal: Selfchal) -> None:
    ended = selfchal("mcp", "inspect", config)
    command = shlex.split(ended.out.splitlines()[-1])
    declared = command[command.index("--set") + 1]
    assert declared == f'environment.state={{"items": {{"file": "{config.parent / "items.json"}"}}}}'
    rows: dict[str, Any] = {
        "environment": {"name": "mcp", "servers": str(config)},
        "model": {"name": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "x"},
    }
    apply_overrides(rows, [declared])
    assert load_manifest(rows).resolved()["environment"]["state"]["items"]["file"]


def test_inspecting_calls_the_tools_of_a_server_that_is_named_and_of_no_other(
    config: Path, tmp_path: Path, selfchal: Selfchal
) -> None:
    before = (tmp_path / "items.json").read_bytes()
    ended = selfchal("mcp", "inspect", config, "--call-tools", "items")
    assert "found: roll cannot be relied on: the same call gave" in ended.out
    assert "  write: put_item, remove_item" in ended.out
    assert (tmp_path / "items.json").read_bytes() == before
    unknown = selfchal("mcp", "inspect", config, "--call-tools", "itmes")
    assert unknown.code == 2
    assert "has no server 'itmes'" in unknown.err


def test_trying_makes_tasks_and_judges_them(
    config: Path, tmp_path: Path, selfchal: Selfchal, options: MakeOptions
) -> None:
    section = options("file", servers=str(config), state={"items": {"file": str(tmp_path / "items.json")}})
    with serve_oracle(package.open_environment("mcp", **section), TASK) as url:
        ended = selfchal(
            "mcp", "try", config, "--tasks", 1, "--out", tmp_path / "run",
            f"--set=environment.state.items.file={tmp_path / 'items.json'}", "--set=environment.hide=[wait]",
            f"--set=model.base_url={url}", "--set=model.model=scripted",
        )  # fmt: skip
    assert ended.code == 0, ended.err
    assert "1 tasks kept" in ended.out
    assert "note: items.roll is left out" in ended.out
    assert "note: the server mail is not started: its state is not declared" in ended.out
    assert TASK["instruction"] in ended.out
    stored = (tmp_path / "run" / "manifest.yaml").read_text()
    assert str(config) in stored
    assert "MAIL_KEY" not in stored


def test_trying_without_a_declared_server_says_what_to_declare(config: Path, selfchal: Selfchal) -> None:
    ended = selfchal(
        "mcp", "try", config, "--set=model.base_url=http://127.0.0.1:9/v1", "--set=model.model=x"
    )
    assert ended.code == 2
    assert "no server has a declared state or reset" in ended.err
