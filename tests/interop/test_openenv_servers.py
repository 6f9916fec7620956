"""Servers of OpenEnv's own package as environments, in an environment that scripts/round_trips.py made."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from selfchal import using_environment
from tests.interop.test_round_trips import find_environment

pytestmark = pytest.mark.slow
SERVERS = Path(__file__).with_name("openenv_servers.py")


@contextmanager
def serving(name: str) -> Iterator[str]:
    """The address of one of the servers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    python = str(find_environment("openenv") / "python")
    with subprocess.Popen([python, str(SERVERS), name, str(port)]) as served:
        try:
            for _ in range(600):
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}"
        finally:
            served.terminate()


def test_tools_and_held_out_tasks_are_taken_and_worlds_are_apart() -> None:
    with serving("shelf") as url, using_environment("openenv", url=url, reads=["show"]) as environment:
        assert {tool.name for tool in environment.tools} == {"lend", "show"}
        (task,) = environment.test_tasks("test")
        assert task.instruction == "Lend Emma to Ada."
        one, other = environment.open(task.context), environment.open(task.context)
        assert one.call("lend", ("Emma", "Ada"), {}).value == {"lent": {"Emma": "Ada"}}
        assert "lent already" in one.call("lend", ("Emma", "Bob"), {}).value
        assert one.fork().call("show", (), {}).value == {"Emma": "Ada"}
        assert other.call("show", (), {}).value == {}
        assert (environment.grade(task, one, "", ()), environment.grade(task, other, "", ())) == (True, False)


def test_an_action_of_its_own_and_room_for_one_session() -> None:
    with serving("counter") as url, using_environment("openenv", url=url) as environment:
        (tool,) = environment.tools
        assert tool.name == "step"
        world = environment.open({"seed": 3})
        assert world.call("step", (4,), {}).value == {"total": 7}
        twin = world.fork()
        assert twin.call("step", (3,), {}).value == {"total": 10}
        assert (twin.ended, world.ended, twin.earn(None)) == (True, False, 1.0)
