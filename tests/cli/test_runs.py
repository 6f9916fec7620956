"""``selfchal runs`` and the lists of ``selfchal episodes``, for people and as JSON."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from selfchal.pipeline.failure import noting_failure
from selfchal.pipeline.store import Store
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


@pytest.mark.parametrize("columns", ["80", "200"])
def test_a_damaged_run_says_so_in_the_list_and_in_json(
    selfchal: Any, folder: Path, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    (folder / "deep" / "one" / "store.sqlite").write_bytes(b"no database at all, but a text")
    (row, other) = selfchal("runs", "list", folder, "--json").lines
    assert (row["status"], other["status"]) == ("unreadable", "stopped")
    assert row["error"]
    shown = re.sub(r"[\s│]", "", selfchal("runs", "list", folder).out)
    assert "unread" in shown
    assert "stopped, or waiting" not in shown
    assert "isnotadatabase" in shown


@pytest.mark.parametrize("columns", ["80", "200"])
def test_a_failed_run_says_of_what(
    selfchal: Any, folder: Path, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    with (
        Store.resume(folder / "deep" / "one", read_manifest(folder / "deep" / "one")) as store,
        pytest.raises(ZeroDivisionError),
        noting_failure(store),
    ):
        print(1 / 0)
    shown = re.sub(r"[\s│]", "", selfchal("runs", "list", folder).out)
    assert "ZeroDivisionError:divisionbyzero" in shown


def read_manifest(run: Path) -> Any:
    with Store.read(run) as store:
        return store.manifest()


def test_what_a_run_that_did_not_end_cost_is_in_the_list(selfchal: Any, tmp_path: Path) -> None:
    paid = {"name": "openai", "price_in": 1.0, "price_out": 10.0}
    run = write_stored_run(tmp_path / "runs" / "paid", {"environment": {"name": "desk"}, "model": paid})
    with Store.resume(run, read_manifest(run)) as store:
        store.put_fact("stage", "train 1")
    (row,) = selfchal("runs", "list", tmp_path, "--json").lines
    assert (row["money"], row["before"]) == (pytest.approx(11 * 64e-6), 0.5)
    assert "so far" in selfchal("runs", "list", tmp_path).out


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


def test_a_run_is_not_compared_with_itself(selfchal: Any, folder: Path) -> None:
    one = folder / "deep" / "one"
    for other in (one, folder / "deep" / ".." / "deep" / "one"):
        ended = selfchal("runs", "compare", one, other, folder / "deep" / "two")
        assert (ended.code, "named twice" in ended.err) == (2, True), ended.err


def test_a_file_is_no_directory_of_runs(selfchal: Any, folder: Path) -> None:
    file = folder / "deep" / "one" / "manifest.yaml"
    for command in (("runs", "list"), ("view",)):
        ended = selfchal(*command, file)
        assert (ended.code, "is not a directory" in ended.err) == (2, True), ended.err


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--mode", "foo", "there are: sampled"),
        ("--stage", "nope", "there are: evaluate before, challenge 1, train 1, evaluate after"),
        ("--family", "foo", "there are: easy, hard"),
        ("--search", '"', "no word to search for"),
        ("--search", "***", "no word to search for"),
        ("--search", " ", "no word to search for"),
    ],
)
def test_a_filter_that_nothing_can_fit_names_what_there_is(
    selfchal: Any, folder: Path, option: str, value: str, told: str
) -> None:
    ended = selfchal("episodes", "list", folder / "deep" / "one", option, value)
    assert (ended.code, told in ended.err) == (2, True), ended.err


def test_an_episode_is_shown_with_what_decided_over_it(selfchal: Any, folder: Path) -> None:
    run = folder / "deep" / "one"
    held_out = selfchal("episodes", "show", run, "evaluate/after/sampled/000000/0").out
    assert "--- the expected outcome" in held_out
    assert '"answer": 7' in held_out
    assert "def evaluate(): ..." in selfchal("episodes", "show", run, "train/1/0000000001/2").out
    talk = selfchal("episodes", "show", run, "challenge/1/000000/0").out
    assert "did not note" in talk
    assert (
        selfchal("episodes", "show", run, "train/1/0000000001/2", "--json").json["evaluate"]
        == "def evaluate(): ..."
    )


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
