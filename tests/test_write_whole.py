"""What is written is there whole or not at all, and nobody writes such a thing in a way of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from selfchal.core.errors import StoreError
from selfchal.write_whole import write_whole

ROOT = Path(__file__).parents[1]


class KilledError(Exception):
    pass


def make_folder(words: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "words").write_text(words)

    return write


def cut_folder_short(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "words").write_text("ha")
    raise KilledError


def cut_file_short(file: Path) -> None:
    file.write_text("ha")
    raise KilledError


def test_a_file_that_is_cut_short_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_whole(path, lambda part: part.write_text("first"))
    with pytest.raises(KilledError):
        write_whole(path, cut_file_short)
    assert path.read_text() == "first"
    write_whole(path, lambda part: part.write_text("second"))
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("page.html", "second")]


def test_a_directory_that_is_cut_short_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "step_1"
    write_whole(path, make_folder("first"))
    with pytest.raises(KilledError):
        write_whole(path, cut_folder_short)
    assert (path / "words").read_text() == "first"
    write_whole(path, make_folder("second"))
    assert (path / "words").read_text() == "second"
    assert [folder.name for folder in path.parent.iterdir()] == ["step_1"]


def test_what_cannot_be_written_says_where_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        StoreError, match=r"cannot write .*file/page.*; free some space, then go on with --resume"
    ):
        write_whole(tmp_path / "file" / "page", lambda part: part.write_text("x"))
    with pytest.raises(StoreError, match="choose another"):
        write_whole(tmp_path / "file" / "page", lambda part: part.write_text("x"), "choose another")


def test_only_the_helper_names_half_written_files() -> None:
    sources = [path for room in ("selfchal", "benchmarks", "scripts") for path in (ROOT / room).rglob("*.py")]
    assert sources
    naming = {path.name for path in sources if '.part"' in path.read_text(encoding="utf-8")}
    assert naming == {"write_whole.py"}
