"""``selfchal tasks export --to`` and ``selfchal tasks reward``: out of a run, and judged by replay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.runs import sound_tasks, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(
        tmp_path_factory.mktemp("made") / "run", {"name": "calculation"}, sound_tasks("calculation", 1)
    )


@pytest.fixture
def task(selfchal: Any, run: Path, tmp_path: Path) -> Path:
    ended = selfchal("tasks", "export", run, "--to", "harbor", tmp_path / "out")
    assert (ended.code, ended.out) == (0, f"Wrote 1 tasks to {tmp_path / 'out'}\n"), ended.err
    (found,) = (tmp_path / "out").glob("*/tests/task.json")
    return found


def write_calls(path: Path, calls: Any) -> Path:
    path.write_text("".join(json.dumps(call) + "\n" for call in calls))
    return path


def test_recorded_calls_earn_what_they_earned(selfchal: Any, task: Path, tmp_path: Path) -> None:
    row = json.loads(task.read_text())
    cases = [(row["solution"], "1.0"), (row["failures"][0], "0.0"), ([], "0.0")]
    for calls, expected in cases:
        made = write_calls(tmp_path / "calls", calls)
        ended = selfchal("tasks", "reward", task, made, "--out", tmp_path / "reward")
        assert (ended.code, (tmp_path / "reward").read_text()) == (0, f"{expected}\n"), ended.err


@pytest.mark.parametrize("text", ["no JSON", '{"name": 3}', "[" * 10**5, "\x00"])
def test_an_agent_that_spoils_the_file_of_calls_earns_nothing(
    selfchal: Any, task: Path, tmp_path: Path, text: str
) -> None:
    (tmp_path / "calls").write_text(text)
    ended = selfchal("tasks", "reward", task, tmp_path / "calls")
    assert (ended.code, ended.out[:3]) == (0, "0.0")


def test_a_task_that_does_not_hold_here_gives_no_reward(selfchal: Any, task: Path, tmp_path: Path) -> None:
    row = json.loads(task.read_text())
    row["task"]["evaluate"] = "def evaluate(answer):\n    return True"
    task.write_text(json.dumps(row))
    ended = selfchal("tasks", "reward", task, tmp_path / "none", "--out", tmp_path / "reward")
    assert (ended.code, "doing nothing solves it" in ended.err) == (2, True)
    assert not (tmp_path / "reward").exists()


@pytest.mark.parametrize("text", ["", "{}", "[1]", "\x00"])
def test_what_is_no_task_is_said(selfchal: Any, tmp_path: Path, text: str) -> None:
    (tmp_path / "task.json").write_text(text)
    ended = selfchal("tasks", "reward", tmp_path / "task.json", tmp_path / "none")
    assert (ended.code, ended.err[:7]) == (2, "Error: ")


@pytest.mark.parametrize("arguments", [["--to", "harbor"], ["x"], [], ["x", "--to", "harbor", "--out", "y"]])
def test_an_export_that_says_no_one_target_is_a_usage_error(
    selfchal: Any, run: Path, arguments: list[str]
) -> None:
    ended = selfchal("tasks", "export", run, *arguments)
    assert (ended.code, "say where to" in ended.err) == (2, True)
