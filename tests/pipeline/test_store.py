from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from selfchal.core.episode import End, Episode
from selfchal.core.errors import StoreError
from selfchal.core.judge import Outcome, Verdict
from selfchal.core.model import Message
from selfchal.core.synthesizer import Proposal
from selfchal.core.task import Task
from selfchal.pipeline.store import Store

RESOLVED = {"run": {"name": "r", "seed": 0}, "rounds": 1}


def episode(task: str = "t", sample: int = 0) -> Episode:
    return Episode(
        task, sample, [Message("user", "hé\ud800")], [1, 2], [0, 1], [0.0, -0.25], end=End.ANSWER, reward=1.0
    )


def task(number: int = 0) -> Task:
    return Task(
        f"id{number}", "e", {"u": number}, "do", "def evaluate(): ...", "s", ("a", "b", "c"), {"x": 1}
    )


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    proposal = Proposal(
        0, 1, Verdict(Outcome.PASSED, "new", diagnostics={"a": 1}), task(), "raw", 2, ("fence",)
    )
    refused = Proposal(1, 1, Verdict(Outcome.FAILED, "parsed", "no tags"), environment="e")
    with Store.create(tmp_path / "run", RESOLVED) as store:
        store.put_episodes("train", "k", [episode(), episode("u", 1)])
        store.put_proposals(1, "1/0", [proposal, refused], [episode("c")])
        store.put_tasks(1, [(task(0), "train"), (task(1), "validation")])
        store.put_metrics("train 1", 1, {"reward": 0.5})
        store.put_fact("seconds", {"a": 1.5})
    with Store.read(tmp_path / "run") as store:
        assert list(store.episodes("train", "k")) == [episode(), episode("u", 1)]
        assert list(store.episodes("train", task="u")) == [episode("u", 1)]
        assert list(store.proposals(1)) == [proposal, refused]
        assert store.tasks(1, "validation") == [(task(1), "validation")]
        assert store.metrics() == [{"stage": "train 1", "step": 1, "reward": 0.5}]
        assert store.fact("seconds") == {"a": 1.5}
        assert store.manifest() == RESOLVED
        assert store.has("train", "k")
        assert not store.has("train", "other")


def test_every_row_says_which_environment_it_belongs_to(tmp_path: Path) -> None:
    with Store.create(tmp_path, RESOLVED) as store:
        store.put_episodes("train", "k", [episode(), replace(episode(), environment="e")])
        refused = Verdict(Outcome.FAILED, "parsed", "no tags")
        store.put_proposals(1, "1/0", [Proposal(0, 1, refused, environment="f")], [])
        store.put_tasks(1, [(task(), "train"), (replace(task(1), environment="g"), "train")])
    with contextlib.closing(sqlite3.connect(tmp_path / "store.sqlite")) as database:
        found = {
            table: [row[0] for row in database.execute(f"SELECT environment FROM {table} ORDER BY position")]
            for table in ("episodes", "proposals", "tasks")
        }
    assert found == {"episodes": ["", "e"], "proposals": ["f"], "tasks": ["e", "g"]}


def test_a_batch_is_stored_whole_or_not_at_all(tmp_path: Path) -> None:
    with Store.create(tmp_path, RESOLVED) as store:
        store.put_episodes("train", "k", [episode()])
        with pytest.raises(StoreError):
            store.put_episodes("train", "k", [episode("other")])  # the key is taken
        assert [e.task for e in store.episodes("train")] == ["t"]


def test_metrics_of_updates_that_are_made_again_are_forgotten(tmp_path: Path) -> None:
    with Store.create(tmp_path, RESOLVED) as store:
        for step in (1, 2, 3):
            store.put_metrics("train 1", step, {"reward": step})
        store.drop_metrics_after("train 1", 1)
        assert [row["step"] for row in store.metrics()] == [1]


def begin(directory: Path) -> None:
    """A run that stored something and stopped."""
    with Store.create(directory, RESOLVED) as store:
        store.put_episodes("evaluate", "before/sampled/000000", [episode()])


def test_a_run_is_not_overwritten(tmp_path: Path) -> None:
    begin(tmp_path)
    with pytest.raises(StoreError, match="--resume"):
        Store.create(tmp_path, RESOLVED)


def test_a_run_of_another_manifest_is_not_resumed(tmp_path: Path) -> None:
    begin(tmp_path)
    with pytest.raises(StoreError, match=r"another manifest: rounds is 1 there and 2 here"):
        Store.resume(tmp_path, {**RESOLVED, "rounds": 2})
    Store.resume(tmp_path, RESOLVED).close()


@pytest.mark.parametrize("open_again", [Store.create, Store.resume])
def test_a_start_that_failed_blocks_no_other(tmp_path: Path, open_again: Any) -> None:
    with Store.create(tmp_path, RESOLVED) as store:
        store.put_fact("secret", "of the start that failed")
    with open_again(tmp_path, {**RESOLVED, "rounds": 2}) as store:
        assert store.fact("secret") is None
        assert store.manifest()["rounds"] == 2


def test_a_start_that_was_killed_before_its_tables_were_made_blocks_no_other(tmp_path: Path) -> None:
    Store.create(tmp_path, RESOLVED).close()
    (tmp_path / "store.sqlite").write_bytes(b"")
    Store.create(tmp_path, RESOLVED).close()


def test_a_start_that_goes_on_elsewhere_is_not_overwritten(tmp_path: Path) -> None:
    with Store.create(tmp_path, RESOLVED), pytest.raises(StoreError, match="in use"):
        Store.create(tmp_path, RESOLVED)


def test_two_processes_do_not_write_one_run(tmp_path: Path) -> None:
    with Store.create(tmp_path, RESOLVED):
        with pytest.raises(StoreError, match="in use"):
            Store.resume(tmp_path, RESOLVED)
        Store.read(tmp_path).close()  # looking is allowed


def test_no_run_no_reading(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no run directory"):
        Store.read(tmp_path)


def test_a_corrupt_store_is_named(tmp_path: Path) -> None:
    Store.create(tmp_path, RESOLVED).close()
    (tmp_path / "store.sqlite").write_bytes(b"not a database" * 500)
    with pytest.raises(StoreError, match=str(tmp_path)):
        Store.resume(tmp_path, RESOLVED)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_says_so(tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").symlink_to("/dev/full")
    with pytest.raises(StoreError, match=r"No space.*free some space"):
        Store.create(tmp_path, RESOLVED)


WRITER = """
import sys
from pathlib import Path
from selfchal.core.episode import Episode
from selfchal.pipeline.store import Store
with Store.resume(Path(sys.argv[1]), {}) as store:
    n = sum(1 for _ in store.episodes("train")) // 50
    print("ready", flush=True)
    while True:
        store.put_episodes("train", f"{n:06d}", [Episode(f"{n}", i, ids=list(range(200))) for i in range(50)])
        n += 1
"""


@pytest.mark.slow
def test_killed_at_any_instant_it_holds_whole_batches_only(tmp_path: Path) -> None:
    for milliseconds in (3, 17, 41, 90, 160):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
        assert writer.stdout
        assert writer.stdout.readline() == b"ready\n"
        try:
            writer.wait(milliseconds / 1000)
        except subprocess.TimeoutExpired:
            os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        with Store.read(tmp_path) as store:
            tasks = [e.task for e in store.episodes("train")]
        batches = sorted({int(t) for t in tasks})
        assert batches == list(range(len(batches)))
        assert all(tasks.count(str(b)) == 50 for b in batches)
