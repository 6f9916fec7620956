"""What is seen of a state, and the leaves that differ."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from selfchal.builtin_envs.mcp.disk import PrivateCopy, load, snapshot_of
from selfchal.builtin_envs.mcp.snapshot import drop_ignored, find_changes
from selfchal.builtin_envs.mcp.views import view_file
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Change, Json


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({"a": 1}, {"a": 2}, [Change(("a",), 1, 2)]),
        ({"a": 1}, {"a": 1.0}, [Change(("a",), 1, 1.0)]),
        ({}, {"a": None}, [Change(("a",), None, None)]),
        ([{"name": "x", "n": 1}, {"name": "y"}], [{"name": "y"}], [Change(("x",), {"name": "x", "n": 1}, None)]),
        ([{"id": 7, "n": 1}], [{"id": 6}, {"id": 7, "n": 2}], [Change(("6",), None, {"id": 6}), Change(("7", "n"), 1, 2)]),
        (["a", "b"], ["b"], [Change(("a",), "a", None)]),
        (["a", "b"], ["b", "a"], [Change(("order",), ["a", "b"], ["b", "a"])]),
        (["a"], ["a", "a"], [Change(("a#2",), None, "a")]),
        ({"a": [1]}, {"a": {"1": 1}}, [Change(("a",), [1], {"1": 1})]),
        ({"a": {"b": [True]}}, {"a": {"b": [True]}}, []),
    ],
)  # fmt: skip
def test_the_leaves_that_differ(before: Json, after: Json, changes: list[Change]) -> None:
    assert list(find_changes(before, after)) == changes


def test_parts_that_do_not_count_are_left_out() -> None:
    view = {"a.json": {"calls": [1], "db": {"x": 1}}, "b": [{"id": "p", "time": 3}]}
    assert drop_ignored(view, ["*/calls", "b/*/time"]) == {"a.json": {"db": {"x": 1}}, "b": [{"id": "p"}]}


def test_a_file_is_seen_as_what_it_holds() -> None:
    assert view_file(b'{"a": 1}', "x.txt") == {"a": 1}
    assert view_file(b'{"a": 1}\n{"b": 2}\n', "x.jsonl") == [{"a": 1}, {"b": 2}]
    assert view_file(b"12", "x.txt") == "12"
    assert view_file(b"two\nlines", "x") == "two\nlines"
    assert view_file(b"\xff\xfe", "x")["bytes"] == 2


def test_a_database_is_seen_row_by_row_with_what_its_log_holds(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    database = sqlite3.connect(path)
    database.execute("pragma journal_mode = wal")
    database.execute("create table t (a text, b blob)")
    database.execute("insert into t values ('x', x'00')")
    database.commit()
    content = load(path, is_file=True)
    assert content["-wal"]
    view = snapshot_of(content, "x.db", True, ()).view
    assert view["t"]["rows"]["1"]["a"] == "x"
    database.close()


def test_a_copy_is_brought_back_by_writing_what_differs_and_sees_a_change_of_the_same_size(
    tmp_path: Path,
) -> None:
    copy = PrivateCopy(tmp_path / "root", is_file=False)
    copy.path.mkdir()
    one = {"a": b"\x00directory", "a/x": b"1", "y": b"2"}
    copy.write(one)
    times = (copy.path / "y").stat().st_mtime_ns
    for text in ("3", "4", "5"):  # faster than the clock of the file system ticks
        (copy.path / "a" / "x").write_text(text)
        assert copy.read() == one | {"a/x": text.encode()}
    copy.write({"y": b"2"})
    assert sorted(path.name for path in copy.path.rglob("*")) == ["y"]
    copy.write(one)
    assert copy.read() == one
    assert (copy.path / "y").stat().st_mtime_ns == times


def test_a_file_may_become_a_directory_or_a_link_and_back(tmp_path: Path) -> None:
    copy = PrivateCopy(tmp_path / "root", is_file=False)
    copy.path.mkdir()
    states = [
        {"x": b"1"},
        {"x": b"\x00directory", "x/y": b"2"},
        {"x": b"\x00link nowhere"},
        {"x": b"\x00directory"},
        {"x": b"1"},
    ]
    for content in states:
        copy.write(content)
        assert PrivateCopy(copy.path, is_file=False).read() == content


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentDataError, match="is no directory: make it"):
        load(tmp_path / "none", is_file=False)
    with pytest.raises(EnvironmentDataError, match="declare it as directory"):
        load(tmp_path, is_file=True)
