"""What is said of a Harbor task by its text alone: above all, what must not be said for certain."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfchal.audit.auditing import audit
from selfchal.audit.findings import CheckName, Finding, Grade
from tests.audit.harbor_tasks import SOUND, write_task

TESTS = "tests/test_outputs.py"
SCRIPT = "tests/test.sh"
PYTEST = "pytest /tests/test_outputs.py"
ONE = "echo 1 > /logs/verifier/reward.txt"
NONE = "echo 0 > /logs/verifier/reward.txt"
CHECKED = f"if [ $? -eq 0 ]; then {ONE}; else {NONE}; fi\n"
WORK = f"{PYTEST}\n{CHECKED}"


def _find(tmp_path: Path, changes: dict[str, str]) -> list[Finding]:
    write_task(tmp_path / "sum", {**SOUND, **changes})
    return [one for one in audit(tmp_path).tasks[0].findings if one.grade is not Grade.NOT_CHECKED]


def _list_certain(tmp_path: Path, changes: dict[str, str]) -> list[str]:
    return [one.reason for one in _find(tmp_path, changes) if one.grade is Grade.CERTAIN]


ENDS_BY_ITSELF = [
    f"#!/bin/bash -e\n{PYTEST}\n{ONE}\n",
    f"#!/bin/bash -eu\n{PYTEST}\n{ONE}\n",
    f"#!/bin/sh -euo pipefail\n{PYTEST}\n{ONE}\n",
    f"#!/usr/bin/env -S bash -euo pipefail\n{PYTEST}\n{ONE}\n",
    f"#!/bin/bash -o errexit\n{PYTEST}\n{ONE}\n",
    f"#!/bin/bash -euo pipefail\n{PYTEST} | tee log\n{CHECKED}",
    f"set -o errexit\n{PYTEST}\n{ONE}\n",
    f"set -uo pipefail -e\n{PYTEST}\n{ONE}\n",
    f"{PYTEST} || kill $$\n{ONE}\n",
    f"{PYTEST} || stop_here\n{ONE}\n",
    f"! {PYTEST} && kill $$\n{ONE}\n",
    f"if ! {PYTEST}; then give_up; fi\n{ONE}\n",
    f"source /opt/lib.sh\nrequire {PYTEST}\n{ONE}\n",
    f". /opt/lib.sh\n{PYTEST}\n{ONE}\n",
    f'eval "$SETTINGS"\n{PYTEST}\n{ONE}\n',
    f"set -e\n{PYTEST}\necho done\n{CHECKED}",
    f"{PYTEST} && R=ok\n: ${{R:?failed}}\n{ONE}\n",
    f"set -u\n{PYTEST} && R=ok\necho $R\n{ONE}\n",
    f"until {PYTEST}; do sleep 1; done\n{ONE}\n",
    f"trap 'exit 1' ERR\n{PYTEST}\n{ONE}\n",
]
ENDS_ELSEWHERE = [
    f"(cd /app && make; exit $?)\n{WORK}",
    f"die() {{ echo no; exit 1; }}\n{WORK}",
    f"function die {{ echo no; exit 1; }}\n{WORK}",
    f"die()\n{{\n  exit 1\n}}\n{WORK}",
    f"die() (\n  exit 1\n)\n{WORK}",
    f'case "$1" in\n  -h|--help) exit 0 ;;\n  *) exit 1;;\nesac\n{WORK}',
    f"[ -d /app ] || {{ echo no; exit 1; }}\n{WORK}",
    f"echo it\\'s on\n{WORK}",
    f"cat <<< word\n{WORK}",
    f"python /opt/grade.py --out /logs/verifier/reward.txt\nexit $?\n{ONE}\n",
    "python /tests/test_outputs.py && exit 0\n" + WORK,
    f"#!/usr/bin/env python3\nexit\n{ONE}\n",
]
REWARDS_DIFFER = [
    f"if grep -q 7 /app/sum.txt; then {ONE}\nelif grep -q seven /app/sum.txt; then {ONE}\nelse exit 1\nfi\n",
    f"if grep -q 7 /app/sum.txt; then {ONE}\nelif grep -q 8 /app/sum.txt; then {ONE}\nelse rm -f /logs/x\nfi\n",
    f"set -e\n{PYTEST}\nif [ -f /x ]; then {ONE}; else {ONE}; fi\n",
    f"{PYTEST} || exit 1\nif [ -f /x ]; then {ONE}; else {ONE}; fi\n",
]
OTHER_CODES = [
    f"if echo x | tee log; then {PYTEST}; fi\n{CHECKED}",
    f"while read -r line || true; do echo $line; break; done < /app/list\n{WORK}",
    f"if mkdir -p /app/x || true; then cd /app/x; fi\n{WORK}",
    f"echo start\ncode=$?\n{WORK}",
    f"finish() {{\n  if [ $? -eq 0 ]; then {ONE}; else {NONE}; fi\n}}\ntrap finish EXIT\n{PYTEST}\n",
    f"{PYTEST} | tee log\nif [ $? -ne 0 ]; then echo odd; fi\ngrep -q ' passed' log && {ONE} || {NONE}\n",
    f"{PYTEST} | tee log\nif [ ${{PIPESTATUS[0]}} -eq 0 ]; then {ONE}; else {NONE}; fi\n",
    f"{PYTEST} -q || true\nif [ $? = 0 ]; then echo ran; fi\n{WORK}",
    f"if {PYTEST} | grep -q '1 passed'; then {ONE}; else {NONE}; fi\n",
    f"{PYTEST} --collect-only -q\n{WORK}",
    f"{PYTEST} || ! :\n{CHECKED}",
    f"{PYTEST} || echo $? > /tmp/c\nif [ $? -eq 0 ] && [ ! -f /tmp/c ]; then {ONE}; else {NONE}; fi\n",
    f"{PYTEST} > log || true\nif [ $? -eq 0 ]; then {ONE}; fi\n[ -s /tmp/failed ] && {NONE}\n",
    f"! {PYTEST}\nif [ $? -ne 0 ]; then {ONE}; else {NONE}; fi\n",
]
MADE_ELSEWHERE = [
    f"python /tests/test_outputs.py --write\npytest /tests/test_made.py\n{CHECKED}",
    f"/opt/generate\npytest /tests/test_made.py\n{CHECKED}",
    f"install -m 644 /opt/t.py /tests/test_made.py\npytest /tests/test_made.py\n{CHECKED}",
    f"install -m 644 /opt/t.py /tests/test_made.py && pytest /tests/test_made.py\n{CHECKED}",
    f"wget -q -P /tests https://x.test/test_made.py\npytest /tests/test_made.py\n{CHECKED}",
    f"if [ -f /tests/test_more.py ]; then pytest /tests/test_more.py; fi\n{WORK}",
    f"pytest /app/tests/test_made.py\n{CHECKED}",
    f'pytest "$ROOT/tests/test_made.py"\n{CHECKED}',
    f"pytest /tests/./test_outputs.py\n{CHECKED}",
    f"pytest /tests --ignore=/tests/test_made.py\n{CHECKED}",
    f"TEST_DIR=/app/suite\npytest $TEST_DIR/test_made.py\n{CHECKED}",
]


@pytest.mark.parametrize(
    "script", [*ENDS_BY_ITSELF, *ENDS_ELSEWHERE, *REWARDS_DIFFER, *OTHER_CODES, *MADE_ELSEWHERE]
)
def test_a_script_that_may_judge_is_not_blamed_for_certain(tmp_path: Path, script: str) -> None:
    assert _list_certain(tmp_path, {SCRIPT: script}) == []


def test_tests_that_the_image_or_the_agent_makes_are_not_missing_for_certain(tmp_path: Path) -> None:
    script = f"pytest /tests/test_made.py\n{CHECKED}"
    for changes in (
        {"environment/Dockerfile": "FROM python:3.12-slim\nCOPY suite/ /tests/\n"},
        {"instruction.md": "Write tests into /tests/test_made.py.\n"},
    ):
        assert _list_certain(tmp_path, {SCRIPT: script, **changes}) == []


def test_tests_behind_links_are_not_missing(tmp_path: Path) -> None:
    write_task(tmp_path / "sum", {**SOUND, "shared/test_more.py": "def test_x():\n    assert run() == 1\n"})
    (tmp_path / "sum" / "tests" / "test_link.py").symlink_to("../shared/test_more.py")
    (tmp_path / "sum" / "tests" / "more").symlink_to("../shared")
    script = f"pytest /tests/test_link.py /tests/more/test_more.py\n{CHECKED}"
    assert _find(tmp_path, {SCRIPT: script}) == []


HELPED = [
    "import pytest\n@pytest.mark.parametrize('how', ['skip', 'xfail'])\ndef test_sum(how):\n    assert how == 1\n",
    "import pytest\n@pytest.mark.xfail(strict=True)\ndef test_sum():\n    assert 1 == 2\n",
    "import pytest\n@pytest.mark.xfail(1 == 2, reason='no')\ndef test_sum():\n    assert 1 == 2\n",
    "import pytest\n@pytest.mark.skipif(1 == 2, reason='skip it')\ndef test_sum():\n    assert 1 == 2\n",
    "import pytest\n@pytest.mark.xfail\ndef test_sum():\n    assert 1 == 2\n",
    "import pytest\n@pytest.fixture\ndef ready():\n    assert 1 == 2\n\n\ndef test_sum(ready):\n    pass\n",
    "import pytest\n@pytest.fixture(autouse=True)\ndef ready():\n    assert 1 == 2\n\n\ndef test_sum():\n    pass\n",
    "import pytest\n@pytest.mark.usefixtures('ready')\ndef test_sum():\n    pass\n",
    "def setup_module():\n    assert 1 == 2\n\n\ndef test_sum():\n    pass\n",
    "class TestSum:\n    def setup_method(self):\n        assert 1 == 2\n\n    def test_sum(self):\n        pass\n",
    "from base import Base\nclass TestSum(Base):\n    def test_sum(self):\n        pass\n",
    "import app\n\n\ndef test_sum():\n    pass\n",
    "def test_sum():\n    import app\n",
    "def test_sum():\n    1 / len('')\n",
    "from suite import *\n",
    "def test_sum():\n    unknown\n",
    "import json\nDATA = json.load(open('/app/x.json'))\ndef test_sum():\n    print(DATA)\n",
    "assert open('/app/sum.txt').read() == '7'\ndef test_sum():\n    pass\n",
    "if 1:\n    raise SystemExit(3)\ndef test_sum():\n    print(1)\n",
    "import os\nassert os.path.getsize('/app/s.txt') > 5\ndef test_sum():\n    assert os.path.exists('/app/s.txt')\n",
    "class TestSum:\n    def test_sum(self):\n        pass\n\n    def __init_subclass__(cls):\n        assert 0\n",
    "from unittest import TestCase\nclass Sums(TestCase):\n    runTest = None\n",
    "for i in range(3):\n    globals()[f'test_{i}'] = print\n",
    "import os\ndef test_sum():\n    assert os.path.exists('/app/s.txt') and os.path.getsize('/app/s.txt') > 2\n",
    "import os, subprocess\ndef test_sum():\n    subprocess.run(['/app/x'], check=True)\n"
    "    assert os.path.exists('/app/s.txt')\n",
]


@pytest.mark.parametrize("tests", HELPED)
def test_tests_that_may_fail_are_not_blamed_for_certain(tmp_path: Path, tests: str) -> None:
    dockerfile = "FROM python:3.12-slim\nRUN touch /app/s.txt\n"
    assert _list_certain(tmp_path, {TESTS: tests, "environment/Dockerfile": dockerfile}) == []


def test_an_idle_test_that_the_script_may_not_run_is_not_blamed_for_certain(tmp_path: Path) -> None:
    idle = "def test_sum():\n    print(7)\n"
    for script in (f"diff /app/sum.txt /tests/sum.txt\n{CHECKED}", f"python /tests/check.py\n{CHECKED}"):
        changes = {
            TESTS: idle,
            SCRIPT: script,
            "tests/check.py": "assert open('/app/sum.txt').read() == '7'\n",
        }
        assert _list_certain(tmp_path, changes) == []


@pytest.mark.parametrize(
    "solution",
    [
        "chmod 600 /app/key",
        "export X=$(make -C /app)",
        "touch /app/sum.txt",
        "mkdir -p /app/out",
        "echo 7 > /app/sum.txt",
        ": > /app/sum.txt",
        "echo `make`",
        "cat > /app/sum.txt <<EOF\n7\nEOF\n",
    ],
)
def test_a_solution_that_works_is_not_called_idle(tmp_path: Path, solution: str) -> None:
    assert _list_certain(tmp_path, {"solution/solve.sh": solution}) == []


def test_a_file_that_a_solution_brings_unchanged_is_no_leak_for_certain(tmp_path: Path) -> None:
    helper = "def add(a, b):\n    return a + b\n"
    assert _list_certain(tmp_path, {"environment/helper.py": helper, "solution/helper.py": helper}) == []


FAULTY = [
    (f"{PYTEST} || /bin/true\n{CHECKED}", Grade.CERTAIN),
    (f"{PYTEST} || echo failed\n{CHECKED}", Grade.CERTAIN),
    (f"if {PYTEST} || true; then {ONE}; else {NONE}; fi\n", Grade.CERTAIN),
    (f"if {PYTEST} | tee log; then {ONE}; else {NONE}; fi\n", Grade.CERTAIN),
    (f"#!/bin/bash -e\n{PYTEST} || true\n{ONE}\n", Grade.CERTAIN),
    (f"if {PYTEST}; then {ONE}; else {ONE}; fi\n", Grade.CERTAIN),
    (f"if {PYTEST}; then echo good; else echo bad; fi\n{ONE}\n", Grade.CERTAIN),
    (f"pip install pytest\n{PYTEST} | tee log\n{CHECKED}", Grade.CERTAIN),
    (f"{PYTEST} | tail -n 5\n{CHECKED}", Grade.DOUBTFUL),
    (f"if {PYTEST} | sed s/a/b/; then {ONE}; else {NONE}; fi\n", Grade.DOUBTFUL),
    (f"out=$({PYTEST}; true)\n{CHECKED}", Grade.DOUBTFUL),
    (f"out=$({PYTEST} || echo no)\n{CHECKED}", Grade.DOUBTFUL),
    (f"{PYTEST}\ncp log /logs/\n{CHECKED}", Grade.DOUBTFUL),
    (f"{PYTEST}\nif true; then {ONE}; else {NONE}; fi\n", Grade.DOUBTFUL),
    (f"{PYTEST}\nif [ 1 -eq 1 ]; then {ONE}; else {NONE}; fi\n", Grade.DOUBTFUL),
    (f"{PYTEST}\nif [[ 1 == 1 ]]; then {ONE}; else {NONE}; fi\n", Grade.DOUBTFUL),
    (f"trap '{ONE}' EXIT\n{PYTEST}\n", Grade.DOUBTFUL),
    (f"{PYTEST} -k sum\n{CHECKED}", Grade.DOUBTFUL),
    (f"{PYTEST} --deselect /tests/test_outputs.py::test_sum\n{CHECKED}", Grade.DOUBTFUL),
    (f"pytest /tests --ignore=/tests/test_outputs.py\n{CHECKED}", Grade.DOUBTFUL),
    (f"{PYTEST} --co\n{CHECKED}", Grade.CERTAIN),
]


@pytest.mark.parametrize(("script", "grade"), FAULTY)
def test_a_script_that_does_not_judge_is_found(tmp_path: Path, script: str, grade: Grade) -> None:
    found = [one.grade for one in _find(tmp_path, {SCRIPT: script}) if one.check is CheckName.VACUOUS]
    assert found
    assert min(found, key=list(Grade).index) is grade


WEAK = [
    "import pytest\ndef test_sum():\n    pytest.xfail('later')\n    assert 1 == 2\n",
    "import unittest\n@unittest.skip('later')\ndef test_sum():\n    assert 1 == 2\n",
    "import pytest\npytestmark = [pytest.mark.skip]\ndef test_sum():\n    assert 1 == 2\n",
    "__test__ = False\ndef test_sum():\n    assert 1 == 2\n",
    "class TestSum:\n    __test__ = False\n    def test_sum(self):\n        assert 1 == 2\n",
    "import os\ndef test_sum():\n    os._exit(0)\n    assert 1 == 2\n",
    "import sys\nsys.exit(0)\ndef test_sum():\n    assert 1 == 2\n",
    "def test_sum():\n    try:\n        assert 1 == 2\n    finally:\n        return\n",
    "import contextlib\ndef test_sum():\n    with contextlib.suppress(AssertionError):\n        assert 1 == 2\n",
    "from contextlib import suppress\ndef test_sum():\n    with suppress(Exception):\n        assert 1 == 2\n",
    "import pytest\ndef test_sum():\n    with pytest.raises(Exception):\n        run()\n",
    "def test_sum():\n    if False:\n        assert 1 == 2\n",
    "def test_sum():\n    x = 7\n    assert x <= x\n",
    "def test_sum():\n    assert len('abc') >= 0\n",
]


@pytest.mark.parametrize("tests", WEAK)
def test_a_test_that_cannot_fail_is_found(tmp_path: Path, tests: str) -> None:
    assert CheckName.VACUOUS in {one.check for one in _find(tmp_path, {TESTS: tests})}


SETTINGS = {
    "conftest.py": "def pytest_collection_modifyitems(items):\n    items.clear()\n",
    "deep/conftest.py": "collect_ignore = ['test_outputs.py']\n",
    "./conftest.py": "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n",
    "pytest.ini": "[pytest]\naddopts = -q\n    --ignore=test_outputs.py\n",
    "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "--co"\n',
    "setup.cfg": "[tool:pytest]\npython_functions = check_*\n",
}


@pytest.mark.parametrize(("name", "text"), SETTINGS.items())
def test_settings_that_take_tests_away_are_found(tmp_path: Path, name: str, text: str) -> None:
    (found,) = _find(tmp_path, {f"tests/{name}": text})
    assert found.grade is Grade.DOUBTFUL


def test_settings_that_take_nothing_away_are_not_named(tmp_path: Path) -> None:
    texts = {
        "tests/conftest.py": "import pytest\n@pytest.fixture\ndef app():\n    return 7\n",
        "tests/pytest.ini": "[pytest]\naddopts = -q --tb=short\n",
    }
    assert _find(tmp_path, texts) == []
