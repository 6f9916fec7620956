"""The environment as a whole: several servers, streamable HTTP, fixed arguments, held-out tasks, the judge."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import selfchal
from selfchal.core.errors import EnvironmentDataError
from tests.builtin_envs.mcp.conftest import SERVER, MakeOptions
from tests.cli.test_mcp import TASK

pytestmark = pytest.mark.slow  # each test starts servers of its own, which takes a few seconds


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of the small server, which answers there over streamable HTTP."""
    command = [sys.executable, "-I", str(SERVER), "session", "--http"]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    try:
        yield program.stdout.readline().strip()
    finally:
        program.kill()
        program.wait()


def test_a_server_behind_an_address_has_worlds_by_an_argument(address: str, options: MakeOptions) -> None:
    environment = selfchal.open_environment(
        "mcp",
        servers={"mcpServers": {"items": {"type": "http", "url": address}}},
        state={"tool": "list_items"},
        reset={"argument": "session"},
        hide=["wait", "die"],
    )
    (put,) = [tool for tool in environment.tools if tool.name == "put_item"]
    assert put.signature == "put_item(name: str, count: int) -> Any"
    one, other = environment.open({}), environment.open({})
    one.call("put_item", ("apples", 4), {})
    assert other.call("get_count", ("apples",), {}).value == 3
    assert one.fork().call("get_count", ("apples",), {}).value == 4
    assert [change.path for change in one.difference()] == [("apples",)]


def test_several_servers_have_one_world_and_names_of_their_own(options: MakeOptions, tmp_path: Path) -> None:
    made = options("file", test_tasks=None)
    second = {"command": sys.executable, "args": ["-I", str(SERVER), "memory"]}
    made["servers"]["mcpServers"]["spare-parts"] = second
    made["state"] = {"items": made["state"], "spare-parts": {"tool": "list_items"}}
    made["reset"] = {"spare-parts": "restart"}
    environment = selfchal.open_environment("mcp", **made)
    names = {tool.name for tool in environment.tools}
    assert {"put_item", "spare_parts_put_item"} <= names
    world = environment.open({})
    world.call("put_item", ("apples", 1), {})
    world.call("spare_parts_put_item", ("bolts", 2), {})
    assert [change.path for change in world.difference()] == [("items", "apples"), ("spare-parts", "bolts")]


def test_fixed_arguments_are_given_and_not_shown(options: MakeOptions) -> None:
    environment = selfchal.open_environment(
        "mcp",
        **options("file", arguments={"items.get_count": {"name": "bolts"}}, hide=["wait", "items.peek"]),
    )
    (get,) = [tool for tool in environment.tools if tool.name == "get_count"]
    assert get.signature == "get_count() -> Any"
    assert environment.open({}).call("get_count", (), {}).value == 40
    assert "peek" not in {tool.name for tool in environment.tools}


@pytest.mark.parametrize("section", ["hide", "reads", "arguments"])
def test_a_tool_that_no_server_has_is_named(section: str, options: MakeOptions) -> None:
    with pytest.raises(EnvironmentDataError, match=f"{section}: no server has a tool 'put_itme'"):
        selfchal.open_environment(
            "mcp", **options("file") | {section: {"put_itme": {}} if section == "arguments" else ["put_itme"]}
        )


def test_a_held_out_task_that_its_own_calls_do_not_solve_is_named(
    options: MakeOptions, tmp_path: Path
) -> None:
    made = options("file")
    path = tmp_path / "held_out.jsonl"
    path.write_text(json.dumps({"instruction": "x", "calls": [["remove_item", {"name": "gold"}]]}))
    with pytest.raises(EnvironmentDataError, match=r"line 1: .* gives there is no item 'gold'"):
        selfchal.open_environment("mcp", **made)
    path.write_text('{"instruction": "x", "calls": [7]}')
    with pytest.raises(EnvironmentDataError, match="line 1: write"):
        selfchal.open_environment("mcp", **made)


def test_held_out_tasks_are_graded_by_final_state_and_answer(options: MakeOptions) -> None:
    environment = selfchal.open_environment("mcp", **options("file"))
    bolts, candles, both = environment.test_tasks("test")
    world = environment.open({})
    assert not environment.grade(bolts, world, None, ())
    assert environment.grade(candles, world, " 7 ", ())
    assert not environment.grade(candles, world, "8", ())
    world.call("put_item", ("dice", 5), {})
    assert environment.grade(both, world, "3", ())
    assert not environment.grade(candles, world, "7", ())


def test_the_judge_keeps_a_sound_task_and_refuses_a_lax_one(options: MakeOptions) -> None:
    lax = TASK | {"evaluate": "def evaluate():\n    return list_items()['bolts'] == 40"}
    environment = selfchal.open_environment("mcp", **options("file"))
    sound, refused = selfchal.judge([TASK, lax], environment)
    assert sound.passed, sound.reason
    assert not refused.passed


def test_judging_processes_have_servers_of_their_own(options: MakeOptions) -> None:
    section = {"name": "mcp", **options("file")}
    verdicts = selfchal.judge([TASK, TASK], section, processes=2)
    assert [verdict.passed for verdict in verdicts] == [True, True], verdicts[0].reason
