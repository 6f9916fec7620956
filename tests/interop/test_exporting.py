"""What leaves in an export, and what stays and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from selfchal import open_run
from selfchal.core.errors import PluginError, StoreError
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.task import Task
from selfchal.interop.exporting import Export, choose_environment, export_run, list_requirements
from selfchal.interop.portable import PortableTask, ReplayError
from selfchal.serving.session import ToolCall
from tests.support.runs import sound_tasks, write_run

SOUND = sound_tasks("calculation", 3)


class Collect:
    """A format that keeps what it is given."""

    def __call__(self, export: Export, directory: Path) -> None:
        self.export = export
        directory.mkdir()


def export(tmp_path: Path, tasks: tuple[Task, ...], sandbox: Sandbox, status: str = "train") -> Any:
    run = write_run(tmp_path / "run", {"name": "calculation"}, tasks, status)
    collect = Collect()
    exported = export_run(open_run(run), collect, tmp_path / "out", sandbox)
    return exported, collect.export


def test_sound_tasks_leave_with_their_recorded_calls(tmp_path: Path, process_sandbox: Sandbox) -> None:
    exported, given = export(tmp_path, SOUND, process_sandbox)
    assert (exported.count, list(exported.left_out)) == (3, [])
    for task in given.tasks:
        assert task.solution[-1].name == "submit_answer"
        assert len(task.failures) == len(task.task.failures) >= 3
        assert PortableTask.from_json(task.to_json()) == task


def test_a_task_that_would_not_be_judged_alike_stays_with_the_reason(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    first, second, third = SOUND
    anything = "def evaluate(answer):\n    return True"
    not_nothing = "def evaluate(answer):\n    return answer is not None"
    tasks = (
        first,
        replace(second, id="vacuous", evaluate=anything),
        replace(second, id="lax", evaluate=not_nothing),
        replace(third, id="unsolved", solution="result = 'no'"),
        replace(third, id="rated", evaluate=""),
    )
    exported, given = export(tmp_path, tasks, process_sandbox)
    assert [task.task.id for task in given.tasks] == [first.id]
    why = dict(exported.left_out)
    assert why["vacuous"] == "doing nothing solves it"
    assert why["lax"] == "the calls of failure case 1, made again, solve it"
    assert "do not solve it" in why["unsolved"]
    assert "only a model" in why["rated"]


def test_the_tasks_of_an_exam_stay(tmp_path: Path, process_sandbox: Sandbox) -> None:
    with pytest.raises(StoreError, match="no task to export"):
        export(tmp_path, SOUND, process_sandbox, status="exam")
    assert not (tmp_path / "out").exists()


def test_notes_of_the_judge_stay_but_for_what_a_reward_needs(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    noted = {"answer_type": "float", "novelty": {"near": 1}, "strength": {"footprint": ["a/b"]}}
    task = replace(SOUND[0], diagnostics=noted, provenance={"model": "x"})
    (found,) = export(tmp_path, (task,), process_sandbox)[1].tasks
    assert (found.task.diagnostics, found.task.provenance) == ({"answer_type": "float"}, {})


def test_a_directory_that_is_in_use_is_not_touched(tmp_path: Path, process_sandbox: Sandbox) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(StoreError, match="is in use"):
        export(tmp_path, SOUND, process_sandbox)
    assert (tmp_path / "out" / "mine").exists()


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"name": "retail", "data": "/home/me/tau-bench"}, "environment.data names /home/me/tau-bench"),
    ],
)
def test_an_environment_with_parts_of_this_machine_does_not_leave(
    section: dict[str, Any], words: str
) -> None:
    with pytest.raises(Exception, match=words):
        choose_environment(section)


def test_a_secret_does_not_leave() -> None:
    servers = {"a": {"command": "x", "args": ["https://[redacted]@host"]}}
    section = {"name": "mcp", "servers": {"mcpServers": servers}, "state": {"a": "read_only"}}
    with pytest.raises(PluginError, match="secret"):
        choose_environment(section)


def test_what_an_environment_requires_is_asked_for() -> None:
    (own,) = list_requirements(choose_environment({"name": "retail"}))
    assert own.startswith("selfchal==")
    servers = {"a": {"command": "x", "args": []}}
    section = {"name": "mcp", "servers": {"mcpServers": servers}, "state": {"a": "read_only"}}
    assert list_requirements(choose_environment(section)) == [own, "selfchal[mcp]"]


@pytest.mark.parametrize("row", [None, {}, {"version": 2}, {"version": 1, "failures": 3}, [1]])
def test_what_is_no_exported_task_is_said(row: Any) -> None:
    with pytest.raises(ReplayError):
        PortableTask.from_json(row)


def test_calls_travel_whole() -> None:
    call = ToolCall("a", {"b": [None, {"é": 1.5}]})
    task = PortableTask({"name": "calculation"}, SOUND[0], (call,), ((), (call, call)), Limits(seconds=9))
    assert PortableTask.from_json(task.to_json()) == task


def test_half_a_surrogate_pair_leaves_as_the_sign_of_what_is_lost(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    odd = replace(SOUND[0], id="odd", instruction=f"{SOUND[0].instruction} \ud800")
    _, given = export(tmp_path, (odd,), process_sandbox)
    assert given.tasks[0].task.instruction == f"{SOUND[0].instruction} \ufffd"


@pytest.mark.parametrize(
    ("section", "value", "said"), [("run", 3, r"run\.name"), ("environment", None, "no environment")]
)
def test_a_run_whose_manifest_is_none_is_named(
    section: str, value: object, said: str, tmp_path: Path, process_sandbox: Sandbox
) -> None:
    run = write_run(tmp_path / "run", {"name": "calculation"}, SOUND[:1])
    file = run / "manifest.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), section: value}), encoding="utf-8")
    with pytest.raises(StoreError, match=said):
        export_run(open_run(run), Collect(), tmp_path / "out", process_sandbox)
