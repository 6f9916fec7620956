"""Trainer ranks as Ray actors: one that is killed costs what came after the last checkpoint, and changes nothing."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import selfchal
from selfchal.core.errors import EngineError, ManifestError
from selfchal.pipeline.context import SECRET
from selfchal.pipeline.store import Store
from tests.patience import SOON
from tests.support.fuzz import FACTOR

ray: Any = pytest.importorskip("ray")
from ray.cluster_utils import Cluster  # noqa: E402 — after it is known to be there

pytestmark = [pytest.mark.torch, pytest.mark.slow, pytest.mark.timeout(900)]
SMALL: Any = {"object_store_memory": 2**27}
MANIFEST: dict[str, Any] = {
    "environment": {"name": "calculation"},
    "model": {"name": "seedling"},
    "synthesizer": {"name": "code_as_task", "revisions": 0},
    "challenge": {"tasks": 8, "proposals": 24},
    "rollout": {"batch": 24, "max_tokens": 32, "challenge_tokens": 200, "max_steps": 4},
    "evaluation": {"samples": 1, "tasks": 1, "baselines": False},
    "trainer": {
        "name": "grpo",
        "steps": 3,
        "tasks_per_step": 4,
        "group_size": 4,
        "learning_rate": 4e-4,
        "validation_samples": 0,
        "checkpoint_every": 1,
        "parallel": "shard",
    },
}
ROUND = Path("checkpoints") / "round_1"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, **SMALL})
    made.add_node(num_cpus=1, **SMALL)
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    yield made
    ray.shutdown()
    made.shutdown()


def make_run(cluster: Any, directory: Path) -> None:
    """On two ranks, with a secret that all runs share."""
    engine = {"name": "ray", "address": cluster.address, "workers": 1, "ranks": 2, "rank_gpus": 0}
    manifest = selfchal.load_manifest({**MANIFEST, "engine": engine})
    with Store.create(directory, manifest.resolved()) as store:
        store.put_fact(SECRET, "the same for both")
    selfchal.run(manifest, directory, resume=True)


def read_updates(directory: Path) -> list[dict[str, Any]]:
    """What does not depend on time and place."""
    with Store.read(directory) as store:
        rows = store.metrics()
    wanted = ("loss", "grad_norm", "reward", "entropy")
    return [{name: row[name] for name in wanted if name in row} for row in rows]


def find_followers() -> list[int]:
    """The actors that have torch in them."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
            if command.startswith(b"ray::ObjectActor") and "libtorch_cpu" in (entry / "maps").read_text():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def kill_follower_after(checkpoint: Path, killed: list[int]) -> None:
    until = time.monotonic() + 5 * SOON
    while time.monotonic() < until:
        if checkpoint.exists():
            (follower,) = find_followers()
            os.kill(follower, signal.SIGKILL)
            killed.append(follower)
            return
        time.sleep(0.05)


@pytest.mark.skipif(FACTOR <= 1, reason="two runs on two ranks take minutes: make test-all")
def test_a_rank_that_is_killed_changes_no_update(
    cluster: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_run(cluster, tmp_path / "undisturbed")
    killed: list[int] = []
    first_checkpoint = tmp_path / "disturbed" / ROUND / "step_000001"
    killer = threading.Thread(target=kill_follower_after, args=(first_checkpoint, killed))
    killer.start()
    with caplog.at_level(logging.WARNING):
        make_run(cluster, tmp_path / "disturbed")
    killer.join()
    assert len(killed) == 1
    assert [r.message for r in caplog.records if "all begin again from the last checkpoint" in r.message]
    undisturbed = read_updates(tmp_path / "undisturbed")
    assert len(undisturbed) == 3
    assert "loss" in undisturbed[1]  # made again
    assert read_updates(tmp_path / "disturbed") == undisturbed
    weights = [
        (tmp_path / name / ROUND / "final" / "model.safetensors").read_bytes()
        for name in ("undisturbed", "disturbed")
    ]
    assert weights[0] == weights[1]
    assert (tmp_path / "disturbed" / ROUND / "step_000003" / "optimizer").is_dir()
    assert find_followers() == []


def test_what_cannot_go_to_the_first_rank_is_refused(cluster: Any, tmp_path: Path) -> None:
    engine = {"name": "ray", "address": cluster.address, "ranks": 2, "rank_gpus": 0}
    with pytest.raises(EngineError, match="give watchers by name, and rewrite as a function of a module"):
        selfchal.run({**MANIFEST, "engine": engine}, tmp_path / "run", rewrite=lambda episodes: None)
    with pytest.raises(ManifestError, match=r"engine\.ranks are processes that train"):
        selfchal.run({**MANIFEST, "trainer": None, "engine": engine}, tmp_path / "other")
