"""Hostile sets: nothing of them is run, followed, waited for, or shown as it is."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from selfchal.audit.auditing import audit
from selfchal.audit.findings import TaskVerdict
from selfchal.audit.portable_trials import find_in_portable, read_portable
from selfchal.audit.report import list_lines, render_page, to_json
from selfchal.audit.task_sets import AuditError, AuditRequest
from selfchal.interop.harbor import write_scripts
from selfchal.interop.portable import PortableTask, ReplayError
from selfchal.pipeline.store import Store
from selfchal.strangers.dockerfiles import adds_from_network, list_images
from selfchal.strangers.harbor_tasks import run_verifier
from tests.audit.harbor_tasks import SOUND, write_task
from tests.audit.service_rows import OWN_WORLD, make_tau_rows
from tests.patience import SOON
from tests.support.peak_memory import tracing_memory
from tests.support.runs import sound_tasks, write_run


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program but the one that parses source may be started, and nothing may be connected to."""
    start = subprocess.Popen

    def refuse(*arguments: Any, **options: Any) -> Any:
        raise AssertionError(f"something was started or asked for: {arguments}")

    def start_parser(command: Any, *arguments: Any, **options: Any) -> Any:
        assert "sandbox/compiling" in str(command), f"a program was started: {command}"
        return start(command, *arguments, **options)

    monkeypatch.setattr(os, "system", refuse)
    monkeypatch.setattr(subprocess, "Popen", start_parser)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.usefixtures("no_process")
def test_a_directory_that_would_phone_home_and_write_outside_is_read_only(tmp_path: Path) -> None:
    trap = tmp_path / "trapped"
    texts = {
        **SOUND,
        "environment/Dockerfile": f"FROM python:3.12\nRUN curl http://127.0.0.1:9/ && touch {trap}\n",
        "solution/solve.sh": f"touch {trap}; awk 1 x > y\n",
        "tests/test.sh": f"touch {trap}\n" + SOUND["tests/test.sh"],
        "tests/test_outputs.py": f"open({str(trap)!r}, 'w')\n" + SOUND["tests/test_outputs.py"],
        "tests/conftest.py": f"import os\nos.system('touch {trap}')\n",
    }
    found = audit(write_task(tmp_path / "set" / "one", texts).parent)
    assert found.verdicts == {TaskVerdict.NOT_RUN: 1}
    assert not trap.exists()


@pytest.mark.usefixtures("no_process")
def test_a_package_that_runs_when_it_is_imported_is_not_imported(tmp_path: Path) -> None:
    trap = tmp_path / "trapped"
    evil = f"import verifiers.v1 as vf\nopen({str(trap)!r}, 'w')\n\n\nclass T(vf.Taskset):\n    pass\n"
    package = {"evil/__init__.py": evil, "evil/sitecustomize.py": evil, "setup.py": evil}
    audit(write_task(tmp_path / "evil", package))
    assert not trap.exists()


def test_links_pipes_and_endless_files_are_neither_followed_nor_waited_for(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the host's own secret")
    one = write_task(tmp_path / "set" / "links", SOUND)
    (one / "instruction.md").unlink()
    (one / "instruction.md").symlink_to(secret)
    (one / "environment" / "up").symlink_to(tmp_path)
    (one / "loop").symlink_to(one)
    other = write_task(tmp_path / "set" / "pipes", SOUND)
    (other / "tests" / "test.sh").unlink()
    os.mkfifo(other / "tests" / "test.sh")
    with (other / "environment" / "endless").open("wb") as file:
        file.truncate(2**40)  # a hole
    (tmp_path / "set" / "away").symlink_to("/")
    found = audit(tmp_path / "set")
    assert [task.task.id for task in found.tasks] == ["links", "pipes"]
    assert found.tasks[0].verdict is TaskVerdict.UNREADABLE
    assert found.tasks[1].verdict is TaskVerdict.UNSOUND
    assert "own secret" not in json.dumps(to_json(found)) + render_page(found)


def test_what_is_nested_deeply_or_unpacks_without_end_ends_in_a_sentence(tmp_path: Path) -> None:
    packed = tmp_path / "bomb.json.gz"
    with gzip.open(packed, "wb", compresslevel=1) as file:
        for _ in range(80):
            file.write(b" " * 2**20)
    with pytest.raises(AuditError, match="more than"):
        audit(packed)
    nested = "try:\n x\nfinally:\n"
    bomb = (
        "".join(" " * i + line for i in range(60) for line in ("try: x\n", " " * i + "finally:\n"))
        + " " * 60
        + "x\n"
    )
    texts = {
        **SOUND,
        "tests/task.json": "[" * 200_000,
        "tests/test_outputs.py": f"def test_x():\n assert x == {'(' * 5_000}\n{nested}",
        "tests/test_bomb.py": bomb,
        "task.toml": "a = " + "[" * 50_000,
    }
    found = audit(write_task(tmp_path / "one", texts))
    assert found.tasks[0].verdict is TaskVerdict.UNREADABLE
    found = audit(write_task(tmp_path / "one", {"task.toml": SOUND["task.toml"]}))
    assert "cannot be parsed here" in " ".join(finding.reason for finding in found.tasks[0].findings)


def test_a_long_script_is_read_in_time(tmp_path: Path) -> None:
    script = "echo 1 || true; " * 60_000 + SOUND["tests/test.sh"]
    write_task(tmp_path / "one", {**SOUND, "tests/test.sh": script, "solution/solve.sh": "#" * 900_000})
    assert audit(tmp_path).tasks[0].verdict is TaskVerdict.UNSOUND


@pytest.mark.parametrize(
    "actions",
    [
        [{"name": "get_order_details", "kwargs": {"order_id": "#W1"}}] * 20_000,
        [{"name": "calculate", "kwargs": {"expression": "1+" * 2_000_000}}],
    ],
    ids=["many calls", "a long argument"],
)
def test_a_solution_without_end_is_named_as_not_played(tmp_path: Path, actions: list[Any]) -> None:
    rows = make_tau_rows(1)
    rows[0]["actions"] = actions
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps(rows))
    found = audit(path, AuditRequest("retail", OWN_WORLD))
    assert found.verdicts == {TaskVerdict.NOT_RUN: 1}
    assert "are the most" in found.not_checked[0][1]


