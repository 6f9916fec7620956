"""Whoever opened an environment of servers ends them, however it ends, and while this Python goes on."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import selfchal
from selfchal.core.errors import EnvironmentDataError
from selfchal.testing.endpoint import serve_oracle
from tests.builtin_envs.mcp.conftest import SERVER, MakeOptions, Options
from tests.cli.test_mcp import TASK
from tests.patience import SOON

pytestmark = pytest.mark.slow  # each test starts servers of its own, which takes a few seconds


class StopEverythingError(Exception):
    """What goes wrong in the middle of something else."""


def find_servers() -> list[int]:
    """The servers that this process started and that still run."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (entry / "cmdline").read_bytes().decode()
        except OSError:
            continue  # it has just ended
        if int(parent) == os.getpid() and state != "Z" and str(SERVER) in command:
            found.append(int(entry.name))
    return found


def judge_by_name(section: Options) -> None:
    assert selfchal.judge(TASK, section).passed


def judge_rows_and_stop_in_the_middle(section: Options) -> None:
    rows = selfchal.judge_rows([TASK, TASK], section)
    assert next(rows)["outcome"] == "passed"
    del rows


def play_by_name(section: Options) -> None:
    assert selfchal.play(TASK, section, [f"```python\n{TASK['solution']}\n```", "Answer: done"])


def measure_the_oracle(section: Options) -> None:
    assert selfchal.evaluate({"environment": section}, policy="oracle")["pass@1"] == 1.0


def leave_a_block_by_an_error(section: Options) -> None:
    def leave() -> None:
        with selfchal.using_environment(section) as environment:
            environment.open({}).call("put_item", ("apples", 4), {})
            assert find_servers()
            raise StopEverythingError

    with pytest.raises(StopEverythingError):
        leave()


def interrupt_a_call(section: Options) -> None:
    def wait() -> None:
        with selfchal.using_environment(section | {"hide": []}) as environment:
            threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
            environment.open({}).call("wait", (20,), {})

    with pytest.raises(KeyboardInterrupt):
        wait()


def make_one_whose_held_out_task_is_wrong(section: Options) -> None:
    path = Path(section["test_tasks"])
    path.write_text('{"instruction": "Remove it.", "calls": [["remove_item", {"name": "gold"}]]}')
    with pytest.raises(EnvironmentDataError):
        selfchal.open_environment(section)


def make_one_whose_state_cannot_be_seen(section: Options) -> None:
    shown_by = {"tool": "die", "arguments": {"word": "now"}}
    wrong = section | {"state": shown_by, "reset": "restart"}
    with pytest.raises(EnvironmentDataError, match="fails when its state is asked for"):
        selfchal.open_environment(wrong)


def make_one_whose_state_no_tool_shows(section: Options) -> None:
    wrong = section | {"state": {"tool": "no_such_tool"}, "reset": "restart"}
    with pytest.raises(
        EnvironmentDataError, match="'items' has no tool 'no_such_tool'; there are: list_items"
    ):
        selfchal.open_environment(wrong)


ENDS = [
    judge_by_name,
    judge_rows_and_stop_in_the_middle,
    play_by_name,
    measure_the_oracle,
    leave_a_block_by_an_error,
    interrupt_a_call,
    make_one_whose_held_out_task_is_wrong,
    make_one_whose_state_cannot_be_seen,
    make_one_whose_state_no_tool_shows,
]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_no_server_is_left_by(end: Callable[[Options], None], options: MakeOptions) -> None:
    end({"name": "mcp", **options("file")})
    assert find_servers() == []


def test_no_server_is_left_by_a_run_and_by_one_that_is_stopped(options: MakeOptions, tmp_path: Path) -> None:
    section = {"name": "mcp", **options("file")}
    rows: dict[str, Any] = {
        "environment": section,
        "challenge": {"tasks": 1, "proposals": 4},
        "evaluation": {"baselines": False},
    }
    with (
        selfchal.using_environment(section) as environment,
        serve_oracle(environment, TASK) as url,
    ):
        rows["model"] = {"name": "openai", "base_url": url, "model": "scripted"}
        (shared,) = find_servers()
        said: list[str] = []
        selfchal.run(rows, tmp_path / "run", watch=[Notes(said)])
        assert find_servers() == [shared], "the run used the server that is there, and left it to its owner"
        assert any("items.roll is left out" in text for text in said)
        assert "items.wait is left out: hide names it" in said
    assert find_servers() == []
    with pytest.raises(KeyboardInterrupt):
        selfchal.run(rows, tmp_path / "stopped", watch=[CtrlC()])
    assert find_servers() == []


class CtrlC:
    """Comes with the first note of a run, when its servers are up."""

    @selfchal.hookimpl
    def note(self, text: str) -> None:
        assert find_servers()
        raise KeyboardInterrupt


class Notes:
    """Keeps the notes of a run."""

    def __init__(self, said: list[str]) -> None:
        self.said = said

    @selfchal.hookimpl
    def note(self, text: str) -> None:
        self.said.append(text)


def test_servers_end_with_the_last_environment_and_are_not_started_again(options: MakeOptions) -> None:
    made = options("file")
    one, other = (selfchal.open_environment("mcp", **made) for _ in range(2))
    world = one.open({})
    one.close()
    one.close()
    assert len(find_servers()) == 1
    assert other.open({}).call("list_items", (), {}).ok
    before = time.monotonic()
    other.close()
    assert time.monotonic() - before < SOON
    assert find_servers() == []
    with pytest.raises(EnvironmentDataError, match="open the environment again"):
        world.call("put_item", ("apples", 9), {})
