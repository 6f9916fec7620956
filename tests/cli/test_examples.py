"""``selfchal examples`` lists the examples whole, writes one, and knows which one was meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from selfchal.pipeline.examples import find_examples, read_summary


@pytest.mark.parametrize("columns", [20, 80, 200])
def test_nothing_that_an_example_says_of_itself_is_cut(
    selfchal: Any, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = " ".join(selfchal("examples").out.split())
    for path in find_examples().values():
        assert read_summary(path) in shown


def test_an_example_is_printed_or_written_and_never_over_another_file(selfchal: Any, tmp_path: Path) -> None:
    quickstart = find_examples()["quickstart"].read_text()
    assert selfchal("examples", "quickstart").out == quickstart
    file = tmp_path / "quickstart.yaml"
    assert f"selfchal run {file}" in selfchal("examples", "quickstart", "--out", file).out
    assert file.read_text() == quickstart
    again = selfchal("examples", "quickstart", "--out", file)
    assert (again.code, "is there already" in again.err) == (2, True)
    assert "selfchal run" not in selfchal("examples", "heartbeat", "--out", tmp_path / "heartbeat.py").out


def test_init_puts_an_example_into_a_folder_ready_to_be_checked(
    selfchal: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "Now:\n  selfchal run quickstart.yaml" in selfchal("init", "quickstart").out
    assert Path("quickstart.yaml").read_text() == find_examples()["quickstart"].read_text()
    assert selfchal("init", "one_gpu/retail_grpo", "new/folder").code == 0
    assert Path("new/folder/retail_grpo.yaml").exists()
    again = selfchal("init", "quickstart")
    assert (again.code, "is there already" in again.err) == (2, True)
    assert "did you mean 'quickstart'?" in selfchal("init", "quikstart").err


def test_a_wrong_name_tells_the_nearest(selfchal: Any) -> None:
    ended = selfchal("examples", "paper/retial_grpo")
    assert (ended.code, "did you mean 'paper/retail_grpo'?" in ended.err) == (2, True)
    assert "See them with: selfchal examples" in selfchal("examples", "zzz").err


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        (("run",), "manifest"),
        (("validate",), "manifest"),
        (("eval",), "run directory or manifest"),
        (("eval", "--policy", "oracle"), "run directory or manifest"),
    ],
)
def test_a_mistyped_manifest_says_what_was_looked_for_and_the_nearest_example(
    selfchal: Any, tmp_path: Path, command: tuple[str, ...], wanted: str
) -> None:
    file = tmp_path / "quikstart.yaml"
    ended = selfchal(*command, file)
    assert ended.code == 2
    assert f"there is no {wanted} '{file}'; did you mean the example 'quickstart'" in ended.err


@pytest.mark.parametrize("command", [("report",), ("tasks", "list"), ("tasks", "coverage")])
def test_a_mistyped_run_says_what_was_looked_for(
    selfchal: Any, tmp_path: Path, command: tuple[str, ...]
) -> None:
    ended = selfchal(*command, tmp_path / "none")
    assert ended.code == 2
    assert f"there is no run directory '{tmp_path / 'none'}'" in ended.err
