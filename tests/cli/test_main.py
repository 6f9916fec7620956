"""The program starts fast, knows its commands, and every failure is a sentence with exit code 2."""

from __future__ import annotations

import errno
import importlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from selfchal.cli import main
from selfchal.core.errors import SelfchalError

Selfchal = Callable[..., object]
HEAVY = ("torch", "transformers", "pydantic", "numpy", "rich", "docker", "yaml")


def test_help_answers_in_under_0_4_seconds_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from selfchal.cli.main import call; call(['--help']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    seconds = []
    for _ in range(3):  # processor time: how long it takes where no other program is in the way
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "Start here: selfchal init quickstart" in done.stdout
    assert min(seconds) < 0.4


@pytest.mark.parametrize("name", main.COMMANDS)
def test_each_command_has_the_help_that_the_front_page_gives_it(name: str) -> None:
    module, _, attribute = main.COMMANDS[name][0].partition(":")
    command: click.Command = getattr(importlib.import_module(module), attribute)
    assert (command.help or "").partition("\n")[0] == main.COMMANDS[name][1]


def test_every_option_and_argument_of_every_command_is_explained() -> None:
    def walk(command: click.Command, path: str) -> None:
        assert command.help, path
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{path} {parameter.opts}"
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, f"{path} {name}")

    for name in main.COMMANDS:
        command = main.cli.get_command(click.Context(main.cli), name)
        assert command is not None
        walk(command, name)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "nowhere.yaml"),
        ("validate", "nowhere.yaml"),
        ("report", "nowhere"),
        ("tasks", "list", "nowhere"),
        ("eval", "nowhere.yaml"),
        ("eval", "nowhere", "--policy", "oracle"),
        ("sandbox", "exec", "process", "nowhere.py"),
        ("sandbox", "exec", "nowhere", "nowhere.py"),
        ("env", "replay", "calculation", "nowhere.jsonl"),
        ("no-such-command",),
        ("run",),
    ],
)
def test_bad_input_is_a_sentence_and_exit_code_2(selfchal: Selfchal, arguments: tuple[str, ...]) -> None:
    ended = selfchal(*arguments)
    assert ended.code == 2  # type: ignore[attr-defined]
    assert ended.err.strip()  # type: ignore[attr-defined]
    assert "Traceback" not in ended.err  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (SelfchalError("mend this"), 2, "Error: mend this"),
        (OSError(errno.ENOSPC, "No space left on device", "/runs/x"), 2, "the disk is full (/runs/x)"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/etc/x"),
            2,
            "no permission to write or read here (/etc/x)",
        ),
        (KeyboardInterrupt(), 130, "Stopped"),
    ],
)
def test_how_failures_end(
    selfchal: Selfchal, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, words: str
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(main.cli, "main", fail)
    ended = selfchal("run")
    assert (ended.code, words in ended.err) == (code, True)  # type: ignore[attr-defined]


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(main.cli, "main", fail)
    with pytest.raises(ZeroDivisionError):
        main.call(["run"])


def test_output_cut_by_a_pipe_is_no_traceback() -> None:
    program = Path(sys.executable).with_name("selfchal")
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([program, "schema"], stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert "Traceback" not in done.stderr


def test_version(selfchal: Selfchal) -> None:
    assert "0.1.0" in selfchal("--version").out  # type: ignore[attr-defined]


def test_plugins_list_as_json_loads_nothing_heavy() -> None:
    code = (
        "import sys; from selfchal.cli.main import call; call(['plugins', 'list', '--json']);"
        "print([name for name in ('torch', 'transformers', 'docker', 'trl') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    rows = json.loads(done.stdout)
    assert rows["failures"] == []
    assert {"kind": "environment", "name": "calculation"}.items() <= {
        key: value for row in rows["plugins"] if row["name"] == "calculation" for key, value in row.items()
    }.items()
    assert {row["kind"] for row in rows["plugins"]} >= {
        "environment",
        "synthesizer",
        "sandbox",
        "model",
        "trainer",
    }


INTERRUPTED_IN_A_STRING = """
from selfchal.cli import main

def call():
    try:
        exec("raise KeyboardInterrupt")
    except KeyboardInterrupt:
        return 130

main.call = call
main.main()
"""


def test_ctrl_c_in_an_executed_string_gives_the_exit_code(tmp_path: Path) -> None:
    """Importing a library executes strings; CPython dies of the signal afterwards, although it was caught."""
    (tmp_path / "stopped.py").write_text(INTERRUPTED_IN_A_STRING)
    done = subprocess.run([sys.executable, "-m", "stopped"], cwd=tmp_path, check=False)
    assert done.returncode == 130
