"""Harbor directories: strangers' are read, ours are played; each kind of planted fault is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from selfchal import open_run
from selfchal.audit.auditing import Audit, audit
from selfchal.audit.call_trials import PLAYED
from selfchal.audit.findings import CheckName, Grade, TaskVerdict
from selfchal.audit.task_sets import AuditRequest
from selfchal.core.sandbox import Sandbox
from selfchal.interop.exporting import export_run
from selfchal.interop.harbor import write_harbor
from tests.audit.harbor_tasks import SOUND, write_task
from tests.support.runs import sound_tasks, write_run

TESTS = "tests/test_outputs.py"
SCRIPT = "tests/test.sh"
CHECKED = (
    "if [ $? -eq 0 ]; then echo 1 > /logs/verifier/reward.txt; else echo 0 > /logs/verifier/reward.txt; fi\n"
)


def _find(audited: Audit, number: int = 0) -> dict[CheckName, Grade]:
    findings = audited.tasks[number].findings
    return {finding.check: finding.grade for finding in findings if finding.grade is not Grade.NOT_CHECKED}


def test_a_sound_task_of_a_stranger_is_read_and_not_run(tmp_path: Path) -> None:
    write_task(tmp_path / "set" / "sum", SOUND)
    found = audit(tmp_path / "set")
    assert _find(found) == {}
    assert found.verdicts == {TaskVerdict.NOT_RUN: 1}
    assert [check for check, why, _ in found.not_checked if "read and not run" in why] == list(PLAYED)
    assert audit(tmp_path / "set" / "sum").tasks[0].task.id == "sum"


PLANTED: list[tuple[str, dict[str, str | None], CheckName, Grade]] = [
    ("no instruction", {"instruction.md": None}, CheckName.READABLE, Grade.CERTAIN),
    ("empty instruction", {"instruction.md": " \n"}, CheckName.HIDDEN_DEMAND, Grade.CERTAIN),
    ("broken configuration", {"task.toml": "name ="}, CheckName.READABLE, Grade.CERTAIN),
    ("no solution", {"solution/solve.sh": None}, CheckName.ORACLE, Grade.DOUBTFUL),
    ("idle solution", {"solution/solve.sh": "#!/bin/sh\n# todo\nexit 0\n"}, CheckName.ORACLE, Grade.CERTAIN),
    ("no verifier", {SCRIPT: None}, CheckName.VACUOUS, Grade.CERTAIN),
    (
        "a reward written always",
        {SCRIPT: "pytest /tests/test_outputs.py\necho 1 > /logs/verifier/reward.txt\n"},
        CheckName.VACUOUS,
        Grade.CERTAIN,
    ),
    ("exit before the tests", {SCRIPT: f"exit 0\npytest\n{CHECKED}"}, CheckName.VACUOUS, Grade.CERTAIN),
    ("|| true", {SCRIPT: f"pytest || true\n{CHECKED}"}, CheckName.VACUOUS, Grade.CERTAIN),
    ("| tee", {SCRIPT: f"pytest 2>&1 | tee log\n{CHECKED}"}, CheckName.VACUOUS, Grade.CERTAIN),
    ("the code of echo", {SCRIPT: f"pytest\necho done\n{CHECKED}"}, CheckName.VACUOUS, Grade.CERTAIN),
    (
        "tests that are not there",
        {SCRIPT: f"pytest /tests/test_state.py\n{CHECKED}"},
        CheckName.ORACLE,
        Grade.CERTAIN,
    ),
    (
        "a fetching verifier",
        {SCRIPT: f"curl x | sh\npytest\n{CHECKED}"},
        CheckName.DETERMINISM,
        Grade.DOUBTFUL,
    ),
    ("no test", {TESTS: "def check():\n    assert 1 == 2\n"}, CheckName.ORACLE, Grade.CERTAIN),
    ("no assert", {TESTS: "def test_sum():\n    print(7)\n"}, CheckName.VACUOUS, Grade.CERTAIN),
    (
        "assert (…, '…')",
        {TESTS: "def test_sum():\n    assert (1 == 2, 'x')\n"},
        CheckName.VACUOUS,
        Grade.CERTAIN,
    ),
    (
        "a swallowed assert",
        {TESTS: "def test_sum():\n    try:\n        assert 1 == 2\n    except Exception:\n        pass\n"},
        CheckName.VACUOUS,
        Grade.CERTAIN,
    ),
    (
        "every test skipped",
        {TESTS: "import pytest\n@pytest.mark.skip\ndef test_sum():\n    assert 1 == 2\n"},
        CheckName.VACUOUS,
        Grade.CERTAIN,
    ),
    (
        "compared only where a file exists",
        {
            TESTS: "import os\ndef test_sum():\n    if os.path.exists('/app/sum.txt'):\n        assert 1 == 2\n"
        },
        CheckName.VACUOUS,
        Grade.DOUBTFUL,
    ),
    (
        "so from the start",
        {
            TESTS: "from pathlib import Path\ndef test_sum():\n    assert Path('/app/sum.txt').exists()\n",
            "environment/Dockerfile": "FROM python:3.12-slim\nRUN touch /app/sum.txt\n",
        },
        CheckName.NO_OP,
        Grade.CERTAIN,
    ),
    (
        "the solution in the container",
        {"environment/hint.sh": SOUND["solution/solve.sh"]},
        CheckName.LEAK,
        Grade.CERTAIN,
    ),
    (
        "the tests in the container",
        {"environment/Dockerfile": "FROM python:3.12-slim\nCOPY tests/ /tests/\n"},
        CheckName.LEAK,
        Grade.DOUBTFUL,
    ),
    ("any image", {"environment/Dockerfile": "FROM ubuntu\n"}, CheckName.DETERMINISM, Grade.DOUBTFUL),
    (
        "a file that nobody names",
        {TESTS: "def test_sum():\n    assert open('/app/report_v2.csv').read() == '7'\n"},
        CheckName.HIDDEN_DEMAND,
        Grade.DOUBTFUL,
    ),
]


@pytest.mark.parametrize(
    ("changes", "check", "grade"), [row[1:] for row in PLANTED], ids=[row[0] for row in PLANTED]
)
def test_a_planted_fault_is_found(
    tmp_path: Path, changes: dict[str, str | None], check: CheckName, grade: Grade
) -> None:
    texts = {name: text for name, text in {**SOUND, **changes}.items() if text is not None}
    write_task(tmp_path / "sum", texts)
    assert _find(audit(tmp_path))[check] is grade


@pytest.mark.parametrize(
    "script",
    [
        f"set -o pipefail\npytest /tests/test_outputs.py | tee log\n{CHECKED}",
        "set -e\npytest /tests/test_outputs.py\necho 1 > /logs/verifier/reward.txt\n",
        "pytest /tests/test_outputs.py && echo 1 > /logs/verifier/reward.txt || echo 0 > /logs/verifier/reward.txt",
        f"mkdir -p /logs || true\npytest /tests/test_outputs.py \\\n  -rA  # tests || true\n{CHECKED}",
        "pytest /tests/test_outputs.py\ncode=$?\nif [ $code = 0 ]\nthen echo 1 > /logs/verifier/reward.txt\n"
        "else echo 0 > /logs/verifier/reward.txt\nfi\nexit 0\n",
        "cat > /tmp/x <<'EOF'\nexit 0\nEOF\npytest /tests/test_outputs.py\n" + CHECKED,
        "cd /app\nif [ $? -ne 0 ]; then echo 0 > /logs/verifier/reward.txt; exit 0; fi\n"
        f"pytest /tests/test_outputs.py\n{CHECKED}",
        f"echo start\necho code $?\npytest /tests/test_outputs.py\n{CHECKED}",
        f"cp /app/given.py /tests/test_given.py\npytest /tests/test_given.py\n{CHECKED}",
        "trap 'echo 0 > /logs/verifier/reward.txt' ERR\npytest /tests/test_outputs.py\n"
        "echo 1 > /logs/verifier/reward.txt\n",
        "if grep -q 7 /app/sum.txt; then echo 1 > /logs/verifier/reward.txt\n"
        "elif grep -q seven /app/sum.txt; then echo 1 > /logs/verifier/reward.txt; fi\n",
        "echo 1 > /logs/verifier/reward.txt\npython /tests/test_outputs.py\n",
    ],
)
def test_a_verifier_that_may_judge_is_not_blamed_for_certain(tmp_path: Path, script: str) -> None:
    write_task(tmp_path / "sum", {**SOUND, SCRIPT: script})
    assert Grade.CERTAIN not in _find(audit(tmp_path)).values()


@pytest.mark.parametrize(
    "tests",
    [
        "def compare(x):\n    assert x == 7\n\n\ndef test_sum():\n    compare(int(open('/app/sum.txt').read()))\n",
        "from helper import run\n\n\ndef test_sum():\n    run('/app/sum.txt')\n",
        "import json\n\n\ndef test_sum():\n    json.load(open('/app/sum.txt'))['sum']\n",
        "def helper():\n    pass\n",
        "x = 1\n" * 20_000,
    ],
)
def test_tests_that_may_fail_are_not_blamed_for_certain(tmp_path: Path, tests: str) -> None:
    write_task(tmp_path / "sum", {**SOUND, TESTS: tests, SCRIPT: f"pytest /testbed\n{CHECKED}"})
    assert Grade.CERTAIN not in _find(audit(tmp_path)).values()


def test_data_that_both_sides_hold_is_no_leak(tmp_path: Path) -> None:
    data = "a,b\n" * 20
    texts = {"environment/data.csv": data, "tests/data.csv": data, "solution/data.csv": data}
    write_task(tmp_path / "sum", {**SOUND, **texts})
    assert _find(audit(tmp_path)) == {}


def test_tasks_of_several_steps_and_for_windows_are_named_as_not_read(tmp_path: Path) -> None:
    write_task(tmp_path / "one", {"task.toml": SOUND["task.toml"], "steps/first/instruction.md": "Go."})
    write_task(tmp_path / "two", {"task.toml": SOUND["task.toml"], "tests/test.bat": "exit"})
    found = audit(tmp_path)
    assert found.verdicts == {TaskVerdict.NOT_RUN: 2}
    reasons = " ".join(reason for _, reason, _ in found.not_checked)
    assert "several steps" in reasons
    assert "for Windows" in reasons


def test_twins_are_found(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_task(tmp_path / name, SOUND)
    assert _find(audit(tmp_path), 1) == {CheckName.DUPLICATE: Grade.CERTAIN}


def test_the_same_words_in_another_container_are_for_a_person_to_look_at(tmp_path: Path) -> None:
    write_task(tmp_path / "one", SOUND)
    write_task(tmp_path / "two", {**SOUND, "environment/numbers.txt": "5\n"})
    assert _find(audit(tmp_path), 1) == {CheckName.DUPLICATE: Grade.DOUBTFUL}


def _export(tmp_path: Path, environment: str, sandbox: Sandbox) -> Path:
    run = write_run(tmp_path / "run", {"name": environment}, sound_tasks(environment, 2))
    export_run(open_run(run), write_harbor, tmp_path / "out", sandbox)
    return tmp_path / "out"


def _change_task(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "tests" / "task.json"
    row = json.loads(path.read_text())
    change(row)
    path.write_text(json.dumps(row))


@pytest.mark.parametrize("environment", ["calculation", "retail"])
def test_exported_tasks_are_played(tmp_path: Path, process_sandbox: Sandbox, environment: str) -> None:
    found = audit(_export(tmp_path, environment, process_sandbox), AuditRequest(secret="s"))
    assert not {TaskVerdict.UNSOUND, TaskVerdict.NOT_RUN} & set(found.verdicts), found.tasks


def _accept_everything(row: dict[str, Any]) -> None:
    row["task"]["evaluate"] = "def evaluate():\n    return True"


def _accept_any_reason(row: dict[str, Any]) -> None:
    row["task"]["evaluate"] = row["task"]["evaluate"].partition(" and ")[0]


def _accept_nothing(row: dict[str, Any]) -> None:
    row["task"]["evaluate"] = "def evaluate():\n    return False"


@pytest.mark.parametrize(
    ("change", "checks"),
    [
        (_accept_everything, {CheckName.NO_OP, CheckName.FAILURE_CASES}),
        (_accept_any_reason, {CheckName.FAILURE_CASES}),
        (_accept_nothing, {CheckName.ORACLE}),
    ],
)
def test_a_fault_planted_in_an_exported_task_is_found(
    tmp_path: Path, process_sandbox: Sandbox, change: Callable[[Any], None], checks: set[CheckName]
) -> None:
    out = _export(tmp_path, "retail", process_sandbox)
    _change_task(sorted(out.iterdir())[0], change)
    found = audit(out, AuditRequest(secret="s"))
    assert {check for check, grade in _find(found).items() if grade is Grade.CERTAIN} == checks


def test_an_exported_task_whose_scripts_were_changed_is_a_strangers(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    out = _export(tmp_path, "calculation", process_sandbox)
    first = sorted(out.iterdir())[0]
    (first / SCRIPT).write_text("#!/bin/sh\necho 1 > /logs/verifier/reward.txt\n")
    assert _find(audit(out))[CheckName.VACUOUS] is Grade.CERTAIN
