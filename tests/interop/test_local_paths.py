"""An environment whose options name something of this machine does not leave, wherever the path stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from selfchal.core.errors import PluginError
from selfchal.interop.exporting import choose_environment


def make_section(file: str) -> dict[str, Any]:
    """An MCP server whose state is a file."""
    servers = {"memory": {"command": "/usr/bin/env", "args": ["server", file]}}
    return {"name": "mcp", "servers": servers, "state": {"memory": {"file": file}}}


def test_a_path_inside_inline_options_is_named(tmp_path: Path) -> None:
    file = tmp_path / "graph.json"
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(PluginError, match=f"names {file}, which is on this machine alone"):
        choose_environment(make_section(str(file)))


def test_a_path_that_names_nothing_here_leaves() -> None:
    assert choose_environment(make_section("/data/graph.json")).name == "mcp"
    assert choose_environment({"name": "calculation"}).name == "calculation"


def test_data_of_a_benchmark_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=f"environment.data names {tmp_path}"):
        choose_environment({"name": "retail", "data": str(tmp_path)})
