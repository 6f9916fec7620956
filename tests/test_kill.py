"""kill -9 at random instants, then --resume: the run ends as one that nobody disturbed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from selfchal.pipeline.context import SECRET
from selfchal.pipeline.manifest import read_manifest, validate
from selfchal.pipeline.store import Store
from selfchal.plugins import load_plugins
from tests.support.fuzz import FACTOR

pytestmark = pytest.mark.torch

ROOT = Path(__file__).parents[1]
SMALL = [
    "challenge.proposals=128",
    "challenge.tasks=24",
    "trainer.steps=4",
    "rollout.batch=64",
    "evaluation.tasks=16",
    "evaluation.baselines=false",
]
KILLS = 4 if FACTOR <= 1 else 10


def prepare(directory: Path) -> None:
    """A run that has just begun. Its secret is not drawn, so that two of them judge alike."""
    manifest = validate(read_manifest(ROOT / "examples" / "quickstart.yaml", SMALL), load_plugins())
    with Store.create(directory, manifest.resolved()) as store:
        store.put_fact(SECRET, "the same for both")
        # A run without a batch would be begun anew, with a secret of its own.
        store.put_episodes("begun", "", [])


def start(directory: Path) -> subprocess.Popen[bytes]:
    program = [sys.executable, "-m", "selfchal", "run", str(ROOT / "examples" / "quickstart.yaml")]
    options = [f"--set={change}" for change in SMALL]
    return subprocess.Popen(
        [*program, *options, f"--out={directory}", "--resume"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=280)
    assert process.returncode == 0, errors.decode()


def outcome(directory: Path) -> dict[str, Any]:
    weights = sorted((directory / "checkpoints" / "round_1" / "final").glob("*.safetensors"))
    with Store.read(directory) as store:
        return {
            "secret": store.fact(SECRET),
            "kept": store.tasks(),
            "proposals": [proposal.to_json() for proposal in store.proposals()],
            "train": [(e.task, e.sample, e.ids, e.reward) for e in store.episodes("train")],
            "after": [(e.task, e.sample, e.ids, e.reward) for e in store.episodes("evaluate")],
            "weights": [path.read_bytes() for path in weights],
        }


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_again_and_again_it_ends_like_a_run_that_nobody_disturbed(tmp_path: Path) -> None:
    prepare(tmp_path / "whole")
    prepare(tmp_path / "killed")
    finish(start(tmp_path / "whole"))
    dice = random.Random(20)
    for _ in range(KILLS):
        process = start(tmp_path / "killed")
        try:
            process.wait(dice.uniform(1.0, 9.0))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    finish(start(tmp_path / "killed"))
    whole, killed = outcome(tmp_path / "whole"), outcome(tmp_path / "killed")
    assert whole["weights"]
    assert whole["kept"]
    for part, value in whole.items():
        assert killed[part] == value, part
