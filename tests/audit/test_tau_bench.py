"""Tasks of tau-bench and tau2-bench: sound ones are called sound, and each kind of planted fault is found."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from selfchal.audit.auditing import Audit, audit
from selfchal.audit.findings import CheckName, Grade, TaskVerdict
from selfchal.audit.task_sets import AuditError, AuditRequest
from tests.audit.service_rows import OWN_WORLD, make_tau2_rows, make_tau_rows
from tests.support.benchmark import benchmark_data

REQUEST = AuditRequest("retail", OWN_WORLD, secret="s")
Row = dict[str, Any]


def write_rows(path: Path, rows: list[Any]) -> Path:
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def find_grades(audited: Audit, number: int) -> dict[CheckName, Grade]:
    findings = audited.tasks[number].findings
    return {finding.check: finding.grade for finding in findings if finding.grade is not Grade.NOT_CHECKED}


@pytest.mark.parametrize("make", [make_tau_rows, make_tau2_rows])
def test_sound_tasks_are_called_sound(tmp_path: Path, make: Callable[[int], list[Row]]) -> None:
    found = audit(write_rows(tmp_path / "tasks.json", make(8)), REQUEST)
    assert found.verdicts == {TaskVerdict.SOUND: 8}
    assert found.exit_code == 0


def _last_write(row: Row) -> dict[str, Any]:
    return next(
        action for action in reversed(row["actions"]) if not action["name"].startswith(("get", "find"))
    )


def _leave_nothing_to_do(row: Row) -> None:
    row["actions"], row["outputs"] = [], []


def _name_a_tool_that_is_not_there(row: Row) -> None:
    _last_write(row)["name"] = "send_rocket"


def _be_refused(row: Row) -> None:
    _last_write(row)["kwargs"]["order_id"] = "#W0000000"


def _say_nothing(row: Row) -> None:
    row["instruction"] = "  "


def _demand_what_cannot_be_said(row: Row) -> None:
    row["outputs"] = ["1,234.50"]  # commas are taken out of replies before they are searched


def _demand_an_empty_text(row: Row) -> None:
    row["outputs"] = [""]


def _demand_a_short_text(row: Row) -> None:
    row["outputs"] = ["7"]


def _hide_a_value(row: Row) -> None:
    where = {"address1": "77 Hidden Lane", "address2": "", "city": "Houston", "state": "TX"}
    kwargs = {"user_id": "ines_lindgren_4808", **where, "country": "USA", "zip": "77031"}
    row["actions"].append({"name": "modify_user_address", "kwargs": kwargs})


def _lose_a_part(row: Row) -> None:
    del row["instruction"]


PLANTED = [
    (_leave_nothing_to_do, CheckName.NO_OP, Grade.CERTAIN),
    (_name_a_tool_that_is_not_there, CheckName.ORACLE, Grade.CERTAIN),
    (_be_refused, CheckName.ORACLE, Grade.DOUBTFUL),
    (_say_nothing, CheckName.HIDDEN_DEMAND, Grade.CERTAIN),
    (_demand_what_cannot_be_said, CheckName.ORACLE, Grade.CERTAIN),
    (_demand_an_empty_text, CheckName.ANSWERS, Grade.CERTAIN),
    (_demand_a_short_text, CheckName.VACUOUS, Grade.DOUBTFUL),
    (_hide_a_value, CheckName.HIDDEN_DEMAND, Grade.DOUBTFUL),
    (_lose_a_part, CheckName.READABLE, Grade.CERTAIN),
]


@pytest.mark.parametrize(
    ("plant", "check", "grade"), PLANTED, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_planted_fault_is_found(
    tmp_path: Path, plant: Callable[[Row], None], check: CheckName, grade: Grade
) -> None:
    rows = make_tau_rows(3)
    plant(rows[1])
    found = audit(write_rows(tmp_path / "tasks.json", rows), REQUEST)
    assert find_grades(found, 1)[check] is grade
    assert [found.tasks[number].verdict for number in (0, 2)] == [TaskVerdict.SOUND, TaskVerdict.SOUND]


def _as_tau2(row: Row, changed: Row) -> Row:
    """A row of tau2-bench with what was planted in the same task of tau-bench."""
    row["evaluation_criteria"]["actions"] = [
        {"name": action["name"], "arguments": action["kwargs"]} for action in changed["actions"]
    ]
    row["evaluation_criteria"]["communicate_info"] = changed["outputs"]
    row["user_scenario"]["instructions"]["reason_for_call"] = changed.get("instruction", [])
    return row


@pytest.mark.parametrize(
    ("plant", "check", "grade"), PLANTED, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_planted_fault_is_found_in_tau2_bench(
    tmp_path: Path, plant: Callable[[Row], None], check: CheckName, grade: Grade
) -> None:
    rows, changed = make_tau2_rows(3), make_tau_rows(3)[1]
    plant(changed)
    rows[1] = _as_tau2(rows[1], changed)
    found = audit(write_rows(tmp_path / "tasks.json", rows), REQUEST)
    assert find_grades(found, 1)[check] is grade


@pytest.mark.parametrize("make", [make_tau_rows, make_tau2_rows])
def test_a_repeated_task_a_contradiction_and_a_leaked_one_are_found(
    tmp_path: Path, make: Callable[[int], list[Row]]
) -> None:
    rows = make(4)
    twin, other = make(4)[0], make(4)[1]
    actions = other.get("evaluation_criteria", other)
    actions["actions"] = actions["actions"][:-1]
    tests = write_rows(tmp_path / "tests.json", [make(4)[3]])
    path = write_rows(tmp_path / "tasks.json", [*rows, twin, other])
    found = audit(path, REQUEST, tests)
    reasons = {
        (number, finding.check): finding.reason
        for number, task in enumerate(found.tasks)
        for finding in task.findings
        if finding.grade is Grade.CERTAIN
    }
    assert "repeats" in reasons[4, CheckName.DUPLICATE]
    assert "judged in another way" in reasons[5, CheckName.DUPLICATE]
    assert (3, CheckName.TEST_SET) in reasons


def test_what_a_model_judges_is_not_certain(tmp_path: Path) -> None:
    rows = make_tau2_rows(1)
    criteria = {
        "actions": [],
        "nl_assertions": ["The agent is kind."],
        "reward_basis": ["DB", "NL_ASSERTION"],
    }
    rows[0]["evaluation_criteria"] = criteria
    found = audit(write_rows(tmp_path / "tasks.json", rows), REQUEST)
    assert find_grades(found, 0)[CheckName.NO_OP] is Grade.DOUBTFUL


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"initial_state": {"x": 1}}, "begins in a state of its own"),
        ({"domain": "telecom"}, "no environment"),
    ],
)
def test_a_task_that_cannot_be_played_is_named_as_not_run(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    rows = make_tau2_rows(1)
    rows[0]["initial_state"] = change.get("initial_state")
    domain = change.get("domain", "retail")
    rows[0]["user_scenario"]["instructions"]["domain"] = domain
    found = audit(write_rows(tmp_path / "tasks.json", rows), AuditRequest(None, OWN_WORLD))
    assert found.verdicts == {TaskVerdict.NOT_RUN: 1}
    of_caller = (CheckName.TEST_SET, CheckName.HACKER)
    assert all(reason in why for check, why, _ in found.not_checked if check not in of_caller)


def test_the_python_file_of_a_checkout_is_read_and_not_run(tmp_path: Path) -> None:
    (row,) = make_tau_rows(1)
    actions = ", ".join(f"Action(name={a['name']!r}, kwargs={a['kwargs']!r})" for a in row["actions"])
    parts = f"instruction={row['instruction']!r}, actions=[{actions}], outputs={row['outputs']!r}"
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')"
    path = tmp_path / "tasks_test.py"
    path.write_text(f"from tau_bench.types import Action, Task\n{trap}\nTASKS = [Task({parts})]\n")
    assert audit(path, REQUEST).verdicts == {TaskVerdict.SOUND: 1}
    assert not (tmp_path / "ran").exists()
    path.write_text(f"TASKS = [Task(instruction={trap})]\n")
    with pytest.raises(AuditError, match="not only literals"):
        audit(path, REQUEST)


def test_tasks_without_a_domain_or_without_tables_say_so(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "tasks.json", make_tau_rows(1))
    with pytest.raises(AuditError, match="--environment retail"):
        audit(path)
    found = audit(path, AuditRequest("retail"))
    assert found.verdicts == {TaskVerdict.NOT_RUN: 1}
    assert "No retail tables" in found.not_checked[0][1]


@pytest.mark.parametrize(
    ("file", "falls"),
    [
        ("tau-bench/retail/tasks_test", [10, 12, 25, 50, 57, 65, 106]),
        (
            "tau-bench/airline/tasks_test",
            [12, 13, 15, 17, 18, 21, 24, 29, 35, 36, 37, 38, 39, 40, 41, 42, 47, 48, 49],
        ),
    ],
)
def test_the_original_tasks_that_doing_nothing_wins_are_those_that_the_original_rewards(
    file: str, falls: list[int]
) -> None:
    found = audit(benchmark_data(f"envdata/{file}.json.gz"))
    won = [
        int(task.task.id)
        for task in found.tasks
        if any(f.check is CheckName.NO_OP and f.grade is Grade.CERTAIN for f in task.findings)
    ]
    assert won == falls
    domain = file.split("/")[1]
    known = json.loads(benchmark_data("conformance/known_issues.json").read_text())["tau"][domain]["test"]
    assert won == known["solved_by_doing_nothing"]


def test_a_packed_file_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json.gz"
    path.write_bytes(gzip.compress(json.dumps(make_tau_rows(2)).encode()))
    assert audit(path, REQUEST).verdicts == {TaskVerdict.SOUND: 2}
