"""A Python file is a plugin as soon as it is named, in this process and in those that it starts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from selfchal.core.errors import PluginError
from selfchal.plugins import load_plugins
from selfchal.plugins.plugin_files import FILES_VARIABLE, use_plugin_files

COUNTER = """
    from selfchal import HeldOut, hookimpl, small_environment

    print("hello from a plugin")

    def add(state: dict, number: int) -> str:
        '''Add some.'''
        state["count"] += number
        return "ok"

    Counter = small_environment("NAME", start={"count": 5}, writes=[add])

    @hookimpl
    def register_environments():
        print("asked")
        return [Counter]
"""
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """``write(source, name="counter")`` writes a file; what was named is forgotten after the test."""
    monkeypatch.setenv(FILES_VARIABLE, "")

    def make(source: str = COUNTER, name: str = "file_counter") -> Path:
        path = tmp_path / f"{name}.py"
        path.write_text(textwrap.dedent(source).replace("NAME", name))
        return path

    return make


def test_its_classes_are_found_and_are_the_same_each_time(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write()
    use_plugin_files([path, path])
    found = load_plugins()
    assert not found.failures
    (item,) = [item for item in found.all() if item.name == "file_counter"]
    assert (item.plugin, item.package, item.version) == ("file_counter", "file", str(path))
    assert load_plugins().find("environment", "file_counter") is item.cls
    printed = capsys.readouterr()
    assert (printed.out, "hello from a plugin" in printed.err) == ("", True)


def test_processes_that_are_started_load_it_too(write: Write) -> None:
    use_plugin_files([write()])
    code = "from selfchal.plugins import load_plugins; print(load_plugins().names('environment'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "file_counter" in done.stdout


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("import nothing_of_that_name", "cannot be imported (ModuleNotFoundError: No module named 'nothing_of_that_name', line 1 of"),
        ("def f(:", "cannot be imported (SyntaxError"),
        ("raise SystemExit(0)", "cannot be imported (SystemExit: 0, line 1 of"),
        ("from selfchal import hookimpl\n\n@hookimpl\ndef register_environment(): return []", "register_environment"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_names_it_and_harms_no_other(
    write: Write, source: str, sentence: str
) -> None:
    use_plugin_files([write(source, "broken"), write()])
    found = load_plugins()
    (failure,) = found.failures
    assert f"plugin 'broken' in the file {write(source, 'broken')}: " in str(failure)
    assert sentence in str(failure)
    assert "file_counter" in found.names("environment")


@pytest.mark.parametrize(
    ("name", "why"), [("nowhere.py", "no such file"), ("data.json", "does not end in .py")]
)
def test_what_is_no_python_file_is_refused_at_once(write: Write, tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "data.json").write_text("{}")
    with pytest.raises(PluginError, match=re.escape(why)):
        use_plugin_files([tmp_path / name])
    assert os.environ[FILES_VARIABLE] == ""


def test_a_name_that_two_files_have_is_used_by_neither(write: Write) -> None:
    use_plugin_files([write(), write(COUNTER.replace("NAME", "file_counter"), "another")])
    with pytest.raises(PluginError, match="offered twice") as caught:
        load_plugins().find("environment", "file_counter")
    assert "another name, or leave the file out" in str(caught.value)


def test_a_built_in_keeps_its_name(write: Write) -> None:
    use_plugin_files([write(COUNTER, "retail")])
    found = load_plugins()
    assert found.find("environment", "retail").__module__.startswith("selfchal.")
    assert "Give Retail another name" in str(found.failures[0])
