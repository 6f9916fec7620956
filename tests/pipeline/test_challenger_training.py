"""The challenger is trained for real: the shipped model, its own proposals, the judge, the trainer."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfchal.core.errors import ManifestError
from selfchal.core.hookspecs import hookimpl
from selfchal.pipeline.context import SECRET
from selfchal.pipeline.loop import run
from selfchal.pipeline.manifest import Manifest, validate
from selfchal.pipeline.store import Store
from selfchal.pipeline.watch import Watchers
from selfchal.plugins import load_plugins

pytestmark = pytest.mark.torch

ROWS = {
    "environment": {"name": "calculation"},
    "model": {"name": "seedling"},
    "trainer": {
        "name": "grpo", "steps": 2, "tasks_per_step": 2, "group_size": 8, "checkpoint_every": 1,
        "learning_rate": 4e-4, "validation_samples": 1,
    },
    "synthesizer": {"name": "code_as_task", "revisions": 0},
    "challenge": {"tasks": 100, "proposals": 32},
    "rollout": {"batch": 32, "max_steps": 4, "max_tokens": 64, "challenge_tokens": 256},
    "evaluation": {"samples": 1, "tasks": 4, "baselines": False},
    "curriculum": {"validation": 0.0, "band_samples": 4, "train_challenger": True},
}  # fmt: skip


class Killed(BaseException):
    pass


class Killer:
    """Kills the run when the challenger's first update is reported."""

    @hookimpl
    def update_finished(self) -> None:
        raise Killed


def manifest() -> Manifest:
    return validate(ROWS, load_plugins())


def weights(directory: Path, name: str) -> bytes:
    return next((directory / "checkpoints" / name / "final").glob("*.safetensors")).read_bytes()


@pytest.mark.slow
def test_the_challenger_learns_from_its_proposals_and_a_killed_run_goes_on(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    with Store.create(whole, manifest().resolved()) as store:
        store.put_fact(SECRET, "the same for both")
        run(manifest(), store, Watchers())
        rows = [row for row in store.metrics() if row["stage"] == "train challenger 1"]
        contexts = [proposal.task.context for proposal in store.proposals(1) if proposal.task]
    assert [row["step"] for row in rows] == [1, 2], "32 proposals are four groups of eight, two an update"
    assert all(0 <= row["reward"] <= 1 for row in rows)
    assert any(0 < row["reward"] < 1 for row in rows)
    assert contexts
    assert weights(whole, "round_1_challenger") != weights(whole, "round_1")

    killed = Watchers()
    killed.add(Killer(), "this test")
    with Store.create(cut, manifest().resolved()) as store:
        store.put_fact(SECRET, "the same for both")
        with pytest.raises(Killed):
            run(manifest(), store, killed)
    assert not (cut / "checkpoints" / "round_1_challenger" / "final").exists()
    with Store.resume(cut, manifest().resolved()) as store:
        run(manifest(), store, Watchers())
    for name in ("round_1_challenger", "round_1"):
        assert weights(cut, name) == weights(whole, name), name


def test_another_model_as_challenger_is_not_trained() -> None:
    rows = {**ROWS, "challenger": {"name": "seedling"}}
    with pytest.raises(ManifestError, match="train_challenger"):
        validate(rows, load_plugins())
