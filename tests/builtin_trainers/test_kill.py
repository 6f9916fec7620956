"""kill -9 amid training, then --resume: the very weights of a run that nobody disturbed.

For one trainer, and in ``make test-all`` for each. What is each trainer's own is resumed in test_training.py,
without processes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from selfchal.pipeline.context import SECRET
from selfchal.pipeline.manifest import read_manifest, validate
from selfchal.pipeline.store import Store
from selfchal.plugins import load_plugins
from tests.support.fuzz import FACTOR

pytestmark = pytest.mark.torch

ROOT = Path(__file__).parents[2]
SMALL = [
    "challenge.proposals=32",
    "rollout.batch=64",
    "trainer.tasks_per_step=4",
    "evaluation.tasks=2",
    "evaluation.samples=1",
    "evaluation.baselines=false",
    "trainer.steps=4",
    "trainer.only.grpo.steps=4",
    "trainer.only.grpo.group_size=4",
    "trainer.only.ppo.steps=4",
    "trainer.checkpoint_every=2",
    "trainer.validation_samples=1",
    "curriculum.validation=0.1",
]
TRAINERS = ["grpo"] if FACTOR <= 1 else ["grpo", "ppo", "rft", "dpo", "kto"]
ROUND = Path("checkpoints") / "round_1"


def prepare(directory: Path, trainer: str) -> None:
    """A run that is yet to begin. Its secret is not drawn, so that two of them judge alike."""
    rows = read_manifest(ROOT / "examples" / "algorithms.yaml", [*SMALL, f"trainer.name={trainer}"])
    with Store.create(directory, validate(rows, load_plugins()).resolved()) as store:
        store.put_fact(SECRET, "the same for both")


def start(directory: Path, trainer: str) -> subprocess.Popen[bytes]:
    program = [sys.executable, "-m", "selfchal", "run", str(ROOT / "examples" / "algorithms.yaml")]
    options = [f"--set={change}" for change in [*SMALL, f"trainer.name={trainer}"]]
    return subprocess.Popen(
        [*program, *options, f"--out={directory}", "--resume"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=280)
    assert process.returncode == 0, errors.decode()


def kill_when_there_is(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 250
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process.poll() is None, "it ended before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def weights(directory: Path) -> bytes:
    [file] = (directory / ROUND / "final").glob("*.safetensors")
    return file.read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("trainer", TRAINERS)
def test_killed_amid_training_it_ends_in_the_same_weights(trainer: str, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    prepare(whole, trainer)
    prepare(killed, trainer)
    finish(start(whole, trainer))
    kill_when_there_is(killed / ROUND / "step_000002", start(killed, trainer))
    assert not (killed / ROUND / "final").exists(), "it was killed after training"
    finish(start(killed, trainer))
    assert weights(killed) == weights(whole)
    untrained = (ROOT / "selfchal" / "builtin_models" / "seedling" / "model.safetensors").read_bytes()
    assert weights(whole) != untrained
