"""``make test-all`` can be stopped at any moment and goes on where it was; its pages say what was tested."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.script import SCRIPTS, load_script

# Each step notes that it ran; the second one then never ends, until a file says that it may.
DRIVER = """
import sys
from pathlib import Path
sys.path.insert(0, {scripts!r})
import test_all
folder = Path({folder!r})
note = "import sys, time, pathlib; name, folder = sys.argv[1], pathlib.Path(sys.argv[2]);" \\
       "open(folder / 'ran', 'a').write(name + ' '); print('this is', name);"
wait = "[time.sleep(0.02) for _ in iter(lambda: (folder / 'go').exists(), True)]"
steps = [
    test_all.Step(name, "a step", ("{{python}}", "-c", note + (wait if name == "two" else ""), name, str(folder)))
    for name in ("one", "two", "three")
]
sys.exit(test_all.run_steps(steps, {commit!r}, folder / "results"))
"""


@pytest.fixture(scope="module")
def script() -> Any:
    return load_script("test_all")


def _start(folder: Path, commit: str = "abc123") -> subprocess.Popen[str]:
    code = DRIVER.format(scripts=str(SCRIPTS), folder=str(folder), commit=commit)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_killed_in_the_second_step_it_goes_on_with_the_second_step(tmp_path: Path) -> None:
    with _start(tmp_path) as killed:
        while "two" not in ((tmp_path / "ran").read_text() if (tmp_path / "ran").exists() else ""):
            time.sleep(0.02)
        killed.kill()
    assert [page.name for page in (tmp_path / "results").iterdir()] == ["one.md"]
    (tmp_path / "go").touch()
    with _start(tmp_path) as again:
        out, _ = again.communicate()
    assert again.returncode == 0
    assert (tmp_path / "ran").read_text() == "one two two three "
    assert "one: passed at abc123 already" in out
    assert out.endswith("everything passed at abc123\n")


def test_another_commit_starts_from_the_beginning(tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    for commit in ("abc123", "def456"):
        with _start(tmp_path, commit) as run:
            run.communicate()
    assert (tmp_path / "ran").read_text() == "one two three one two three "


def test_a_page_says_command_commit_date_machine_and_the_end_of_the_output(
    script: Any, tmp_path: Path
) -> None:
    code = "import os; print('\\n'.join(f'line {i}' for i in range(200)), os.environ['SIZE'])"
    step = script.Step("soak", "much of it", ("{python}", "-c", code), {"SIZE": "large"})
    assert script.run_step(step, "abc123", tmp_path)
    page = (tmp_path / "soak.md").read_text()
    assert page.startswith("# soak: much of it\n\n    SIZE=large python -c ")
    assert f"\nPassed at commit abc123, {time.strftime('%Y-%m-%d')}, after 0.0 minutes on " in page
    assert "    line 119\n" not in page
    assert page.endswith("    line 199 large\n")


def test_a_step_that_failed_is_told_and_run_again(script: Any, tmp_path: Path) -> None:
    step = script.Step("broken", "a step", ("{python}", "-c", "raise SystemExit(3)"))
    assert script.run_steps([step], "abc123", tmp_path) == 1
    assert "\nFailed with exit code 3 at commit abc123, " in (tmp_path / "broken.md").read_text()
    assert not script.is_done(step, "abc123", tmp_path)


def test_every_program_that_a_step_starts_is_there(script: Any) -> None:
    for step in script.STEPS:
        for part in step.command:
            if part.endswith(".py") or part.startswith(("tests", "examples")):
                assert (script.ROOT / part).exists(), step.name
