"""The section of a manifest: people's JSON as they have it, and declarations that cannot work are refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from selfchal.builtin_envs.mcp.config import McpConfig
from selfchal.builtin_envs.mcp.configuration import ServerEntry, read_servers
from selfchal.core.errors import EnvironmentDataError, ManifestError
from selfchal.pipeline.manifest import parse_config

MEMORY = {"command": "npx", "args": ["-y", "server-memory"], "env": {"MEMORY_FILE_PATH": "/home/ann/m.jsonl"}}
MAIL = {"url": "https://mail.example.com/mcp", "headers": {"Authorization": "Bearer ${MAIL_KEY}"}}
STATE = {"memory": {"file": "/home/ann/m.jsonl"}}


def parse(**rows: Any) -> McpConfig:
    parsed: McpConfig = parse_config(McpConfig, rows, "environment")
    return parsed


@pytest.mark.parametrize(
    "value",
    [
        {"mcpServers": {"memory": MEMORY}},
        {"servers": {"memory": {"type": "stdio", **MEMORY}}, "inputs": []},
        {"mcp": {"servers": {"memory": MEMORY}}},
        {"memory": MEMORY},
    ],
    ids=["Claude and Cursor", "VS Code", "older VS Code", "bare"],
)
def test_the_json_of_every_client_is_read(value: Any) -> None:
    entry = read_servers(value, "x")["memory"]
    assert (entry.command, entry.args) == ("npx", ("-y", "server-memory"))
    assert entry.env == MEMORY["env"]


def test_servers_that_are_switched_off_are_left_out() -> None:
    assert list(read_servers({"a": {**MEMORY, "disabled": True}, "b": MEMORY}, "x")) == ["b"]


def test_the_sdk_is_imported_by_no_command_that_needs_no_server() -> None:
    program = (
        "import sys\nfrom selfchal.cli.main import call\nfrom selfchal.plugins import load_plugins\n"
        "assert call(['plugins', 'list']) == 0 and call(['mcp', '--help']) == 0\n"
        "assert load_plugins().find('environment', 'mcp').name == 'mcp'\n"
        "assert not {'mcp', 'jsonschema', 'httpx2'} & set(sys.modules), set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_only_declared_servers_are_used() -> None:
    config = parse(servers={"mcpServers": {"memory": MEMORY, "mail": MAIL}}, state=STATE)
    assert list(config.declared()) == ["memory"]


def test_a_file_is_read_when_the_manifest_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    with pytest.raises(ManifestError, match="No such file"):
        parse(servers=str(path), state=STATE)
    path.write_text(json.dumps({"mcpServers": {"memory": MEMORY}}))
    assert list(parse(servers=str(path), state={"file": "/home/ann/m.jsonl"}).declared()) == ["memory"]
    path.write_text("{")
    with pytest.raises(ManifestError, match="is not JSON"):
        parse(servers=str(path), state=STATE)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"state": {}}, "no server has a declared state or reset"),
    ({"state": {"memroy": {"file": "x"}}}, "there is no server 'memroy'; there are: memory, mail"),
    (
        {"state": {"file": "/home/ann/m.jsonl"}},
        "state needs the server's name, since there are: memory, mail",
    ),
    ({"state": {"memory": {"file": "/home/ann/other"}}}, "stands neither in its args nor in its env"),
    ({"state": {"memory": {"file": "a", "tool": "b"}}}, "write one of file, directory and tool"),
    ({"state": {"memory": {"tool": "read_graph"}}}, "needs a reset: restart, or a tool, or an argument"),
    ({"state": {"memory": "frozen"}}, "read_only"),
    (
        {"state": STATE, "reset": {"memory": {"tool": "clear"}}},
        "its file is put back; reset can only be restart",
    ),
    ({"state": {"mail": {"file": "x"}}}, "it has no file here"),
    ({"state": {"mail": {"tool": "list"}}, "reset": {"mail": "restart"}}, "cannot be restarted from here"),
    ({"state": {"memory": "read_only"}, "reset": {"memory": "restart"}}, "needs no reset"),
    ({"reset": {"memory": "restart"}}, "say which tool shows it"),
    ({"state": STATE, "hidden": []}, "did you mean 'hide'"),
]


@pytest.mark.parametrize(("rows", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_cannot_work_is_refused_with_the_cure(rows: dict[str, Any], said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        parse(servers={"mcpServers": {"memory": MEMORY, "mail": MAIL}}, **rows)


@pytest.mark.parametrize(
    ("entry", "where"),
    [
        ({**MEMORY, "env": {**MEMORY["env"], "GITHUB_TOKEN": "ghp_123"}}, "env.GITHUB_TOKEN"),
        ({**MEMORY, "args": ["--api-key", "abc"]}, "args.1"),
        ({**MEMORY, "args": ["--api-key=abc"]}, "args.0"),
        ({"url": "https://x.example.com", "headers": {"X-Api-Key": "abc"}}, "headers.X-Api-Key"),
    ],
)
def test_a_key_that_is_written_out_in_a_manifest_is_refused(entry: dict[str, Any], where: str) -> None:
    with pytest.raises(ManifestError, match="a key does not belong in a manifest") as raised:
        parse(servers={"memory": MEMORY, "keyed": entry}, state=STATE)
    assert f"keyed.{where}" in str(raised.value)
    assert "abc" not in str(raised.value)
    assert "ghp_123" not in str(raised.value)


def test_what_is_shown_of_a_server_holds_no_key() -> None:
    program = ServerEntry("x", "node", ("server.js", "--api-key=abc", "--token", "def", "--keyboard", "us"))
    assert program.reached == "node server.js --api-key=… --token … --keyboard us"
    address = ServerEntry("x", url="https://ann:abc@x.example.com:8080/mcp?key=def")
    assert address.reached == "https://x.example.com:8080/mcp"


def test_variables_are_filled_in_when_a_server_starts_and_a_missing_one_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAIL_KEY", "s3cret")
    entry = ServerEntry(
        "x", url="https://x/${PART:-mcp}", headers={"A": "Bearer ${MAIL_KEY} ${env:MAIL_KEY}"}
    )
    filled = entry.filled_in()
    assert (filled.url, filled.headers["A"]) == ("https://x/mcp", "Bearer s3cret s3cret")
    monkeypatch.delenv("MAIL_KEY")
    with pytest.raises(EnvironmentDataError, match="'x' needs the environment variable MAIL_KEY"):
        entry.filled_in()


def test_no_value_of_a_variable_is_in_what_a_run_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMORY_TOKEN", "s3cret")
    entry = {**MEMORY, "env": {**MEMORY["env"], "TOKEN": "${MEMORY_TOKEN}"}}
    stored = parse(servers={"memory": entry}, state=STATE).model_dump_json()
    assert "${MEMORY_TOKEN}" in stored
    assert "s3cret" not in stored