def test_strangers_text_is_plain_where_it_is_shown(tmp_path: Path) -> None:
    rows = make_tau_rows(1)
    rows[0] |= {"index": "\x1b[2Jevil\x07\u202e", "outputs": [], "actions": []}
    rows[0]["actions"] = [{"name": "\x1b]0;x\x07<img>", "kwargs": {}}]
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps(rows))
    found = audit(path, AuditRequest("retail", OWN_WORLD))
    shown = "\n".join(list_lines(found)) + render_page(found)
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)
    assert "<img>" not in render_page(found)


def test_an_exported_task_cannot_start_a_program_by_its_environment(tmp_path: Path) -> None:
    trap = tmp_path / "trapped"
    server = {"mcpServers": {"x": {"command": "touch", "args": [str(trap)]}}}
    (task,) = sound_tasks("retail", 1)
    row = {
        "version": 1,
        "environment": {"name": "mcp", "servers": server},
        "task": task.to_json(),
        "solution": [],
        "failures": [],
        "limits": {},
    }

    scripts = write_scripts(PortableTask.from_json(row))
    write_task(tmp_path / "one", {**SOUND, **scripts, "tests/task.json": json.dumps(row)})
    found = audit(tmp_path / "one")
    assert found.verdicts == {TaskVerdict.NOT_RUN: 1}
    assert any("may start programs" in reason for _, reason, _ in found.not_checked)
    rows = tmp_path / "tasks.jsonl"
    rows.write_text(json.dumps({**task.to_json(), "environment": "mcp"}))
    with pytest.raises(AuditError, match="may start programs"):
        audit(rows)
    with pytest.raises(AuditError, match="may start programs"):
        audit(write_run(tmp_path / "run", {"name": "mcp", "servers": server}, (task,)))
    assert not trap.exists()


def test_a_run_that_names_plugin_files_loads_none(tmp_path: Path) -> None:
    trap, plugin = tmp_path / "trapped", tmp_path / "plugin.py"
    plugin.write_text(f"open({str(trap)!r}, 'w')\n")
    (task,) = sound_tasks("retail", 1)
    manifest = {
        "run": {"name": "demo"},
        "environment": {"name": "retail"},
        "model": {"name": "seedling"},
        "plugins": [str(plugin)],
    }
    with Store.create(tmp_path / "run", manifest) as store:
        store.put_tasks(1, [(task, "train")])
    with pytest.raises(AuditError, match="loads plugins from files"):
        audit(tmp_path / "run")
    assert not trap.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"limits": {"seconds": "5"}},
        {"limits": {"seconds": 1e9, "memory": 2**60}},
        {"environment": []},
        {"environment": {"name": ["retail"]}},
        {"environment": {"name": "retail", "data": "/dev/zero"}},
        {"solution": {"name": 1}},
        {"solution": [{"name": "get_order_details", "kwargs": {"order_id": {"a": [1]}}}]},
        {"task": []},
    ],
    ids=str,
)
def test_an_exported_task_of_odd_parts_ends_in_a_verdict(tmp_path: Path, change: dict[str, Any]) -> None:
    (task,) = sound_tasks("retail", 1)
    row: dict[str, Any] = {
        "version": 1,
        "environment": {"name": "retail"},
        "task": task.to_json(),
        "solution": [],
        "failures": [],
        "limits": {},
    }

    try:
        scripts = write_scripts(PortableTask.from_json({**row, **change}))
    except (ReplayError, AttributeError):
        scripts = write_scripts(PortableTask.from_json(row))
    texts = {**SOUND, **scripts, "tests/task.json": json.dumps({**row, **change})}
    assert len(audit(write_task(tmp_path / "one", texts)).tasks) == 1


