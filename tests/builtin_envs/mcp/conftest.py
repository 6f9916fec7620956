"""Environments over the small server of tests/support, one for each kind of state."""

from __future__ import annotations

import importlib.util
import json
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from selfchal.builtin_envs.mcp.opening import close_servers
from tests.support.mcp_server import START

collect_ignore_glob = [] if importlib.util.find_spec("mcp") else ["test_*.py"]  # they need the extra mcp

SERVER = Path(__file__).parents[2] / "support" / "mcp_server.py"
HELD_OUT = [
    {"instruction": "Remove the bolts.", "calls": [["remove_item", {"name": "bolts"}]]},
    {"instruction": "How many candles are there?", "calls": [], "answer": 7},
    {
        "instruction": "Put 5 dice in, and tell how many apples there are.",
        "calls": [{"name": "put_item", "kwargs": {"name": "dice", "count": 5}}],
        "answer": 3,
    },
]

Options = dict[str, Any]
MakeOptions = Callable[..., Options]


@pytest.fixture
def options(tmp_path: Path) -> Iterator[MakeOptions]:
    """``options("file", hide=[…])``: the section of a manifest for a server of that store."""
    yield lambda store, *flags, **more: make_options(tmp_path, store, flags, more)
    close_servers()


def make_options(folder: Path, store: str, flags: tuple[str, ...], more: Mapping[str, Any]) -> Options:
    path = make_start(folder, store)
    entry = {
        "command": sys.executable,
        "args": ["-I", str(SERVER), store, *([str(path)] if path else []), *flags],
        "env": {"CALLS": str(folder / "calls")},
    }
    held_out = folder / "held_out.jsonl"
    held_out.write_text("\n".join(map(json.dumps, HELD_OUT)))
    declared: Options = {
        "file": {"state": {"file": str(path)}},
        "once": {"state": {"file": str(path)}, "reset": "restart"},
        "database": {"state": {"file": str(path)}},
        "directory": {"state": {"directory": str(path)}},
        "memory": {"state": {"tool": "list_items"}, "reset": "restart"},
        "session": {"state": {"tool": "list_items"}, "reset": {"argument": "session"}},
        "none": {"state": "read_only"},
    }
    servers = {"mcpServers": {"items": entry}}
    made = {"servers": servers, **declared[store], "test_tasks": str(held_out), "hide": ["wait"]}
    return {**made, **more}


def make_start(folder: Path, store: str) -> Path | None:
    """What the user's own server keeps, where it keeps it outside of itself."""
    if store in ("file", "once"):
        path = folder / "items.json"
        path.write_text(json.dumps(START))
        return path
    if store == "database":
        path = folder / "items.db"
        with sqlite3.connect(path) as database:
            database.execute("create table items (name text primary key, count int)")
            database.executemany("insert into items values (?, ?)", START.items())
        return path
    if store == "directory":
        path = folder / "items"
        path.mkdir()
        for name, count in START.items():
            (path / f"{name}.txt").write_text(str(count))
        return path
    return None
