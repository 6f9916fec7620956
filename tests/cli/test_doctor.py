"""``selfchal doctor`` says what goes on this system, and what to do about what does not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from selfchal.core.errors import StoreError
from selfchal.pipeline.run_lock import check_lockable
from tests.cli.conftest import Selfchal

MANIFEST = """
environment: {name: calculation}
model: {name: openai, base_url: "http://127.0.0.1:9/v1", model: m, retries: 0}
evaluation: {tasks: 4}
"""
MODULES = ("torch", "transformers", "trl", "peft", "docker")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a manifest, where the light base alone is installed."""
    for module in MODULES:
        monkeypatch.setitem(sys.modules, module, None)  # what is compiled for Linux knows no other system
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(MANIFEST)
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("platform", "says"),
    [
        ("linux", ("Everything can work here", "sandbox    process: tier")),
        ("darwin", ("sandbox docker (Docker Desktop", "Agents act", "macOS is not tested", "Containerfile")),
        (
            "win32",
            ("cannot be made on Windows itself", "Use WSL 2", "Windows is not tested", "Containerfile"),
        ),
        ("freebsd14", ("not known to selfchal", "Containerfile")),
    ],
)
def test_each_system_is_told_what_works(
    selfchal: Selfchal, monkeypatch: pytest.MonkeyPatch, platform: str, says: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    ended = selfchal("doctor")
    assert ended.code == 0
    for words in says:
        assert words in ended.out
    if platform != "linux":
        assert "sandbox    process: not here. no safe embedded sandbox on this machine" in ended.out


@pytest.mark.usefixtures("folder")
def test_models_and_trainers_that_lack_packages_are_named(selfchal: Selfchal) -> None:
    lines = selfchal("doctor").out.splitlines()
    assert "models     ready: openai" in lines
    assert "models     not ready, for want of packages (see extra): seedling, transformers, vllm" in lines
    assert "trainers   ready: none" in lines


def test_a_run_without_linux_says_so_and_what_to_use(
    selfchal: Selfchal, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    for command in ("validate", "run"):
        ended = selfchal(command, "m.yaml")
        assert ended.code == 2
        assert "it needs Linux on x86-64 or aarch64" in ended.err
        assert "Use sandbox 'docker'" in ended.err
        assert "its container" in ended.err
    assert [path.name for path in folder.iterdir()] == ["m.yaml"]


def test_on_windows_a_run_says_where_it_can_be_made(
    selfchal: Selfchal, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "resource", None)
    with pytest.raises(StoreError, match="use WSL 2, which is Linux, or the container"):
        check_lockable()
    ended = selfchal("run", "m.yaml")
    assert (ended.code, "a run cannot be made on Windows itself" in ended.err) == (2, True)
    assert [path.name for path in folder.iterdir()] == ["m.yaml"]


@pytest.mark.usefixtures("folder")
def test_agents_act_in_monty_on_any_system(selfchal: Selfchal, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pydantic_monty")
    monkeypatch.setattr(sys, "platform", "darwin")
    ended = selfchal("eval", "m.yaml", "--policy", "oracle", "--set", "sandbox.name=monty")
    assert (ended.code, "pass@1 100.0 %" in ended.out) == (0, True)


@pytest.mark.usefixtures("folder")
def test_a_check_that_monty_cannot_make_is_refused_at_validation(selfchal: Selfchal) -> None:
    pytest.importorskip("pydantic_monty")
    ended = selfchal("validate", "m.yaml", "--set", "sandbox.name=monty")
    assert (ended.code, "the check 'strength' cannot be made in it" in ended.err) == (2, True)
    off = "--set=checks=[{name: strength, enabled: false}]"
    assert selfchal("validate", "m.yaml", "--set", "sandbox.name=monty", off).code == 0


@pytest.mark.usefixtures("folder")
def test_an_engine_is_tried_and_each_rule_told(selfchal: Selfchal) -> None:
    ended = selfchal("doctor", "m.yaml", "--engine", "local")
    assert ended.code == 0
    assert "kept       plays every order as it is played here" in ended.out
    assert "broken" not in ended.out


@pytest.mark.usefixtures("folder")
def test_an_engine_that_there_is_not_is_named(selfchal: Selfchal) -> None:
    ended = selfchal("doctor", "--engine", "slurm")
    assert ended.code == 2
    assert "no engine named 'slurm'" in ended.err
