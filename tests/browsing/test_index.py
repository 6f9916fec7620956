"""The index follows the store: while a run goes on, after a kill, and where a run came from elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfchal.browsing.addresses import Address
from selfchal.browsing.episodes import list_group, read_episode
from selfchal.browsing.filters import EpisodeFilter
from selfchal.browsing.index import open_index
from selfchal.browsing.listing import list_episodes
from selfchal.browsing.pairs import PairFilter, count_changes, find_pair, list_pairs
from selfchal.browsing.proposals import read_proposal
from selfchal.browsing.schema import INDEX
from selfchal.core.errors import StoreError
from selfchal.pipeline.store import Store
from tests.support.stored_run import MANIFEST, make_episode, write_stored_run


def count(directory: Path, **wanted: str) -> int:
    with open_index(directory) as index:
        assert index.catch_up()
        return len(list_episodes(index, EpisodeFilter(**wanted), count=1000).rows)


def test_what_a_run_stores_meanwhile_is_found_and_the_run_is_not_held_up(run: Path) -> None:
    with Store.resume(run, MANIFEST) as store, open_index(run) as index:
        assert index.catch_up()
        store.put_episodes("train", "1/0000000002", [make_episode("t0", "print(later)", 1.0)])
        assert list_episodes(index, EpisodeFilter(text="later")).rows == []
        assert index.catch_up()
        store.put_episodes("train", "1/0000000003", [make_episode("t0", "print(last)", 1.0)])
        assert len(list_episodes(index, EpisodeFilter(text="later")).rows) == 1
    assert count(run, stage="train 1") == 6


def test_indexing_may_be_stopped_and_gone_on_with(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selfchal.browsing.index.ROWS", 2)
    rounds = 0
    with open_index(run) as index:
        while not index.catch_up(-1.0):
            rounds += 1
            assert index.count_indexed()[1] == 11
    assert rounds > 4
    assert count(run) == 11


def test_episodes_that_were_played_again_take_the_place_of_the_unjudged(run: Path) -> None:
    assert count(run, solved="unjudged") == 1
    with Store.resume(run, MANIFEST) as store:
        again = [make_episode("one", "print(delta)", 1.0), make_episode("two", "print(again)", 0.0)]
        store.replace_episodes("evaluate", "after/sampled/000000", again)
    assert count(run, solved="unjudged") == 0
    assert count(run, text="again") == 1
    assert count(run) == 11
    with open_index(run) as index:
        assert count_changes(index) == {
            ("sampled", "failed", "solved"): 1, ("sampled", "solved", "failed"): 1}  # fmt: skip
        row = index.ask("SELECT * FROM stages WHERE stage='evaluate after'")[0]
        assert (row["episodes"], row["solved"], row["failed"], row["unjudged"], row["sampled"]) == (
            2,
            1,
            1,
            0,
            10,
        )


def test_another_run_in_the_same_directory_is_indexed_anew(run: Path) -> None:
    assert count(run) == 11
    for name in ("store.sqlite", "manifest.yaml"):
        (run / name).unlink()
    with Store.create(run, MANIFEST) as store:
        store.put_fact("secret", "another")
        store.put_episodes("train", "1/0000000001", [make_episode("x", "print(new)", 1.0)])
    assert count(run) == 1
    assert count(run, text="gamma") == 0


def test_an_index_that_is_none_is_made_anew_and_a_link_is_not_followed(run: Path, tmp_path: Path) -> None:
    (run / INDEX).write_text("no database at all" * 100)
    assert count(run) == 11
    victim = tmp_path / "victim.sqlite"
    database = sqlite3.connect(victim)
    database.execute("CREATE TABLE mine (x)")
    database.close()
    before = victim.read_bytes()
    (run / INDEX).unlink()
    (run / INDEX).symlink_to(victim)
    assert count(run) == 11
    assert victim.read_bytes() == before
    assert stat.S_IMODE((run / INDEX).stat().st_mode) == 0o600


@contextlib.contextmanager
def mounted_read_only(directory: Path, at: Path) -> Iterator[None]:
    """The directory once more, where not even root can write; skips where that cannot be had."""
    at.mkdir()
    commands = [["mount", "--bind", str(directory), str(at)], ["mount", "-o", "remount,ro,bind", str(at)]]
    try:
        for command in commands:
            if subprocess.run(command, capture_output=True, check=False).returncode:
                pytest.skip("a read-only mount takes root's rights")
        yield
    finally:
        subprocess.run(["umount", str(at)], capture_output=True, check=False)


def test_a_run_that_cannot_be_written_is_read_all_the_same(run: Path, tmp_path: Path) -> None:
    with mounted_read_only(run, tmp_path / "ro"):
        assert count(tmp_path / "ro") == 11
        assert not (run / INDEX).exists()
        with open_index(tmp_path / "ro", tmp_path / "spare") as index:
            assert index.catch_up()
        assert (tmp_path / "spare" / INDEX).exists()


@pytest.mark.parametrize("name", ["a?mode=rw#b %41", os.fsdecode(b"no utf-8 \xff")], ids=["signs", "bytes"])
def test_a_directory_with_an_odd_name_is_read(tmp_path: Path, name: str) -> None:
    assert count(write_stored_run(tmp_path / name)) == 11


def test_a_damaged_store_neither_raises_nor_hides_the_rest(run: Path) -> None:
    database = sqlite3.connect(run / "store.sqlite")
    bodies = [b"", b"no zlib", zlib.compress(b"[1]"), zlib.compress(b"{}"), zlib.compress(b"[" * 100_000),
              zlib.compress(b'{"mask": ["x"], "messages": 3, "end": 1, "steps": 1, "tool_calls": 0, "seconds": 1}')]  # fmt: skip
    for i, body in enumerate(bodies):
        row = (
            "train",
            "1/0000000009",
            i,
            "odd\ud800".encode("utf-8", "replace").decode(),
            0,
            "high",
            "e",
            body,
        )
        database.execute("INSERT INTO episodes VALUES (?,?,?,?,?,?,?,?)", row)
    database.commit()
    database.close()
    assert count(run, end="unreadable") == len(bodies)
    assert count(run) == 11 + len(bodies)
    with open_index(run) as index, pytest.raises(StoreError, match="is damaged or too large"):
        read_episode(index, Address("train", "1/0000000009", 0))


ODD = "\ud800"  # half of a pair: JSON may hold it, and no encoding writes it


@pytest.mark.parametrize("value", [None, 3, 1e999, ODD, [], {}, {"a": ODD}, 10**30, True])
def test_parts_of_any_type_are_indexed(tmp_path: Path, value: object) -> None:
    """A stranger's store holds whatever JSON can say, wherever we look for a text or a number."""
    run = write_stored_run(tmp_path / "run")
    proposal = {"verdict": value, "task": value, "raw": value, "revisions": value}
    episode = dict.fromkeys(("mask", "messages", "end", "steps", "tool_calls", "seconds"), value)
    counts = dict.fromkeys(("steps", "tool_calls", "seconds"), value)
    counted = {**make_episode("x", "y", 1.0).to_json(), **counts}
    whole = {
        **make_episode("x", "y", 1.0).to_json(),
        "end": value,
        "messages": [{"role": value, "content": value}],
    }
    verdicts = {"verdict": {"reason": value, "check": value}, "task": {"id": value, "instruction": value}}
    database = sqlite3.connect(run / "store.sqlite")
    facts = {"secret": value, "test_tasks": {ODD: {"family": value, "instruction": value}, "z": value}}
    for key, fact in facts.items():
        database.execute("INSERT OR REPLACE INTO facts VALUES (?,?)", (key, json.dumps(fact)))
    for i, body in enumerate((episode, whole, counted)):
        row = ("train", "1/odd", i, "odd", 0, 1.0, "e", zlib.compress(json.dumps(body).encode()))
        database.execute("INSERT INTO episodes VALUES (?,?,?,?,?,?,?,?)", row)
    for i, body in enumerate((proposal, verdicts)):
        packed = zlib.compress(json.dumps(body).encode())
        database.execute("INSERT INTO proposals VALUES (9, ?, 'strong', 'failed', 'e', ?)", (i, packed))
    database.commit()
    database.close()
    assert count(run) == 14
    with open_index(run) as index:
        for i in range(3):
            with contextlib.suppress(StoreError):
                assert isinstance(read_episode(index, Address("train", "1/odd", i)).steps, int)
        for i in range(2):
            with contextlib.suppress(StoreError):
                assert isinstance(read_proposal(index, 9, i).revisions, int)


