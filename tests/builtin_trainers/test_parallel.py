"""Two gloo processes train as one does, replicated and sharded."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import multiprocessing

from selfchal.builtin_trainers.plugin import Grpo, Ppo
from tests.builtin_trainers import toy

pytestmark = pytest.mark.torch

OPTIONS = {
    "steps": 4,
    "group_size": 8,
    "epochs": 2,
    "kl": 0.05,
    "learning_rate": 1e-3,
    "micro_batch_tokens": 50,
    "checkpoint_every": 2,
}
TRAINERS = {"grpo": Grpo, "ppo": Ppo}


def run(name: str, parallel: str, seed: int, checkpoint: Path | None) -> dict[str, Any]:
    """Train from random weights of ``seed``; the leader's report."""
    model = toy.ToyModel(toy.tiny_llama(seed=seed))
    progress = toy.ToyProgress(model)
    if checkpoint and checkpoint.exists():
        progress.kept = torch.load(checkpoint)
    trainer = TRAINERS[name]
    trainer(trainer.Config(**OPTIONS, parallel=parallel)).train(toy.training(model, progress, validation=2))
    if checkpoint:
        torch.save(progress.kept[:1], checkpoint)
    return {"logged": progress.logged, "weights": model.network.state_dict()}


def member(rank: int, name: str, parallel: str, port: int, out: Path) -> None:
    """One process; the follower begins with other weights and must not mind."""
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    torch.set_num_threads(1)
    if rank:
        run(name, parallel, 5, None)
        run(name, parallel, 5, None)
        return
    checkpoint = out / "checkpoint.pt"
    torch.save([run(name, parallel, 0, checkpoint), run(name, parallel, 0, checkpoint)], out / "reports.pt")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "parallel"),
    [("grpo", "replicate"), ("grpo", "shard"), ("ppo", "replicate"), ("ppo", "shard")],
)
def test_two_processes_train_as_one(name: str, parallel: str, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.start_processes(member, (name, parallel, port, tmp_path), nprocs=2, start_method="spawn")
    two, resumed = torch.load(tmp_path / "reports.pt")
    one = run(name, "replicate", 0, None)
    assert [step for step, _ in two["logged"]] == [1, 2, 3, 4]
    for (_, ours), (_, theirs) in zip(one["logged"], two["logged"], strict=True):
        for key in ("loss", "grad_norm", "entropy", "kl", "reward"):
            assert theirs[key] == pytest.approx(ours[key], rel=1e-5, abs=1e-5), key
    for weight, value in one["weights"].items():
        torch.testing.assert_close(two["weights"][weight], value, rtol=1e-3, atol=1e-5)
    assert [step for step, _ in resumed["logged"]] == [3, 4]
    for weight, value in two["weights"].items():
        torch.testing.assert_close(resumed["weights"][weight], value, rtol=1e-6, atol=1e-7)
