"""What a list says of runs: under way, stopped, failed, unreadable."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from selfchal.browsing.runs import Status, describe_run, summarise_run
from selfchal.browsing.source import open_source, read_change
from selfchal.pipeline.failure import noting_failure
from selfchal.pipeline.run_lock import LOCK, is_locked
from selfchal.pipeline.store import Store
from tests.support.stored_run import MANIFEST

LONG_AGO = time.time() - 86_400


def make_old(run: Path) -> None:
    for name in ("store.sqlite", "store.sqlite-wal"):
        if (run / name).exists():
            os.utime(run / name, (LONG_AGO, LONG_AGO))


def test_a_run_that_waits_long_is_running_as_long_as_its_process_lives(run: Path) -> None:
    with Store.resume(run, MANIFEST):
        make_old(run)
        assert summarise_run(run).status is Status.RUNNING
    assert summarise_run(run).status is Status.STOPPED, "it stored something a moment ago, and is dead"


def test_looking_changes_nothing_and_keeps_nobody_out(run: Path) -> None:
    names = sorted(path.name for path in run.iterdir())
    assert is_locked(run) is False
    with Store.resume(run, MANIFEST):
        assert is_locked(run) is True
    (run / LOCK).unlink()
    assert summarise_run(run).status is Status.STOPPED
    assert LOCK not in {path.name for path in run.iterdir()}
    assert {path.name for path in run.iterdir()} - {"store.sqlite-wal", "store.sqlite-shm"} < set(names)


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_a_lock_that_is_none_is_not_waited_for(run: Path, kind: str) -> None:
    (run / LOCK).unlink()
    if kind == "pipe":
        os.mkfifo(run / LOCK)
    elif kind == "link":
        (run / LOCK).symlink_to(run / "manifest.yaml")
    else:
        (run / LOCK).mkdir()
    assert summarise_run(run).status in (Status.RUNNING, Status.STOPPED)


def test_without_locks_silence_alone_tells(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selfchal.pipeline.run_lock.find_spec", lambda name: None)
    assert summarise_run(run).status is Status.RUNNING
    make_old(run)
    assert summarise_run(run).status is Status.SILENT


def test_a_reader_stores_nothing(run: Path) -> None:
    make_old(run)
    before = read_change(run)
    with open_source(run) as source:
        assert source.count_episodes()
        assert read_change(run) == before
        assert summarise_run(run).written == pytest.approx(LONG_AGO)
    (run / "store.sqlite-wal").touch()
    assert summarise_run(run).written == pytest.approx(LONG_AGO)
    assert read_change(run) == before


def test_what_is_in_the_write_ahead_log_was_stored(run: Path) -> None:
    with Store.resume(run, MANIFEST) as store:
        make_old(run)
        store.put_fact("stage", "train 1")
        assert summarise_run(run).written > LONG_AGO + 60


@pytest.mark.parametrize("name", ["store.sqlite", "manifest.yaml", "results.json"])
def test_a_damaged_run_is_unreadable_and_says_why(run: Path, name: str) -> None:
    (run / name).write_text("[1, 2" if name != "manifest.yaml" else "- no\n- mapping\n")
    summary = summarise_run(run)
    row = describe_run(summary)
    assert row["status"] == "unreadable"
    assert row["error"] == summary.fault != ""
    assert summary.short_error


def test_an_error_in_a_list_is_one_short_line(run: Path) -> None:
    with Store.resume(run, MANIFEST) as store, pytest.raises(ValueError, match="x"), noting_failure(store):
        raise ValueError("x" * 500 + "\nsecond line")
    summary = summarise_run(run)
    assert summary.status is Status.FAILED
    assert summary.short_error.startswith("ValueError: xxx")
    assert len(summary.short_error) < 210
    assert "second line" in summary.error


@pytest.mark.parametrize(
    ("stage", "rate"), [("evaluate before", None), ("challenge 1", 0.5), ("evaluate after", 0.5)]
)
def test_before_is_shown_once_its_stage_has_ended(run: Path, stage: str, rate: float | None) -> None:
    with Store.resume(run, MANIFEST) as store:
        store.put_fact("stage", stage)
    assert describe_run(summarise_run(run))["before"] == rate