@pytest.mark.parametrize(
    "part",
    [
        {"task": {"context": {"user_id": [1]}}},
        {"task": {"context": [1]}},
        {"task": {"instruction": 5}},
        {"task": {"diagnostics": {"answer_type": {}}}},
        {"task": {"provenance": {"footprint": True}, "diagnostics": {"strength": []}}},
    ],
    ids=str,
)
def test_odd_parts_of_the_task_itself_end_in_a_verdict(tmp_path: Path, part: dict[str, Any]) -> None:

    (task,) = sound_tasks("retail", 1)
    row = {
        "version": 1,
        "environment": {"name": "retail"},
        "task": {**task.to_json(), **part["task"]},
        "solution": [],
        "failures": [],
        "limits": {},
    }
    read = read_portable(json.dumps(row))
    found = [] if read is None else list(find_in_portable({0: read}, AuditRequest()))
    assert read is None or found


_LONG = 300_000  # characters
_ASKS_EXISTENCE = "import os\n\n\ndef test_sum():\n    assert os.path.exists('/app/sum.txt')\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("environment/Dockerfile", "\n" * _LONG),
        ("environment/Dockerfile", "ADD \\\n" + "# \\\n" * (_LONG // 4)),
        ("environment/Dockerfile", "ADD \\\n" * (_LONG // 6)),
        ("environment/Dockerfile", "COPY " + "tests/" * (_LONG // 6)),
        ("environment/Dockerfile", "RUN " + "touch " * (_LONG // 6)),
        ("tests/test.sh", "pytest " * (_LONG // 7)),
        ("tests/test.sh", "pytest " + "/tests/" * (_LONG // 7)),
        ("tests/test.sh", ">" * _LONG + " /tests/x.py"),
        ("tests/test.sh", "echo 1 > reward.txt\n" * (_LONG // 20)),
        ("tests/test.sh", "pytest || true\nif [ $? = 0 ]; then echo 1 > reward.txt; fi\n" * (_LONG // 60)),
        ("tests/test.sh", "if true; then " * (_LONG // 14)),
        ("tests/test.sh", "<<a " * (_LONG // 4)),
        ("solution/solve.sh", "\n" * _LONG),
        ("instruction.md", "a " * (_LONG // 2)),
    ],
)
def test_no_text_takes_long_to_read(tmp_path: Path, name: str, text: str) -> None:
    texts = {**SOUND, "tests/test_outputs.py": _ASKS_EXISTENCE, name: text}
    path = write_task(tmp_path / "one", texts)
    started = time.monotonic()
    audit(path)
    adds_from_network(texts["environment/Dockerfile"])
    list_images(texts["environment/Dockerfile"])
    assert time.monotonic() - started < SOON


# What a megabyte of TOML can ask of a parser: a table within each other, keys with 100,000 parts, many tables.
TOML = {
    "brackets": "a = " + "[" * 900_000,
    "a dotted key": ".".join("a" * 100_000) + " = 1\n",
    "a dotted table": f"[{'.'.join('a' * 100_000)}]\n",
    "dotted keys": f"{'.'.join('a' * 250)} = 1\n" * 1_900,
    "a key in a table in a line": "x = {" + ".".join("a" * 100_000) + " = 1}\n",
    "tables": "".join(f"[[a.b{i}]]\n" for i in range(60_000)),
    "escapes": 'a = """' + "\\u0041" * 160_000 + '"""\n',
    "spaces": "a" + " " * 900_000,
    "a number": "a = " + "9" * 900_000,
}


@pytest.mark.parametrize("text", TOML.values(), ids=TOML.keys())
def test_no_toml_takes_much_time_or_memory(text: str, tmp_path: Path) -> None:
    write_task(tmp_path / "one", {**SOUND, "task.toml": text})
    began = time.process_time()
    with tracing_memory() as read_most:
        found = audit(tmp_path)
        most = read_most()
    assert found.tasks[0].verdict in (TaskVerdict.UNREADABLE, TaskVerdict.NOT_RUN)
    assert most < 200 * 2**20
    assert time.process_time() - began < 20


class _Timing:
    """As much of a container as a verifier is run in; it remembers how long that may take."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def put(self, files: dict[str, str], folder: str) -> None:
        pass

    def run(self, command: list[str], seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("2", 2.0),
        ("0.5", 0.5),
        ("9" * 400, 900.0),
        ("inf", 900.0),
        ("nan", 900.0),
        ("-1", 900.0),
        ("'1'", 900.0),
    ],
)
def test_a_verifier_has_the_time_that_its_task_says_within_bounds(said: str, seconds: float) -> None:
    container: Any = _Timing()
    run_verifier(container, {"task.toml": f"[verifier]\ntimeout_sec = {said}\n", "tests/test.sh": ""})
    assert container.seconds == [seconds]
