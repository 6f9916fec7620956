"""Real servers out of npm and PyPI: the conformance kit is green, and ten tasks for each are judged rightly."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import selfchal
from selfchal.builtin_envs.mcp.environment import Mcp
from selfchal.builtin_envs.mcp.opening import close_servers
from selfchal.core.errors import EnvironmentDataError
from selfchal.testing.conformance.environments import environment_cases
from selfchal.testing.endpoint import serve_oracle
from tests.builtin_envs.mcp import real_tasks, tau2_servers
from tests.cli.conftest import Selfchal
from tests.cli.conftest import selfchal as selfchal_command
from tests.support.real_servers import npm_server, pypi_server

__all__ = ["selfchal_command"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
DATE = "1767225600 +0000"  # so that a commit is the same whenever it is made
Made = dict[str, Any]


def memory(folder: Path) -> Made:
    path = folder / "graph.jsonl"
    path.write_text("\n".join(map(json.dumps, real_tasks.GRAPH)))
    entry = npm_server("server-memory", MEMORY_FILE_PATH=str(path))
    return {"servers": {"memory": entry}, "state": {"memory": {"file": str(path)}}}


def filesystem(folder: Path) -> Made:
    root = folder / "docs"
    for name, text in real_tasks.FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    entry = npm_server("server-filesystem", str(root))
    return {"servers": {"files": entry}, "state": {"files": {"directory": str(root)}}}


def sqlite(folder: Path) -> Made:
    path = folder / "books.db"
    with sqlite3.connect(path) as database:
        for statement in real_tasks.SQL:
            database.execute(statement)
    entry = pypi_server("old", "mcp_server_sqlite", "--db-path", str(path))
    return {"servers": {"books": entry}, "state": {"books": {"file": str(path)}}, "hide": ["append_insight"]}


def git(folder: Path) -> Made:
    repository = folder / "repository"
    repository.mkdir()
    (repository / "a.txt").write_text("one\n")
    (repository / "b.txt").write_text("two\n")
    dates = {"GIT_AUTHOR_DATE": DATE, "GIT_COMMITTER_DATE": DATE}
    commands = ["init -q -b main .", "config user.name Ann", "config user.email ann@example.com"]
    commands += ["add a.txt", "commit -q -m first", "branch old", "add b.txt"]
    for command in commands:
        subprocess.run(["git", *command.split()], cwd=repository, env=os.environ | dates, check=True)
    entry = pypi_server("new", "mcp_server_git", "--repository", str(repository), **dates)
    seen = [".git/index", ".git/logs*", ".git/objects*", ".git/COMMIT_EDITMSG"]
    return {
        "servers": {"git": entry},
        "state": {"git": {"directory": str(repository), "ignore": seen}},
        "arguments": {"*": {"repo_path": str(repository)}},
    }


def everything(folder: Path) -> Made:
    hidden = ["trigger-long-running-operation", "get-env"]
    return {
        "servers": {"all": npm_server("server-everything")},
        "state": {"all": "read_only"},
        "hide": hidden,
    }


def retail(folder: Path) -> Made:
    return tau2_servers.make("retail", folder)


def airline(folder: Path) -> Made:
    return tau2_servers.make("airline", folder)


# Calls that work on a fresh world, of tools that random arguments hardly ever fit.
EXAMPLES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "filesystem": [
        ("read_file", {"path": "ROOT/prices.csv"}),
        ("read_text_file", {"path": "ROOT/prices.csv"}),
        ("read_media_file", {"path": "ROOT/prices.csv"}),
        ("read_multiple_files", {"paths": ["ROOT/prices.csv"]}),
        ("edit_file", {"path": "ROOT/prices.csv", "edits": [{"oldText": "plum", "newText": "fig"}]}),
        ("create_directory", {"path": "ROOT/new"}),
        ("list_directory", {"path": "ROOT/notes"}),
        ("list_directory_with_sizes", {"path": "ROOT/notes"}),
        ("directory_tree", {"path": "ROOT"}),
        ("search_files", {"path": "ROOT", "pattern": "*.txt"}),
        ("move_file", {"source": "ROOT/notes/friday.txt", "destination": "ROOT/friday.txt"}),
    ],
    "git": [
        ("git_add", {"files": ["a.txt"]}),
        ("git_commit", {"message": "second"}),
        ("git_checkout", {"branch_name": "old"}),
        ("git_branch", {"branch_type": "local"}),
        ("git_show", {"revision": "HEAD"}),
        ("git_diff", {"target": "main"}),
    ],
    **tau2_servers.EXAMPLES,
}
SERVERS: list[tuple[Callable[[Path], Made], list[real_tasks.Case], list[list[Any]]]] = [
    (memory, real_tasks.MEMORY, [["delete_entities", {"entityNames": ["Bob"]}]]),
    (filesystem, real_tasks.FILESYSTEM, [["write_file", {"path": "ROOT/new.txt", "content": "x"}]]),
    (sqlite, real_tasks.SQLITE, [["write_query", {"query": "delete from books"}]]),
    (git, real_tasks.GIT, [["git_create_branch", {"branch_name": "dev"}]]),
    (everything, real_tasks.EVERYTHING, []),
    (
        retail,
        tau2_servers.RETAIL,
        [["cancel_pending_order", {"order_id": "#W6979932", "reason": "no longer needed"}]],
    ),
    (airline, tau2_servers.AIRLINE, [["cancel_reservation", {"reservation_id": "M05KNL"}]]),
]


@pytest.mark.parametrize(("make", "cases", "calls"), SERVERS, ids=[make.__name__ for make, _, _ in SERVERS])
def test_the_kit_is_green_and_ten_tasks_are_judged_rightly(
    make: Callable[[Path], Made], cases: list[real_tasks.Case], calls: list[list[Any]], tmp_path: Path
) -> None:
    made = make(tmp_path)
    root = str(tmp_path / "docs")
    held_out = {"instruction": "Do it.", "calls": calls, "answer": None if calls else "Echo: x"}
    (tmp_path / "held_out.jsonl").write_text(json.dumps(held_out).replace("ROOT", root))
    options = {**made, "servers": {"mcpServers": made["servers"]}}
    options["test_tasks"] = str(tmp_path / "held_out.jsonl")
    try:
        examples = json.loads(json.dumps(EXAMPLES.get(make.__name__, [])).replace("ROOT", root))
        for case in environment_cases(Mcp, options, calls=60, examples=examples):
            case()
        assert len(cases) == 10
        rows = [json.loads(json.dumps(row).replace("ROOT", root)) for row, _ in cases]
        # an instruction never says the SQL that a tool is given, so that check would refuse every task
        checks = [{"name": "completeness", "enabled": False}] if make is sqlite else []
        environment = selfchal.open_environment("mcp", **options)
        verdicts = selfchal.judge(rows, environment, checks=checks, secret="a secret")
    finally:
        close_servers()
    wrong = [
        f"{row['instruction']} {verdict.stage}: {verdict.reason}"
        for (row, sound), verdict in zip(cases, verdicts, strict=True)
        if verdict.passed != sound
    ]
    assert not wrong, "\n".join(wrong)


def test_a_server_of_clocks_is_refused_with_the_names_of_its_tools() -> None:
    entry = pypi_server("new", "mcp_server_time")
    with pytest.raises(EnvironmentDataError) as raised:
        selfchal.open_environment("mcp", servers={"mcpServers": {"time": entry}}, state="read_only")
    assert "time.get_current_time is left out: its answers cannot be relied on" in str(raised.value)
    assert "time.convert_time is left out: its answers cannot be relied on" in str(raised.value)


def test_a_task_that_a_scripted_model_proposes_on_server_memory_is_kept(
    tmp_path: Path, selfchal_command: Selfchal
) -> None:
    made = memory(tmp_path)
    config = tmp_path / "mcp.json"
    config.write_text(json.dumps({"mcpServers": made["servers"]}))
    with (
        selfchal.using_environment("mcp", servers=str(config), state=made["state"]) as environment,
        serve_oracle(environment, real_tasks.MEMORY[0][0]) as url,
    ):
        ended = selfchal_command(
            "mcp", "try", config, "--tasks", 1, "--out", tmp_path / "run",
            f"--set=environment.state.memory.file={tmp_path / 'graph.jsonl'}",
            f"--set=model.base_url={url}", "--set=model.model=scripted",
        )  # fmt: skip
    assert ended.code == 0, ended.err
    assert "1 tasks kept" in ended.out
