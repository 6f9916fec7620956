"""What would stop a run on other people's environments is known before it begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfchal.builtin_envs.remote.harbor import Harbor
from selfchal.builtin_envs.remote.openenv import OpenEnv
from selfchal.builtin_envs.remote.verifiers import Verifiers
from selfchal.testing.toys import ToyShelf


def test_what_is_not_on_this_machine_is_named(tmp_path: Path) -> None:
    nowhere = tmp_path / "none"
    config = Verifiers.Config(package="gsm8k", python=nowhere)
    assert Verifiers.find_obstacle(config) == f"environment.python: there is no {nowhere}"
    assert Verifiers.find_obstacle(Verifiers.Config(package="gsm8k", path=tmp_path)) == ""
    assert "there is no folder" in Harbor.find_obstacle(Harbor.Config(tasks=nowhere))
    assert Harbor.find_obstacle(Harbor.Config(tasks=tmp_path)) == ""


def test_an_engine_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("docker", reason="needs the extra docker")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    assert "no container engine answers" in Harbor.find_unreachable(Harbor.Config(tasks=tmp_path))


def test_a_server_that_does_not_answer_is_named() -> None:
    pytest.importorskip("websockets", reason="needs the extra openenv")
    from tests.support.openenv_server import serving

    with serving(ToyShelf(ToyShelf.Config())) as url:
        config = OpenEnv.Config(url=url)
        assert OpenEnv.find_unreachable(config) == ""
    assert "no OpenEnv server answers" in OpenEnv.find_unreachable(config)
