"""A path at which there is nothing: what was looked for, and the nearest file, run or example."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfchal.core.errors import ManifestError, SelfchalError, StoreError
from selfchal.pipeline.manifest import read_manifest
from selfchal.pipeline.missing import find_nearest, is_manifest
from selfchal.pipeline.sources import read_lines
from selfchal.pipeline.store import Store, is_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "configs").mkdir()
    for name in ("small.yaml", "smell.txt", "large.toml"):
        (tmp_path / "configs" / name).write_text("")
    with Store.create(tmp_path / "runs" / "first", {"run": {"name": "first"}}):
        pass
    (tmp_path / "runs" / "furst").mkdir()
    return tmp_path


def test_folders_and_names_are_matched_and_only_what_was_wanted(folder: Path) -> None:
    assert find_nearest(folder / "confgs" / "smal.yml", is_manifest) == folder / "configs" / "small.yaml"
    assert find_nearest(folder / "configs" / "larg.toml", is_manifest) == folder / "configs" / "large.toml"
    assert find_nearest(folder / "configs" / "smell.tx", is_manifest) is None
    assert find_nearest(folder / "runs" / "furst", is_run) == folder / "runs" / "first"
    assert find_nearest(folder / "elsewhere" / "x", Path.is_file) is None


def test_a_relative_path_stays_relative(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert find_nearest(Path("confgs/smal.yaml"), is_manifest) == Path("configs/small.yaml")


def test_every_reader_says_what_it_looked_for(folder: Path) -> None:
    small, first = folder / "configs" / "small.yaml", folder / "runs" / "first"
    said = _read_error(read_manifest, folder / "configs" / "smal.yaml", ManifestError)
    assert said.endswith(f"there is no manifest '{folder}/configs/smal.yaml'; did you mean {small}?")
    assert _read_error(Store.read, folder / "runs" / "frst", StoreError).endswith(f"did you mean {first}?")
    said = _read_error(read_lines, folder / "configs" / "smell.text", ManifestError)
    assert said.startswith("there is no file of tasks")
    assert said.endswith("configs/smell.txt?")
    assert "is a directory; name" in _read_error(read_manifest, folder / "configs", ManifestError)


def test_where_a_manifest_would_do_the_nearest_example_is_named(tmp_path: Path) -> None:
    said = _read_error(read_manifest, tmp_path / "quikstart.yaml", ManifestError)
    assert said.endswith("the example 'quickstart' (selfchal examples quickstart --out FILE)?")
    said = _read_error(read_manifest, tmp_path / "paper" / "retail_grp.yaml", ManifestError)
    assert "the example 'paper/retail_grpo'" in said
    said = _read_error(read_manifest, tmp_path / "zzz.yaml", ManifestError)
    assert said.endswith("zzz.yaml'. See `selfchal examples`")


def _read_error(read: object, path: Path, kind: type[SelfchalError]) -> str:
    with pytest.raises(kind) as raised:
        read(path)  # type: ignore[operator]  # any of the readers
    assert "Errno" not in str(raised.value)
    return str(raised.value)
