"""Data files: a checkout of tau-bench, the same as JSON, and what is wrong with others."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from selfchal.builtin_envs.airline.environment import Airline
from selfchal.builtin_envs.retail.environment import Retail
from selfchal.builtin_envs.service.environment import ServiceConfig
from selfchal.builtin_envs.service.task_source import tasks_from_python
from selfchal.core.errors import EnvironmentDataError

TASKS = """\
# a comment
from tau_bench.types import Task, Action

TASKS_TEST = [
    Task(
        annotator="0",
        user_id="ada_novak_1234",
        instruction="You want " "something.",
        actions=[Action(name="modify_user_address", kwargs={"user_id": "ada_novak_1234", "n": -1, "x": [None]})],
        outputs=["10"],
    ),
]
"""
USER: dict[str, Any] = {
    "name": {"first_name": "Ada", "last_name": "Novak"},
    "address": {"zip": "12345"},
    "email": "a@example.com",
    "payment_methods": {},
    "orders": [],
}


def checkout(root: Path, tasks: str = TASKS) -> Path:
    """A tiny tau-bench as its authors lay it out."""
    folder = root / "tau_bench" / "envs" / "retail"
    (folder / "data").mkdir(parents=True)
    for table, rows in {"orders": {}, "products": {}, "users": {"ada_novak_1234": USER}}.items():
        (folder / "data" / f"{table}.json").write_text(json.dumps(rows))
    (folder / "tasks_test.py").write_text(tasks)
    (folder / "wiki.md").write_text("# Policy")
    return root


def test_a_checkout(tmp_path: Path) -> None:
    environment = Retail(ServiceConfig(data=checkout(tmp_path)))
    assert list(environment.splits()) == ["test"]
    assert environment.policy == "# Policy"
    (task,) = environment.test_tasks("test")
    assert task.instruction == "You want something."
    assert task.truth["actions"][0]["kwargs"] == {"user_id": "ada_novak_1234", "n": -1, "x": [None]}
    assert task.context == {}
    assert environment.open({}).call("get_user_details", ("ada_novak_1234",), {}).value == USER


def test_json_layout(tmp_path: Path) -> None:
    folder = tmp_path / "tau-bench" / "retail"
    folder.mkdir(parents=True)
    for table in ("orders", "products", "users"):
        (folder / f"{table}.json.gz").write_bytes(gzip.compress(b"{}"))
    task = {"instruction": "Hm.", "actions": [], "outputs": [], "index": 7}
    (folder / "tasks_dev.json").write_text(json.dumps([task]))
    (folder / "policy.md").write_text("p")
    for path in (tmp_path, tmp_path / "tau-bench", folder):
        environment = Retail(ServiceConfig(data=path))
        assert [task.id for task in environment.test_tasks("dev")] == ["retail-compat-dev-7"]


def test_task_files_are_read_not_run(tmp_path: Path) -> None:
    witness = tmp_path / "ran"
    path = tmp_path / "tasks_test.py"
    path.write_text(f"open({str(witness)!r}, 'w').write('x')\nTASKS = [Task(outputs=[])]\n")
    assert tasks_from_python(path) == [{"outputs": []}]
    assert not witness.exists()


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("TASKS = [Task(outputs=[str(1)])]", "line 1"),
        ("TASKS = [make_task()]", "expected a literal"),
        ("TASKS = make()", "no list of tasks"),
        ("TASKS = [", "cannot be read as Python"),
    ],
)
def test_other_code_is_refused(tmp_path: Path, source: str, complaint: str) -> None:
    path = tmp_path / "tasks_test.py"
    path.write_text(source)
    with pytest.raises(EnvironmentDataError, match=complaint):
        tasks_from_python(path)


def test_missing_and_broken_data_are_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentDataError, match=r"No retail tables of tau-bench.*`data` must name"):
        Retail(ServiceConfig(data=tmp_path / "nowhere"))
    root = checkout(tmp_path / "broken")
    table = root / "tau_bench/envs/retail/data/orders.json"
    table.write_text("{")
    with pytest.raises(EnvironmentDataError, match=r"orders\.json cannot be read"):
        Retail(ServiceConfig(data=root))
    table.unlink()
    with pytest.raises(EnvironmentDataError, match=r"orders\.json is missing"):
        Retail(ServiceConfig(data=root))


def test_tau2_needs_its_data(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentDataError, match=r"environment\.data"):
        Airline(ServiceConfig(profile="tau2"))
    with pytest.raises(EnvironmentDataError, match="tau2-bench"):
        Airline(ServiceConfig(profile="tau2", data=tmp_path))
