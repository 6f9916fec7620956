"""Rows of Code-as-Task in an audit: the judge's verdicts under the names that all formats share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from selfchal.audit.auditing import audit
from selfchal.audit.findings import CheckName, Grade, TaskVerdict
from selfchal.audit.task_sets import AuditError, AuditRequest
from tests.support.runs import sound_tasks, write_run

Row = dict[str, Any]
REQUEST = AuditRequest(secret="s")


def _make_row() -> Row:
    return sound_tasks("retail", 1)[0].to_json()


def _write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _accept_everything(row: Row) -> None:
    row["evaluate"] = "def evaluate():\n    return True"


def _accept_nothing(row: Row) -> None:
    row["evaluate"] = "def evaluate():\n    return False"


def _not_compile(row: Row) -> None:
    row["evaluate"] = "def evaluate(:"


def _fail_to_run(row: Row) -> None:
    row["solution"] = "raise ValueError('x')"


def _count_the_solution_as_failure(row: Row) -> None:
    row["failures"][2] = row["solution"]


def _ask_a_clock(row: Row) -> None:
    row["evaluate"] = f"import time\n{row['evaluate']} and time.time() > 0"


def _want_what_is_so_already(row: Row) -> None:
    row["evaluate"] = "def evaluate():\n    return get_order_details('#W9481091')['status'] == 'pending'"
    row["solution"] = "get_order_details('#W9481091')"
    row["failures"] = ["cancel_pending_order('#W9481091', 'no longer needed')"] * 3


def _look_at_half(row: Row) -> None:
    """The second change of the solution is looked at by nobody."""
    row["solution"] += "\ncancel_pending_order('#W8355034', 'no longer needed')"
    row["instruction"] += " Call off order W8355034 as well, I no longer need it."


def _hide_what_is_demanded(row: Row) -> None:
    row["instruction"] = "Please call it off."


def _lose_a_part(row: Row) -> None:
    del row["solution"]


@pytest.mark.parametrize(
    ("plant", "check"),
    [
        (_accept_everything, CheckName.FAILURE_CASES),
        (_accept_nothing, CheckName.ORACLE),
        (_not_compile, CheckName.ORACLE),
        (_fail_to_run, CheckName.ORACLE),
        (_count_the_solution_as_failure, CheckName.FAILURE_CASES),
        (_ask_a_clock, CheckName.DETERMINISM),
        (_want_what_is_so_already, CheckName.NO_OP),
        (_look_at_half, CheckName.ALTERED_SOLUTION),
        (_hide_what_is_demanded, CheckName.HIDDEN_DEMAND),
        (_lose_a_part, CheckName.READABLE),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_planted_fault_is_found(tmp_path: Path, plant: Callable[[Row], None], check: CheckName) -> None:
    row = _make_row()
    plant(row)
    (task,) = audit(_write(tmp_path / "tasks.jsonl", [row]), REQUEST).tasks
    assert [finding.check for finding in task.findings if finding.grade is Grade.CERTAIN] == [check]


@pytest.mark.slow
def test_sound_rows_and_a_run_are_sound_and_twins_and_leaks_are_named(tmp_path: Path) -> None:
    tasks = sound_tasks("calculation", 2)
    rows = [task.to_json() for task in tasks]
    path = _write(tmp_path / "tasks.jsonl", [*rows, rows[0]])
    tests = _write(tmp_path / "tests.jsonl", rows[1:])
    found = audit(path, REQUEST, tests)
    assert [task.verdict for task in found.tasks] == [
        TaskVerdict.SOUND,
        TaskVerdict.UNSOUND,
        TaskVerdict.UNSOUND,
    ]
    assert [f.check for task in found.tasks for f in task.findings] == [
        CheckName.TEST_SET,
        CheckName.DUPLICATE,
    ]
    run = write_run(tmp_path / "run", {"name": "calculation"}, tasks)
    assert audit(run, REQUEST).verdicts == {TaskVerdict.SOUND: 2}


def test_rows_of_no_environment_or_of_several_need_its_name(tmp_path: Path) -> None:
    row = _make_row()
    nameless = _write(tmp_path / "tasks.jsonl", [{**row, "environment": ""}])
    with pytest.raises(AuditError, match="do not say their environment; add --environment NAME"):
        audit(nameless, REQUEST)
    assert audit(nameless, AuditRequest("retail", secret="s")).exit_code == 0
    both = _write(tmp_path / "tasks.jsonl", [row, {**row, "environment": "airline"}])
    with pytest.raises(AuditError, match="name several"):
        audit(both, REQUEST)


def test_a_line_that_cannot_be_read_costs_no_other_one(tmp_path: Path) -> None:
    path = _write(tmp_path / "tasks.jsonl", [sound_tasks("calculation", 1)[0].to_json()])
    path.write_text('{"instruction": ' + "[" * 100_000 + "\n" + path.read_text())
    found = audit(path, REQUEST)
    assert [task.verdict for task in found.tasks] == [TaskVerdict.UNREADABLE, TaskVerdict.SOUND]
    assert found.exit_code == 2
