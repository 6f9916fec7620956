"""Episodes as lines, and as logs; Inspect itself reads them in tests/interop/test_round_trips.py."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from selfchal.core.episode import End, Episode
from selfchal.core.model import Message
from selfchal.pipeline.store import Store
from tests.support.stored_run import write_stored_run


def write_measured_run(directory: Path) -> Path:
    """A run that measured twice: two attempts at each of two tasks, then one at one."""
    manifest = {"run": {"name": "demo"}, "environment": {"name": "retail"}, "model": {"name": "seedling"}}

    def play(task: str, sample: int, reward: float | None) -> Episode:
        said = [Message("system", "rules"), Message("user", "do it"), Message("assistant", "Answer: 4")]
        return Episode(
            task, sample, said, answer="4", end=End.ANSWER, reward=reward, reason="why", seconds=1.5
        )

    with Store.create(directory, manifest) as store:
        before = [play("a", 0, 1.0), play("a", 1, 0.0), play("b", 0, None), play("b", 1, 1.0)]
        store.put_episodes("evaluate", "before/sampled/000000", before[:3])
        store.put_episodes("evaluate", "before/sampled/000003", before[3:])
        store.put_episodes("evaluate", "after/greedy/000000", [play("a", 0, 1.0)])
    return directory


def test_each_measurement_is_a_log(selfchal: Any, tmp_path: Path) -> None:
    run = write_measured_run(tmp_path / "run")
    ended = selfchal("episodes", "export", run, tmp_path / "logs", "--to", "inspect")
    assert (ended.code, "Wrote 5 episodes" in ended.out) == (0, True), ended.err
    logs = {
        log["eval"]["task"]: log
        for log in map(json.loads, (p.read_text() for p in (tmp_path / "logs").iterdir()))
    }
    assert set(logs) == {"demo/before/sampled", "demo/after/greedy"}
    log = logs["demo/before/sampled"]
    assert log["version"] == 2
    assert log["eval"]["dataset"]["sample_ids"] == ["a", "b"]
    (score,) = log["results"]["scores"]
    assert (score["scored_samples"], score["unscored_samples"]) == (3, 1)
    assert score["metrics"]["mean"]["value"] == pytest.approx(2 / 3)
    assert [(one["id"], one["epoch"]) for one in log["samples"]] == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]


def test_an_episode_that_could_not_be_judged_is_an_error_and_no_score(selfchal: Any, tmp_path: Path) -> None:
    run = write_measured_run(tmp_path / "run")
    selfchal("episodes", "export", run, tmp_path / "logs", "--to", "inspect")
    (path,) = (tmp_path / "logs").glob("*before*")
    samples = json.loads(path.read_text())["samples"]
    assert samples[2]["error"]["message"] == "why"
    assert "scores" not in samples[2]
    assert samples[0]["scores"]["reward"]["value"] == 1.0
    assert [message["role"] for message in samples[0]["input"]] == ["system", "user"]


def test_a_run_that_measured_nothing_is_said(selfchal: Any, tmp_path: Path) -> None:
    with Store.create(tmp_path / "run", {"run": {"name": "demo"}, "environment": {}, "model": {}}):
        pass
    ended = selfchal("episodes", "export", tmp_path / "run", tmp_path / "logs", "--to", "inspect")
    assert (ended.code, "no evaluation episodes" in ended.err) == (2, True)
    assert not (tmp_path / "logs").exists()


WHOLE = {
    "episode",
    "stage",
    "mode",
    "family",
    "task",
    "sample",
    "messages",
    "ids",
    "mask",
    "logprobs",
    "reward",
    "end",
}


def read_lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_episode_can_be_had_whole_as_lines(selfchal: Any, tmp_path: Path) -> None:
    run = write_stored_run(tmp_path / "run")
    ended = selfchal("episodes", "export", run, tmp_path / "out", "--to", "jsonl")
    assert (ended.code, "Wrote 11 episodes" in ended.out) == (0, True), ended.err
    rows = read_lines(tmp_path / "out" / "episodes.jsonl")
    assert len({row["episode"] for row in rows}) == 11
    assert all(set(row) >= WHOLE for row in rows)
    assert {len(row[name]) for row in rows for name in ("ids", "mask", "logprobs")} == {12}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["episodes.jsonl"]


@pytest.mark.parametrize(
    "options",
    [
        ("--stage", "train 1"),
        ("--mode", "sampled"),
        ("--solved", "solved"),
        ("--task", "t0"),
        ("--search", "caesar"),
        ("--before", "failed", "--after", "solved"),
        ("--end", "steps", "--solved", "failed"),
    ],
    ids=" ".join,
)
def test_an_export_holds_what_a_list_with_the_same_options_shows(
    selfchal: Any, tmp_path: Path, options: tuple[str, ...]
) -> None:
    run = write_stored_run(tmp_path / "run")
    listed = [row["episode"] for row in selfchal("episodes", "list", run, *options, "--json").lines]
    selfchal("episodes", "export", run, tmp_path / "out", "--to", "jsonl", *options)
    assert [row["episode"] for row in read_lines(tmp_path / "out" / "episodes.jsonl")] == listed != []


def test_what_cannot_be_exported_is_said_and_leaves_no_file(selfchal: Any, tmp_path: Path) -> None:
    run, out = write_stored_run(tmp_path / "run"), tmp_path / "out"
    for options, told in (
        (("--to", "jsonl", "--task", "nobody"), "fits all options"),
        (("--to", "jsonl", "--mode", "foo"), "there are: sampled"),
        (("--to", "inspect", "--solved", "solved"), "--to jsonl"),
    ):
        ended = selfchal("episodes", "export", run, out, *options)
        assert (ended.code, told in ended.err) == (2, True), ended.err
        assert not list(out.glob("*"))
    file = tmp_path / "file"
    file.touch()
    assert selfchal("episodes", "export", run, file, "--to", "jsonl").code == 2


def test_damaged_episodes_are_named_and_the_others_written(selfchal: Any, tmp_path: Path) -> None:
    run = write_stored_run(tmp_path / "run")
    database = sqlite3.connect(run / "store.sqlite")
    database.execute("UPDATE episodes SET body=x'00' WHERE purpose='train' AND position=1")
    database.commit()
    database.close()
    ended = selfchal("episodes", "export", run, tmp_path / "out", "--to", "jsonl")
    assert "Wrote 10 episodes" in ended.out
    assert "train/1/0000000001/1" in ended.err
