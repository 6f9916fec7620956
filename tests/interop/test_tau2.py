"""A domain of tau2-bench in tau2 itself: an environment, and an audit that finds what was planted.

Needs the environment `tau2` of scripts/round_trips.py.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from selfchal import open_environment, using_environment
from selfchal.audit.auditing import audit
from selfchal.audit.findings import CheckName, Grade, TaskVerdict
from selfchal.audit.task_sets import AuditRequest
from selfchal.core.errors import EnvironmentDataError
from tests.interop.test_round_trips import find_environment, run_python

pytestmark = pytest.mark.slow
READ_TASKS = """
import json
from tau2.registry import registry
print(json.dumps([task.model_dump(mode="json") for task in registry.get_tasks_loader("telecom")()[:12]]))
"""
Row = dict[str, Any]


@pytest.fixture(scope="module")
def python() -> Path:
    return find_environment("tau2") / "python"


@pytest.fixture(scope="module")
def rows(python: Path) -> list[Row]:
    told: list[Row] = run_python(python.parent, READ_TASKS)
    return told


def test_telecom_is_played_with_its_starts_its_states_and_its_rewards(python: Path, rows: list[Row]) -> None:
    with using_environment("tau2", domain="telecom", python=str(python), most_tasks=4) as environment:
        assert environment.unchecked == {}
        for task, row in zip(environment.test_tasks("test"), rows, strict=False):
            assert (task.id, task.instruction) == (row["id"], row["ticket"])
            world = environment.open(task.context)
            start = world.fork()
            assert not environment.grade(task, world, "Done.", ())
            for action in row["evaluation_criteria"]["actions"]:
                assert world.call(action["name"], (), action["arguments"]).ok
            assert environment.grade(task, world, "Done.", ())
            assert world.difference()
            assert (start.digest() != world.digest(), start.difference()) == (True, ())
            assert not environment.grade(task, start, "Done.", ())


def test_a_domain_that_is_not_there_is_named(python: Path) -> None:
    with pytest.raises(EnvironmentDataError, match="the domain moon cannot be played"):
        open_environment("tau2", domain="moon", python=str(python))


def _leave_nothing_to_do(row: Row) -> None:
    row["evaluation_criteria"]["env_assertions"] = []


def _name_a_tool_that_is_not_there(row: Row) -> None:
    row["evaluation_criteria"]["actions"][-1]["name"] = "send_rocket"


def _leave_out_the_solution(row: Row) -> None:
    row["evaluation_criteria"]["actions"] = []


def _demand_the_opposite(row: Row) -> None:
    row["evaluation_criteria"]["env_assertions"][0]["assert_value"] = False


def _begin_solved(row: Row) -> None:
    row["initial_state"]["initialization_actions"] = row["initial_state"]["initialization_actions"][:1]


def _say_nothing(row: Row) -> None:
    row["user_scenario"]["instructions"] = ""


def _leave_out_the_criteria(row: Row) -> None:
    del row["evaluation_criteria"]


def _ask_for_an_impossible_call(row: Row) -> None:
    row["evaluation_criteria"]["reward_basis"] = ["ACTION"]
    row["evaluation_criteria"]["actions"][-1]["name"] = "send_rocket"


def _demand_a_short_text(row: Row) -> None:
    row["evaluation_criteria"]["reward_basis"].append("COMMUNICATE")
    row["evaluation_criteria"]["communicate_info"] = ["1"]


PLANTED: list[tuple[Callable[[Row], None], CheckName, Grade]] = [
    (_leave_nothing_to_do, CheckName.NO_OP, Grade.CERTAIN),
    (_name_a_tool_that_is_not_there, CheckName.ORACLE, Grade.CERTAIN),
    (_leave_out_the_solution, CheckName.ORACLE, Grade.CERTAIN),
    (_demand_the_opposite, CheckName.ORACLE, Grade.CERTAIN),
    (_begin_solved, CheckName.NO_OP, Grade.CERTAIN),
    (_say_nothing, CheckName.HIDDEN_DEMAND, Grade.CERTAIN),
    (_leave_out_the_criteria, CheckName.READABLE, Grade.CERTAIN),
    (_ask_for_an_impossible_call, CheckName.ORACLE, Grade.CERTAIN),
    (_demand_a_short_text, CheckName.VACUOUS, Grade.DOUBTFUL),
]


def test_ten_planted_faults_are_found_and_sound_tasks_are_sound(
    python: Path, rows: list[Row], tmp_path: Path
) -> None:
    planted = []
    for number, (plant, _, _) in enumerate(PLANTED):
        row = copy.deepcopy(rows[number])
        plant(row)
        planted.append(row)
    repeated = copy.deepcopy(rows[-1]) | {"id": "again"}
    file = tmp_path / "tasks.json"
    file.write_text(json.dumps([*planted, rows[-2], rows[-1], repeated]), encoding="utf-8")
    found = audit(file, AuditRequest("tau2", {"python": str(python), "domain": "telecom"}, secret="s"))
    for task, (plant, check, grade) in zip(found.tasks, PLANTED, strict=False):
        grades = {(one.check, one.grade) for one in task.findings}
        assert (check, grade) in grades, f"{plant.__name__}: {task.findings}"
    sound, first, again = found.tasks[len(PLANTED) :]
    assert {sound.verdict, first.verdict} <= {TaskVerdict.SOUND, TaskVerdict.DOUBTFUL}
    assert CheckName.DUPLICATE in {one.check for one in again.findings if one.grade is Grade.CERTAIN}


def test_without_tau2_the_file_is_read_and_what_plays_it_is_named(rows: list[Row], tmp_path: Path) -> None:
    (tmp_path / "tasks.json").write_text(json.dumps(rows[:1]), encoding="utf-8")
    found = audit(tmp_path / "tasks.json")
    assert found.tasks[0].verdict is TaskVerdict.NOT_RUN
    reasons = [reason for _, reason, _ in found.not_checked]
    assert any("--environment tau2 --set python=PATH" in reason for reason in reasons)
