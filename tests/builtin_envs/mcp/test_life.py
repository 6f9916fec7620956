"""Servers die, hang and lie; nothing is lost, nothing is left behind, and what cannot be relied on is named."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import selfchal
from selfchal.builtin_envs.mcp.environment import Mcp
from selfchal.builtin_envs.mcp.opening import open_servers
from selfchal.builtin_envs.mcp.server import Server
from selfchal.core.errors import EnvironmentDataError
from tests.builtin_envs.mcp.conftest import SERVER, MakeOptions, Options
from tests.cli.test_mcp import TASK

pytestmark = pytest.mark.slow  # each test starts servers of its own, which takes a few seconds

ROOT = Path(__file__).parents[3]
# Opens an environment, changes a world, says so, and waits.
PROGRAM = """
import json, sys, time
import selfchal
if __name__ == "__main__":
    from selfchal.builtin_envs.mcp.background import background
    from selfchal.builtin_envs.mcp.environment import Mcp
    from selfchal.builtin_envs.mcp.opening import open_servers
    made = json.loads(sys.argv[1])
    environment = selfchal.open_environment("mcp", **made)
    environment.open({}).call("put_item", ("apples", 4), {})
    (server,) = open_servers(Mcp.Config.model_validate(made)).servers.servers.values()
    print(json.dumps([server.pids(), str(background().folder)]), flush=True)
    time.sleep(float(sys.argv[2]))
