"""The tutorial is done as a newcomer does it, in an empty folder, and prints what its page says."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.support.script import load_script

script = load_script("try_as_newcomer")
PAGE = """Some words.

<!-- file a/b.yaml -->
```yaml
run:
  port: 8011
```

```console
$ echo one \\
    two
one two
$ true
```
"""


def test_files_and_commands_are_read_in_their_order() -> None:
    assert script.read_steps(PAGE) == [
        script.File("a/b.yaml", "run:\n  port: 8011\n"),
        script.Command("echo one \\\n    two", "one two"),
        script.Command("true", ""),
    ]


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("one\ntwo", "one\ntwo\n", True),
        ("one\ntwo", "one\nthree\n", False),
        ("one … s", "one 2.5 s\n", True),
        ("one … s", "one\n2 s\n", False),
        ("one\n…\nfour", "one\nfour\n", True),
        ("one\n…\nfour", "one\ntwo\nthree\nfour\n", True),
        ("one\n…", "two\nthree\n", False),
        ("a (b)", "a (b)", True),
        ("", "one\n", False),
    ],
)
def test_dots_stand_for_text_in_a_line_or_for_lines(expected: str, printed: str, same: bool) -> None:
    assert (script.find_difference(expected, printed) == "") is same


def test_a_command_that_prints_something_else_is_a_difference(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    steps = script.read_steps(PAGE.replace("one two\n$", "one\n$"))
    done = list(script.run_steps(steps, tmp_path, programs))
    assert [bool(one.difference) for one in done] == [True, False]
    written = (tmp_path / "a" / "b.yaml").read_text()
    assert re.fullmatch(r"run:\n  port: \d+\n", written)
    assert "8011" not in written, "a free port takes the place of the page's"


def test_a_program_in_the_background_is_ended(tmp_path: Path) -> None:
    code = (
        "import os, time; open('pid', 'w').write(str(os.getpid())); print('up', flush=True); time.sleep(600)"
    )
    (tmp_path / "program.py").write_text(code)
    steps = [script.Command("python3 program.py &", "up"), script.Command("test -e pid", "")]
    done = list(script.run_steps(steps, tmp_path, tmp_path))
    assert [one.difference for one in done] == ["", ""]
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_the_first_part_takes_less_than_ten_minutes_of_reading_and_typing() -> None:
    page = script.PAGE.read_text(encoding="utf-8")
    first, end, _ = page.partition(script.END_OF_FIRST_PART)
    assert end
    minutes = script.count_reading_minutes(first) + script.count_typing_minutes(script.read_steps(first))
    assert minutes < script.MINUTES


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.timeout(900)
def test_the_whole_tutorial_prints_what_its_page_says(tmp_path: Path) -> None:
    pytest.importorskip("mcp")
    steps = script.read_steps(script.PAGE.read_text(encoding="utf-8"))
    programs = script.make_environment(tmp_path / "venv", install=False)
    folder = tmp_path / "empty"
    folder.mkdir()
    done = list(script.run_steps(steps, folder, programs))
    differences = [f"$ {one.command.line}\n{one.difference}" for one in done if one.difference]
    assert not differences, "\n\n".join(differences)
    assert len(done) > 20
