"""What would stop a run here is found by `validate`, with its section and the cure, and without loading a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from selfchal.core.errors import ManifestError
from selfchal.pipeline.manifest import validate
from selfchal.pipeline.startable import check_startable
from selfchal.plugins import load_plugins
from tests.support.misbehaving import NO_PROMPT, serving

ENDPOINT = {"name": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "m"}
SOUND: dict[str, Any] = {"environment": {"name": "calculation"}, "model": ENDPOINT}


def check(**changes: Any) -> None:
    check_startable(validate(SOUND | changes, load_plugins()))


def test_a_sound_manifest_starts_and_needs_no_torch() -> None:
    loaded = "torch" in sys.modules
    with serving(NO_PROMPT) as server:
        check(model={**ENDPOINT, "base_url": server.url})
    assert loaded or "torch" not in sys.modules


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"evaluation": {"split": "nosuch"}},
            "environment 'calculation': calculation has no split 'nosuch' here",
        ),
        ({"sandbox": {"name": "unsafe-subprocess"}}, "sandbox 'unsafe-subprocess': .*allow: true"),
        (
            {"model": {**ENDPOINT, "api_key_env": "SELFCHAL_NO_SUCH_KEY"}},
            "model 'openai': api_key_env: .*not set",
        ),
        (
            {"challenger": {**ENDPOINT, "api_key_env": "SELFCHAL_NO_SUCH_KEY"}},
            "challenger 'openai': api_key_env",
        ),
        ({"environment": {"name": "retail", "data": "/no/such"}}, "environment 'retail': "),
        (
            {"challenger": {**ENDPOINT, "model": "c"}},
            "challenger 'openai': http://127.0.0.1:9/v1.* does not answer",
        ),
    ],
)
def test_each_obstacle_is_named_with_its_section(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        check(**changes)


def test_all_obstacles_are_named_at_once() -> None:
    with pytest.raises(ManifestError) as caught:
        check(evaluation={"split": "nosuch"}, sandbox={"name": "unsafe-subprocess"})
    assert "split 'nosuch'" in str(caught.value)
    assert "unsafe-subprocess" in str(caught.value)


def test_a_container_engine_that_does_not_answer_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("docker")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    with pytest.raises(ManifestError, match="sandbox 'docker': no container engine answers"):
        check(sandbox={"name": "docker"})


@pytest.mark.torch
@pytest.mark.parametrize("trainer", ["trl_dpo", "trl_kto", "trl_grpo"])
def test_trainers_of_one_process_refuse_several(monkeypatch: pytest.MonkeyPatch, trainer: str) -> None:
    pytest.importorskip("trl")
    launched(monkeypatch, WORLD_SIZE="2", RANK="0", MASTER_ADDR="127.0.0.1", MASTER_PORT="1")
    with pytest.raises(
        ManifestError, match=f"trainer '{trainer}': {trainer} trains in one process; start it without"
    ):
        check(model={"name": "seedling"}, trainer={"name": trainer})


def launched(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """As in a process that has these of the variables that launchers set."""
    for name in ("WORLD_SIZE", "RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("variables", [{}, {"RANK": "0"}, {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}])
def test_a_world_size_that_no_launcher_set_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    launched(monkeypatch, WORLD_SIZE="2", **variables)
    with pytest.raises(ManifestError, match=r"WORLD_SIZE is 2 .* or unset WORLD_SIZE to run in one process"):
        check()
