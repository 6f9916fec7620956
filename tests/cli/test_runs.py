"""``selfchal runs`` and the lists of ``selfchal episodes``, for people and as JSON."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.stored_run import write_stored_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, name in enumerate(("one", "two")):
        manifest = {
            "run": {"name": name, "seed": seed},
            "environment": {"name": "desk"},
            "model": {"name": "m"},
        }
        write_stored_run(tmp_path / "runs" / "deep" / name, manifest)
    return tmp_path / "runs"


def test_runs_are_found_below_a_folder(selfchal: Any, folder: Path) -> None:
    ended = selfchal("runs", "list", folder, folder / "deep" / "one", "--json")
    assert [(row["name"], row["seed"], row["environment"]) for row in ended.lines] == [
        ("one", "0", "desk"), ("two", "1", "desk")]  # fmt: skip
    assert "deep/one" in selfchal("runs", "list", folder).out.replace("\n", "")
    assert selfchal("runs", "list", folder.parent / "none").code == 2


def test_runs_that_differ_in_their_seeds_alone_are_taken_together(selfchal: Any, folder: Path) -> None:
    found = selfchal("runs", "compare", folder / "deep" / "one", folder / "deep" / "two", "--json").json
    assert found["manifests_differ"] == {"run.name": ['"one"', '"two"'], "run.seed": ["0", "1"]}
    first, second = found["runs"]
    assert (first["rates"]["before"]["mean"], first["rates"]["after"]["mean"]) == (0.5, 1.0)
    assert (second["against_first"]["mean"], second["shared_tasks"]) == (0.0, 2)
    assert found["gain_over_seeds"]["tasks"] == 1  # the other one could not be judged after training
    shown = selfchal("runs", "compare", folder / "deep" / "one", folder / "deep" / "two")
    assert "gain over 2 seeds" in shown.out
    assert "run.seed" in shown.out


def test_one_run_is_nothing_to_compare(selfchal: Any, folder: Path) -> None:
    ended = selfchal("runs", "compare", folder / "deep" / "one")
    assert (ended.code, "two runs or more" in ended.err) == (2, True)


def test_episodes_are_listed_by_every_filter_and_shown_by_their_name(selfchal: Any, folder: Path) -> None:
    run = folder / "deep" / "one"
    rows = selfchal("episodes", "list", run, "--before", "failed", "--after", "solved", "--json").lines
    assert [row["episode"] for row in rows] == [
        "evaluate/before/sampled/000000/0", "evaluate/after/sampled/000000/0"]  # fmt: skip
    assert len(selfchal("episodes", "list", run, "--search", "caesar", "--json").lines) == 1
    listed = selfchal("episodes", "list", run, "--stage", "train 1", "--limit", 3, "--newest")
    assert listed.out.startswith("train/1/0000000001/3  solved")
    more = re.search(r"--from (\d+)", listed.err)
    assert more is not None
    rest = selfchal("episodes", "list", run, "--stage", "train 1", "--newest", "--from", more[1])
    assert [line.split()[0] for line in rest.out.splitlines()] == ["train/1/0000000001/0"]
    shown = selfchal("episodes", "show", run, rows[1]["episode"])
    assert "--- agent\nprint(delta)" in shown.out
    assert "You have the tool" not in shown.out
    assert "You have the tool" in selfchal("episodes", "show", run, rows[1]["episode"], "--system").out
    assert len(selfchal("episodes", "show", run, rows[1]["episode"], "--json").json["ids"]) == 12
    assert selfchal("episodes", "list", run, "--task", "nobody").out == "none\n"


def test_a_name_that_is_no_episode_is_said(selfchal: Any, folder: Path) -> None:
    for name in ("x", "train/9/0", "train/1/0000000001/99"):
        ended = selfchal("episodes", "show", folder / "deep" / "one", name)
        assert (ended.code, "no episode" in ended.err) == (2, True), ended.err
