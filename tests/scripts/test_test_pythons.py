"""Which Pythons the tests run on: those that really run, and of pyenv's the newest of each version."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.script import load_script


@pytest.fixture(scope="module")
def script() -> Any:
    return load_script("test_pythons")


def test_the_pythons_that_are_found_are_of_the_versions_they_are_found_for(script: Any) -> None:
    found = script.find_pythons()
    assert sys.version_info.minor in found
    for minor, python in found.items():
        code = "import sys; print(sys.version_info.minor)"
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
        assert int(done.stdout) == minor


def test_others_are_all_but_the_version_that_runs_it(script: Any) -> None:
    command = [sys.executable, script.__file__, "--others", "--list"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    listed = [line.partition(":")[0] for line in done.stdout.splitlines()]
    others = [minor for minor in script.MINORS if minor != sys.version_info.minor]
    assert listed == [f"Python 3.{minor}" for minor in others]


def test_a_name_that_runs_nothing_is_passed_over(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = next(minor for minor in script.MINORS if minor != sys.version_info.minor)
    shim = tmp_path / f"python3.{other}"
    shim.write_text("#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "no-pyenv"))
    assert list(script.find_pythons()) == [sys.version_info.minor]


def test_of_pyenvs_versions_the_newest_is_tried_first(script: Any) -> None:
    paths = [Path(f"versions/3.12.{patch}/bin/python") for patch in ("1", "10", "0rc1", "9")]
    newest = sorted(paths, key=script._read_patch, reverse=True)
    assert [path.parts[1] for path in newest] == ["3.12.10", "3.12.9", "3.12.1", "3.12.0rc1"]
