"""An exported task starts light: what judges it, and what calls its tools, imports no heavy package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import selfchal.judging
from selfchal import open_run
from selfchal.interop.exporting import export_run
from selfchal.interop.formats import TARGETS
from tests.support.lazy_names import check_names_alike
from tests.support.runs import sound_tasks, write_run

HEAVY = ["numpy", "torch", "transformers", "httpx", "mcp", "docker", "starlette", "pyarrow"]
RUN = """
import json, sys
from selfchal.cli.main import cli
heavy, *sys.argv[1:] = sys.argv[1:]
try:
    cli()
finally:
    print(json.dumps([name for name in json.loads(heavy) if name in sys.modules]))
"""
PLAY = """
import json, sys
from pathlib import Path
from selfchal.interop.playing import read_tasks, reward_calls
(task,) = read_tasks(Path(sys.argv[2])).values()
assert reward_calls(task, task.solution) == 1.0
print(json.dumps([name for name in json.loads(sys.argv[1]) if name in sys.modules]))
"""


def run(code: str, *arguments: str) -> list[str]:
    command = [sys.executable, "-c", code, json.dumps(HEAVY), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A retail task, exported to Harbor and to verifiers."""
    made = tmp_path_factory.mktemp("exported")
    view = open_run(write_run(made / "run", {"name": "retail"}, sound_tasks("retail", 1)))
    for target in ("harbor", "verifiers"):
        assert export_run(view, TARGETS[target], made / target).count == 1
    return made


def test_the_verifier_of_a_harbor_task_is_light(folder: Path) -> None:
    (task,) = folder.glob("harbor/*/tests/task.json")
    calls = folder / "calls.jsonl"
    calls.write_text("".join(json.dumps(call) + "\n" for call in json.loads(task.read_text())["solution"]))
    assert run(RUN, "tasks", "reward", str(task), str(calls)) == ["1.0", "[]"]


def test_the_tools_of_a_harbor_task_are_light(folder: Path) -> None:
    *listed, heavy = run(RUN, "env", "call", "retail", "--calls", str(folder / "none.jsonl"))
    assert any(line.startswith("get_order_details(") for line in listed)
    assert heavy == "[]"


def test_the_replay_that_trainers_import_is_light(folder: Path) -> None:
    (tasks,) = folder.glob("verifiers/*/tasks.jsonl")
    assert run(PLAY, str(tasks)) == ["[]"]


def test_the_judges_names_are_those_that_type_checkers_see() -> None:
    check_names_alike(selfchal.judging)
