"""The RL loop through a vLLM server: roll out there, train here, weights back, rewards up."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from selfchal.builtin_models.config import TransformersConfig, VllmConfig
from selfchal.builtin_models.transformers_model import TransformersModel
from selfchal.builtin_models.vllm_model import VllmModel
from selfchal.builtin_trainers.grpo.algorithm import GrpoAlgorithm
from selfchal.builtin_trainers.grpo.config import GrpoConfig
from selfchal.builtin_trainers.on_policy import train
from selfchal.core.episode import End, Episode, Group, SceneResult
from selfchal.core.model import Message, Sampling
from selfchal.core.task import Task
from selfchal.core.trainer import Training
from selfchal.rollout.rollout import Rollout
from tests.builtin_models.tiny import write_model
from tests.builtin_trainers.toy import ToyProgress, tasks

pytestmark = pytest.mark.torch

PYTHON = os.environ.get("SELFCHAL_VLLM_PYTHON")


class TwoTurns:
    """A scene of two turns that rewards short episodes."""

    def __init__(self, name: str) -> None:
        self.name, self.environment, self.turns = name, "turns", 0

    def start(self) -> Sequence[Message]:
        return [Message("user", f"Find {self.name}")]

    def step(self, text: str) -> Message | None:
        self.turns += 1
        return Message("user", "Observation: 1") if self.turns < 2 else None

    def finish(self, cut: End | None, refusal: str = "") -> SceneResult:
        return SceneResult(cut or End.ANSWER)


def reward(episode: Episode) -> float:
    """The share of its own tokens that are odd."""
    odd = [token % 2 for token, own in zip(episode.ids, episode.mask, strict=True) if own]
    return sum(odd) / len(odd)


def play(model: Any, chosen: Sequence[Task], samples: int, sampling: Sampling) -> list[Group]:
    """So many episodes of each task, with their rewards."""
    scenes = [TwoTurns(task.id) for task in chosen for _ in range(samples)]
    played = Rollout(model, sampling).roll(scenes)
    for episode in played:
        episode.reward = reward(episode)
    return [Group(task.id, tuple(e for e in played if e.task == task.id)) for task in chosen]


def run_loop(model: Any, steps: int) -> list[float]:
    """GRPO on this model; the mean reward of every update."""
    sampling = Sampling(max_tokens=6, seed=1)

    def collect(chosen: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        return play(model, chosen, samples, Sampling(max_tokens=6, seed=seed + sampling.seed))

    progress = ToyProgress(model)
    config = GrpoConfig(
        steps=steps,
        tasks_per_step=4,
        group_size=4,
        learning_rate=5e-3,
        validation_samples=0,
        checkpoint_every=99,
    )
    train(GrpoAlgorithm(config), Training(model, tasks(8), [], collect, progress, seed=0))
    return [metrics["reward"] for _, metrics in progress.logged]


@pytest.mark.slow
def test_the_loop_here(tmp_path: Path) -> None:
    """The same loop without vLLM, so that what the test asks is known to be fair."""
    path = write_model(tmp_path / "model", "wide", scale=2.0)
    rewards = run_loop(TransformersModel(TransformersConfig(path=str(path))), steps=12)
    assert sum(rewards[-3:]) / 3 > sum(rewards[:3]) / 3 + 0.1


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.skipif(PYTHON is None, reason="SELFCHAL_VLLM_PYTHON is not set: scripts/setup_vllm_cpu.sh")
def test_the_loop_through_vllm(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model", "wide", scale=2.0)
    options = {"path": str(path), "python": PYTHON, "engine": {"enforce_eager": True}, "dtype": "float32"}
    model = VllmModel(VllmConfig.model_validate({**options, "context": 256}))
    before = [parameter.clone() for parameter in model.network.parameters()]
    try:
        rewards = run_loop(model, steps=12)
    finally:
        model.close()
    assert sum(rewards[-3:]) / 3 > sum(rewards[:3]) / 3 + 0.1
    assert any(not torch.equal(old, new) for old, new in zip(before, model.network.parameters(), strict=True))