"""


def find_server(made: Options) -> Server:
    (server,) = open_servers(Mcp.Config.model_validate(made)).servers.servers.values()
    return server


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_server_that_is_killed_is_started_again_and_nothing_is_lost(
    kind: str, options: MakeOptions
) -> None:
    made = options(kind)
    world = selfchal.open_environment("mcp", **made).open({})
    server = find_server(made)
    world.call("put_item", ("apples", 4), {})
    for count in range(5, 9):
        (pid,) = server.pids()
        os.kill(pid, signal.SIGKILL)
        assert world.call("put_item", ("bolts", count), {}).value == "done"
        assert world.call("list_items", (), {}).value == {"apples": 4, "bolts": count, "candles": 7}
    assert server.starts >= 5


def test_verdicts_are_the_same_while_the_server_is_killed_again_and_again(options: MakeOptions) -> None:
    made = options("file")
    environment = selfchal.open_environment("mcp", **made)
    server = find_server(made)
    over = threading.Event()

    def kill() -> None:
        while not over.wait(0.7):
            for pid in server.pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        tasks = [
            TASK | {"instruction": f"Set the count of the apples to {n}.", "solution": f"put_item('apples', {n})",
                    "evaluate": TASK["evaluate"].replace("12", str(n))}
            for n in range(20, 32)
        ]  # fmt: skip
        verdicts = selfchal.judge(tasks, environment)
    finally:
        over.set()
        killer.join()
    assert [verdict.reason for verdict in verdicts if not verdict.passed] == []
    assert server.starts > 2


def test_a_call_that_ends_the_server_is_an_observation(options: MakeOptions) -> None:
    world = selfchal.open_environment("mcp", **options("file")).open({})
    world.call("put_item", ("apples", 4), {})
    result = world.call("die", ("now",), {})
    assert not result.ok
    assert "died of this call" in result.value
    assert world.call("get_count", ("apples",), {}).value == 4


def test_a_call_that_takes_too_long_is_an_observation(options: MakeOptions) -> None:
    world = selfchal.open_environment("mcp", **options("file", timeout=4, hide=[])).open({})
    world.call("put_item", ("apples", 4), {})
    before = time.monotonic()
    result = world.call("wait", (30,), {})
    assert not result.ok
    assert "no answer within 4 s" in result.value
    assert time.monotonic() - before < 25
    assert world.call("get_count", ("apples",), {}).value == 4


def test_what_a_tool_refuses_is_an_observation(options: MakeOptions) -> None:
    world = selfchal.open_environment("mcp", **options("file")).open({})
    missing = world.call("remove_item", ("gold",), {})
    assert (missing.ok, missing.raises, missing.value) == (False, True, "there is no item 'gold'")
    wrong = world.call("put_item", ("gold", "many"), {})
    assert wrong.value.startswith("put_item: count: 'many' is not of type 'integer'; call it as put_item(")
    assert world.call("put_item", ("gold",), {"count": 1, "colour": "red"}).value.startswith(
        "put_item has no parameter 'colour'"
    )


def test_clocks_and_dice_are_found_named_and_left_out(options: MakeOptions) -> None:
    environment = selfchal.open_environment("mcp", **options("file"))
    assert not {"now", "roll"} & {tool.name for tool in environment.tools}
    assert any(note.startswith("items.now is left out: its answers cannot") for note in environment.notes)
    assert any(note.startswith("items.roll is left out") for note in environment.notes)


def test_a_tool_that_writes_though_it_says_that_it_reads_is_refused(options: MakeOptions) -> None:
    world = selfchal.open_environment("mcp", **options("file")).open({})
    assert world.call("peek", ("apples",), {}).ok
    result = world.call("peek", ("secret",), {})
    assert "listed as a tool that only reads" in result.value
    assert world.difference() == ()
    assert "peeked" not in world.call("list_items", (), {}).value


def test_tools_without_annotations_write_where_the_state_shows_it(options: MakeOptions) -> None:
    environment = selfchal.open_environment("mcp", **options("file", "--plain"))
    writes = {tool.name: tool.writes for tool in environment.tools}
    assert writes["put_item"]
    assert writes["remove_item"]
    assert not writes["list_items"]
    assert not writes["get_count"]


def test_a_server_that_reads_its_file_only_once_is_found_out(options: MakeOptions) -> None:
    made = options("once") | {"reset": {}}
    with pytest.raises(EnvironmentDataError, match=r"reset: \{items: restart\}"):
        selfchal.open_environment("mcp", **made)


def test_values_are_structured_content_or_json_or_text(options: MakeOptions) -> None:
    world = selfchal.open_environment("mcp", **options("file")).open({})
    assert world.call("list_items", (), {}).value == {"apples": 3, "bolts": 40, "candles": 7}
    assert world.call("json_text", (), {}).value == {"answer": 42}
    assert world.call("text", (), {}).value == "it is {no} JSON"


def test_a_server_that_does_not_start_says_why(options: MakeOptions) -> None:
    made = options("file")
    made["servers"]["mcpServers"]["items"]["command"] = "no-such-program"
    with pytest.raises(
        EnvironmentDataError, match=r"'items' does not start: there is no program 'no-such-program'"
    ):
        selfchal.open_environment("mcp", **made)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, None])
def test_nothing_is_left_behind(end: int | None, options: MakeOptions) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, json.dumps(options("file")), "60" if end else "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert program.stdout is not None
    pids, folder = json.loads(program.stdout.readline())
    assert Path(folder).exists() or end is None
    if end is not None:
        program.send_signal(end)
    program.wait(30)
    until = time.monotonic() + 20
    while time.monotonic() < until and (Path(folder).exists() or any(map(is_running, pids))):
        time.sleep(0.05)
    assert not Path(folder).exists()
    assert not any(map(is_running, pids))


def is_running(pid: int) -> bool:
    path = Path(f"/proc/{pid}/stat")
    return path.exists() and path.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_server_whose_state_is_not_declared_is_never_started(options: MakeOptions, tmp_path: Path) -> None:
    made = options("file")
    calls = tmp_path / "mail_calls"
    marker = tmp_path / "started"
    program = (
        f"import pathlib, runpy, sys; pathlib.Path({str(marker)!r}).touch(); sys.argv = ['x', 'memory']; "
    )
    made["servers"]["mcpServers"]["mail"] = {
        "command": sys.executable,
        "args": ["-c", program + f"runpy.run_path({str(SERVER)!r}, run_name='__main__')"],
        "env": {"CALLS": str(calls)},
    }
    made["state"] = {"items": made["state"]}
    environment = selfchal.open_environment("mcp", **made)
    world = environment.open({})
    for tool in environment.tools:
        world.call(tool.name, (), dict.fromkeys(tool.parameters["properties"], "apples"))
    assert not calls.exists()
    assert not marker.exists()
    assert (tmp_path / "calls").exists()
