"""What travels to a machine without a network: whole or named as broken, for its Python, and no more than it lacks."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.script import load_script


@pytest.fixture(scope="module")
def script() -> Any:
    return load_script("collect_for_gpu")


@pytest.fixture(scope="module")
def installer() -> Any:
    return load_script("install_collected")


def write_wheel(directory: Path, name: str, needs: Sequence[str] = ()) -> Path:
    """A package of one module that says its name."""
    directory.mkdir(exist_ok=True)
    wheel, info = directory / f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
    needed = "".join(f"Requires-Dist: {other}\n" for other in needs)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}.py", f"NAME = {name!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needed}")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def write_content(folder: Path) -> Path:
    write_wheel(folder / "wheels", "carried", needs=["needed"])
    write_wheel(folder / "wheels", "needed")
    (folder / "files").mkdir()
    (folder / "files" / "weights.bin").write_bytes(bytes(range(256)) * 400)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_pieces_are_small_and_give_the_folder_again(script: Any, installer: Any, tmp_path: Path) -> None:
    (tmp_path / "content").mkdir()
    content, out = write_content(tmp_path / "content"), tmp_path / "out"
    pieces = script.write_pieces(content, out, piece_bytes=10_000)
    assert len(pieces) > 10
    assert max(piece.stat().st_size for piece in pieces) == 10_000
    assert installer.find_broken(out) == []
    travelled = set(out.iterdir())
    installer.unpack(out)
    given = {path: data for path, data in files_of(out).items() if out / path not in travelled}
    assert given == files_of(content)


def test_a_piece_that_is_missing_or_damaged_is_named(script: Any, tmp_path: Path) -> None:
    (tmp_path / "content").mkdir()
    out = tmp_path / "out"
    pieces = script.write_pieces(write_content(tmp_path / "content"), out, piece_bytes=10_000)
    pieces[1].unlink()
    data = pieces[3].read_bytes()
    pieces[3].write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    done = subprocess.run([sys.executable, out / "install.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "piece-0001 is missing: copy it too",
        "piece-0003 differs from its checksum: copy it again",
    ]


@pytest.mark.slow
def test_the_wheels_are_installed_without_a_network(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "content").mkdir()
    out = tmp_path / "out"
    script.write_pieces(write_content(tmp_path / "content"), out, piece_bytes=10_000)
    venv.create(tmp_path / "bare", with_pip=True)
    python = tmp_path / "bare" / "bin" / "python"
    # No index answers here, so nothing can come from anywhere else.
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    subprocess.run([python, out / "install.py"], check=True)
    code = "import carried, needed; print(carried.NAME, needed.NAME)"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["carried", "needed"]


def test_what_the_machine_has_is_not_collected(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    for name, needs in {"wanted": ["big-one>=2", "small"], "small": [], "big_one": ["huge"]}.items():
        write_wheel(index, name, needs)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    installed = script.read_installed("Big.One==2.11.0+cu130\n\npip==25.0\n")
    target = tmp_path / "wheels"
    script.download(["wanted"], installed, target, "3.12", script.list_platforms("2.28", "x86_64"))
    assert sorted(wheel.name.partition("-")[0] for wheel in target.iterdir()) == ["small", "wanted"]


def test_a_package_without_a_version_is_refused(script: Any) -> None:
    with pytest.raises(ValueError, match=r"'torch @ file:///torch.whl' gives no version"):
        script.read_installed("numpy==2.2.0\ntorch @ file:///torch.whl\n")


def test_wheels_of_older_systems_are_taken_too(script: Any) -> None:
    platforms = script.list_platforms("2.28", "aarch64")
    assert platforms[0] == "manylinux_2_28_aarch64"
    assert {"manylinux_2_17_aarch64", "manylinux2014_aarch64", "linux_aarch64"} <= set(platforms)
    assert "manylinux_2_29_aarch64" not in platforms
