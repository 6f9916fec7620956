"""``selfchal tasks judge RUN``: what has changed is shown, and told by the exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.api.test_rejudging import PASSED, break_verifier, write_run
from tests.support.runs import sound_tasks


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_shows_changes_and_tells_them_by_its_exit_code(
    tmp_path: Path, selfchal: Any, as_json: bool
) -> None:
    (task,) = sound_tasks("retail", 1)
    held = write_run(tmp_path / "held", [(task, PASSED)])
    fell = write_run(tmp_path / "fell", [(task, PASSED), (break_verifier(task), PASSED)])
    options = ["--json"] if as_json else []
    assert selfchal("tasks", "judge", held, *options).code == 0
    ended = selfchal("tasks", "judge", fell, *options)
    assert ended.code == 1
    if as_json:
        assert [row["change"] for row in ended.lines] == ["as before", "held before, falls now"]
        assert ended.lines[1]["now"]["stage"] == "solution passed"
    else:
        lines = ended.out.splitlines()
        assert lines[0].startswith("broken  held before, falls now: kept -> failed at 'solution passed'")
        assert lines[1] == "2 tasks judged again: 1 as before, 1 held before, falls now"


def test_what_is_no_run_and_an_empty_run_are_sentences(tmp_path: Path, selfchal: Any) -> None:
    none = selfchal("tasks", "judge", tmp_path / "none")
    assert (none.code, str(tmp_path / "none") in none.err) == (2, True)
    assert "judge ENVIRONMENT FILE" in selfchal("tasks", "judge", "calculation").err
    empty = write_run(tmp_path / "empty", [])
    ended = selfchal("tasks", "judge", empty)
    assert (ended.code, "no task that can be judged again" in ended.err) == (2, True)
    wrong = selfchal("tasks", "judge", empty, "--secret", "x")
    assert (wrong.code, "its own secret" in wrong.err) == (2, True)
