"""Every kind of state gives worlds that keep what every environment must keep."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import selfchal
from selfchal.builtin_envs.mcp.environment import Mcp
from selfchal.core.world import Change
from selfchal.testing.conformance.environments import environment_cases
from tests.builtin_envs.mcp.conftest import MakeOptions

pytestmark = pytest.mark.slow  # each test starts servers of its own, which takes a few seconds

KINDS = ("file", "once", "database", "directory", "memory", "session")
CHANGED = {
    "file": ("apples",),
    "once": ("apples",),
    "database": ("items", "rows", "1", "count"),
    "directory": ("apples.txt",),
    "memory": ("apples",),
    "session": ("apples",),
}


@pytest.mark.parametrize("kind", [*KINDS, "reset"])
def test_the_conformance_kit_is_green(kind: str, options: MakeOptions) -> None:
    made = (options("memory", reset={"tool": "reset_items"}) if kind == "reset" else options(kind)) | {
        "hide": ["wait"]
    }
    for case in environment_cases(Mcp, made, calls=60):
        case()


@pytest.mark.parametrize("kind", KINDS)
def test_a_world_tells_the_leaf_that_changed_forks_and_resets(kind: str, options: MakeOptions) -> None:
    world = selfchal.open_environment("mcp", **options(kind)).open({})
    start = world.digest()
    assert world.call("put_item", ("apples", 4), {}).value == "done"
    fork = world.fork()
    (change,) = world.difference()
    assert change.path == CHANGED[kind]
    assert (str(change.before), str(change.after)) == ("3", "4")

    fork.call("remove_item", ("bolts",), {})
    assert "bolts" in world.call("list_items", (), {}).value
    assert "bolts" not in fork.call("list_items", (), {}).value
    world.reset()
    assert world.digest() == start
    assert world.call("get_count", ("apples",), {}).value == 3
    assert fork.call("get_count", ("apples",), {}).value == 4


@pytest.mark.parametrize("kind", ["file", "once", "database", "directory"])
def test_what_the_user_keeps_is_never_written(kind: str, options: MakeOptions, tmp_path: Path) -> None:
    made = options(kind)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    world = selfchal.open_environment("mcp", **made).open({})
    world.call("put_item", ("apples", 4), {})
    assert {path: path.read_bytes() for path in before} == before


def test_worlds_do_not_touch_each_other_under_eight_threads(options: MakeOptions) -> None:
    environment = selfchal.open_environment("mcp", **options("file", processes=2))
    wrong: list[str] = []

    def work(index: int) -> None:
        for turn in range(10):
            world = environment.open({})
            for count in range(1, 4):
                world.call("put_item", (f"own {index}", 10 * turn + count), {})
                found = world.call("list_items", (), {}).value
                expected = {"apples": 3, "bolts": 40, "candles": 7, f"own {index}": 10 * turn + count}
                if found != expected:
                    wrong.append(f"{index}: {found}")

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_server_that_only_reads_needs_no_state_and_offers_no_writer(options: MakeOptions) -> None:
    environment = selfchal.open_environment("mcp", **options("none", test_tasks=None))
    assert {tool.name for tool in environment.tools if tool.writes} == set()
    assert "put_item" not in {tool.name for tool in environment.tools}
    world = environment.open({})
    assert world.call("get_count", (), {"name": "bolts"}).value == 40
    assert world.difference() == ()


def test_an_item_that_is_new_and_one_that_is_gone_are_told_with_none(options: MakeOptions) -> None:
    world = selfchal.open_environment("mcp", **options("file")).open({})
    world.call("put_item", ("dice", 2), {})
    world.call("remove_item", ("bolts",), {})
    assert world.difference() == (Change(("bolts",), 40, None), Change(("dice",), None, 2))
