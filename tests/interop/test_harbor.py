"""Harbor directories: the scripts give the oracle 1, doing nothing 0 and each failure case 0.

Harbor's own parser is asked in tests/interop/test_real_packages.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from selfchal import open_run
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.interop.exporting import export_run
from selfchal.interop.harbor import name_task, write_harbor
from selfchal.interop.portable import PortableTask
from tests.support.runs import sound_tasks, write_run


class Container:
    """The scripts of one task, run with their absolute paths moved below a scratch root."""

    def __init__(self, task: Path, root: Path) -> None:
        self.root = root
        for name, target in (("environment", "bin"), ("solution", "solution"), ("tests", "tests")):
            (root / target).mkdir(parents=True)
            for file in (task / name).iterdir():
                moved = file.read_text().replace("/logs/", f"{root}/logs/")
                (root / target / file.name).write_text(moved)
                (root / target / file.name).chmod(0o755)
        (root / "bin" / "selfchal").write_text(f'#!/bin/sh\nexec {sys.executable} -m selfchal "$@"\n')
        (root / "bin" / "selfchal").chmod(0o755)

    def run(self, command: str, feed: str = "", code: int = 0) -> str:
        environ = {**os.environ, "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["/bin/sh", "-c", command], input=feed, capture_output=True, text=True, check=False, env=environ
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    def verify(self) -> float:
        self.run(str(self.root / "tests" / "test.sh"))
        return float((self.root / "logs" / "verifier" / "reward.txt").read_text())

    def forget_calls(self) -> None:
        (self.root / "logs" / "artifacts" / "calls.jsonl").unlink()


def export(tmp_path: Path, environment: str, sandbox: Sandbox) -> Path:
    """The directory of one exported task."""
    run = write_run(tmp_path / "run", {"name": environment}, sound_tasks(environment, 1))
    export_run(open_run(run), write_harbor, tmp_path / "out", sandbox)
    (task,) = (tmp_path / "out").iterdir()
    return task


@pytest.mark.slow
def test_the_oracle_earns_one_and_nothing_else_does(tmp_path: Path, process_sandbox: Sandbox) -> None:
    task = export(tmp_path, "retail", process_sandbox)
    container = Container(task, tmp_path / "root")
    assert container.verify() == 0.0
    container.run(str(tmp_path / "root" / "solution" / "solve.sh"))
    assert container.verify() == 1.0
    calls = json.loads((task / "tests" / "task.json").read_text())["failures"][0]
    container.forget_calls()
    container.run("call_tool -", feed="".join(json.dumps(call) + "\n" for call in calls))
    assert container.verify() == 0.0


def test_a_directory_has_what_harbor_asks_for(tmp_path: Path, process_sandbox: Sandbox) -> None:
    task = export(tmp_path, "retail", process_sandbox)
    config = tomllib.loads((task / "task.toml").read_text())
    assert config["schema_version"] == "1.4"
    assert config["task"]["name"] == f"selfchal/{task.name}"
    (server,) = config["environment"]["mcp_servers"]
    assert (server["transport"], server["command"]) == ("stdio", "serve_world")
    instruction = (task / "instruction.md").read_text()
    assert sound_tasks("retail", 1)[0].instruction in instruction
    assert "cancel_pending_order(order_id: str" in instruction
    assert "pip install --no-cache-dir selfchal==" in (task / "environment" / "Dockerfile").read_text()
    for script in ("solution/solve.sh", "tests/test.sh", "environment/call_tool"):
        assert os.access(task / script, os.X_OK)


def test_solution_and_verifier_are_out_of_the_agents_sight(tmp_path: Path, process_sandbox: Sandbox) -> None:
    """Harbor builds the container out of environment/ alone, and shows the agent instruction.md."""
    task = export(tmp_path, "retail", process_sandbox)
    seen = [(task / "instruction.md").read_text(), (task / "task.toml").read_text()]
    seen += [file.read_text() for file in (task / "environment").iterdir()]
    secret = json.loads((task / "tests" / "task.json").read_text())["task"]
    for text in seen:
        assert secret["evaluate"] not in text
        assert secret["solution"] not in text
        assert "8826396557" not in text  # the item that the solution returns


def test_strange_words_of_an_instruction_break_no_file(tmp_path: Path, process_sandbox: Sandbox) -> None:
    strange = 'A "quote", a \\ and \x7f, 😀, \ud800, a {brace}\n\'\'\' """ END_OF_CALLS $(date)'
    (sound,) = sound_tasks("calculation", 1)
    run = write_run(tmp_path / "run", {"name": "calculation"}, (replace(sound, instruction=strange),))
    export_run(open_run(run), write_harbor, tmp_path / "out", process_sandbox)
    (task,) = (tmp_path / "out").iterdir()
    assert "{brace}" in tomllib.loads((task / "task.toml").read_text())["task"]["description"]
    assert "{brace}" in (task / "instruction.md").read_text()


def test_every_id_has_a_directory_of_its_own_that_can_be_made(tmp_path: Path) -> None:
    ids = ["a b", "a-b", "a.b", "é", "", "x" * 500, "x" * 501, "a" * 60, "../up", "01de9dd5a2072888"]
    task = PortableTask({"name": "calculation"}, sound_tasks("calculation", 1)[0], (), ((),), Limits())
    names = [name_task(replace(task, task=replace(task.task, id=one))) for one in ids]
    assert len(set(names)) == len(ids)
    assert names[-1] == "task-01de9dd5a2072888"
    for name in names:
        (tmp_path / name).mkdir()