def test_groups_and_pairs_are_found_from_one_of_them(run: Path) -> None:
    with open_index(run) as index:
        index.catch_up()
        group = list_group(index, Address("train", "1/0000000001", 2))
        assert [row.sample for row in group] == [0, 1, 2, 3]
        pair = find_pair(index, Address("evaluate", "after/sampled/000000", 0))
        assert pair is not None
        assert pair.before is not None
        assert str(pair.before.address) == "evaluate/before/sampled/000000/0"
        assert [each.task for each in list_pairs(index, PairFilter(before="failed", after="solved"))[0]] == [
            "one"
        ]
        assert find_pair(index, Address("train", "1/0000000001", 2)) is None
        first, following = list_pairs(index, PairFilter(), count=1)
        second, end = list_pairs(index, PairFilter(), following or 0, count=1)
        assert ([p.task for p in first + second], end) == (["one", "two"], None)


def test_a_copied_run_keeps_its_index(run: Path, tmp_path: Path) -> None:
    assert count(run) == 11
    copy = shutil.copytree(run, tmp_path / "copy")
    with open_index(copy) as index:
        assert len(list_episodes(index, EpisodeFilter()).rows) == 11  # before it catches up
        assert index.catch_up()
        assert len(list_episodes(index, EpisodeFilter()).rows) == 11


def test_a_directory_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is no run directory"), open_index(tmp_path):
        pass
