from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from selfchal.builtin_watchers import metrics_file
from tests.builtin_watchers.watched import watch_by


def rows_of(directory: Path) -> list[tuple[str, int]]:
    rows = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    return [(row["stage"], row["step"]) for row in rows]


def test_every_update_is_a_line_and_those_that_are_made_again_stand_once(tmp_path: Path) -> None:
    watch, _, _ = watch_by(metrics_file, tmp_path)
    watch.updates_discarded("train 1", 0)  # there is no file yet
    for step in (1, 2, 3):
        watch.update_finished("train 1", step, {"reward": step / 4})
    watch.update_finished("train 2", 1, {})
    watch.updates_discarded("train 1", 1)
    watch.update_finished("train 1", 2, {"reward": 0.5})
    assert rows_of(tmp_path) == [("train 1", 1), ("train 2", 1), ("train 1", 2)]


def test_a_line_that_a_kill_cut_short_is_dropped_when_the_run_goes_on(tmp_path: Path) -> None:
    watch, watchers, run = watch_by(metrics_file, tmp_path)
    watch.update_finished("train 1", 1, {"reward": 0.5})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"stage": "train 1", "st')
    watchers.tell("run_started", run)
    watch.update_finished("train 1", 2, {})
    assert rows_of(tmp_path) == [("train 1", 1), ("train 1", 2)]


def test_no_room_for_metrics_is_said_once_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch, _, _ = watch_by(metrics_file, tmp_path / "missing")
    with caplog.at_level(logging.WARNING):
        watch.update_finished("train 1", 1, {})
        watch.update_finished("train 1", 2, {})
    (said,) = caplog.messages
    assert "update_finished raised FileNotFoundError" in said
    assert "left out now" in said
