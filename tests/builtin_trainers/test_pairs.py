"""Every trainer with every model: the pair runs, or validation refuses it with the reason."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from selfchal.builtin_models.config import TransformersConfig, VllmConfig
from selfchal.builtin_models.seedling_model import SeedlingConfig, SeedlingModel
from selfchal.builtin_models.transformers_model import TransformersModel
from selfchal.builtin_models.vllm_model import VllmModel
from selfchal.builtin_trainers.plugin import Dpo, Grpo, Kto, Ppo, Rft, TrlGrpo
from selfchal.core.episode import End, Episode, Group, SceneResult
from selfchal.core.errors import ManifestError
from selfchal.core.model import Message, Sampling
from selfchal.core.task import Task
from selfchal.core.trainer import Training
from selfchal.pipeline.manifest import validate, validation
from selfchal.plugins import load_plugins
from selfchal.rollout.rollout import Rollout
from tests.builtin_models.tiny import write_model
from tests.builtin_trainers.toy import ToyProgress, tasks

pytestmark = pytest.mark.torch

PYTHON = os.environ.get("SELFCHAL_VLLM_PYTHON")
TRAINERS = {trainer.name: trainer for trainer in (Grpo, Ppo, Rft, Dpo, Kto, TrlGrpo)}
OFFLINE = ("rft", "dpo", "kto")
LORA = {"lora": {"r": 4, "alpha": 8}}


class Parity:
    """Two turns."""

    def __init__(self, name: str) -> None:
        self.name, self.environment, self.turns = name, "parity", 0

    def start(self) -> Sequence[Message]:
        return [Message("user", f"Find {self.name}")]

    def step(self, text: str) -> Message | None:
        self.turns += 1
        return Message("user", "Observation: 1") if self.turns < 2 else None

    def finish(self, cut: End | None, refusal: str = "") -> SceneResult:
        return SceneResult(cut or End.ANSWER)


def reward(episode: Episode) -> float:
    """1 where most of its own tokens are odd."""
    odd = [token % 2 for token, own in zip(episode.ids, episode.mask, strict=True) if own]
    return float(sum(odd) > len(odd) / 2)


def transformers(path: Path, **options: Any) -> TransformersModel:
    return TransformersModel(TransformersConfig.model_validate({"path": str(path), **options}))


def vllm(path: Path) -> VllmModel:
    engine = {"enforce_eager": True}
    options = {"path": str(path), "python": PYTHON, "engine": engine, "dtype": "float32", "context": 256}
    return VllmModel(VllmConfig.model_validate(options))


MODELS: dict[str, Callable[[Path], Any]] = {
    "transformers": transformers,
    "transformers with LoRA": lambda path: transformers(path, **LORA),
    "transformers in bfloat16": lambda path: transformers(path, dtype="bfloat16"),
    "seedling": lambda path: SeedlingModel(SeedlingConfig()),
}


def training(model: Any, rolls_out: Any) -> Training:
    def collect(chosen: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        scenes = [Parity(task.id) for task in chosen for _ in range(samples)]
        played = Rollout(rolls_out, Sampling(max_tokens=5, seed=seed)).roll(scenes)
        for episode in played:
            episode.reward = reward(episode)
        return [Group(task.id, tuple(e for e in played if e.task == task.id)) for task in chosen]

    progress = ToyProgress(model)
    return Training(model, tasks(4), [], collect, progress, seed=0, off_policy=rolls_out is not model)


def train(trainer: str, model: Any, rolls_out: Any) -> None:
    """Two updates; whatever is trainable must have moved, and the model must still speak."""
    before = [p.detach().clone() for p in model.network.parameters() if p.requires_grad]
    options = {"steps": 2, "group_size": 8, "learning_rate": 1e-2, "validation_samples": 0}
    kind = TRAINERS[trainer]
    kind(kind.Config(**options)).train(training(model, rolls_out))
    after = [p.detach() for p in model.network.parameters() if p.requires_grad]
    assert any(not torch.equal(old_logprobs, new) for old_logprobs, new in zip(before, after, strict=True))
    assert all(bool(torch.isfinite(weight).all()) for weight in after)
    [said] = model.generate([model.render_prompt([Message("user", "x")])], Sampling(max_tokens=4))
    assert said.ids


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("wide"), "wide", scale=2.0)


@pytest.mark.parametrize(("trainer", "model"), list(itertools.product(TRAINERS, MODELS)))
def test_the_pair_trains(trainer: str, model: str, wide: Path) -> None:
    policy = MODELS[model](wide)
    train(trainer, policy, policy)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.skipif(PYTHON is None, reason="SELFCHAL_VLLM_PYTHON is not set: scripts/setup_vllm_cpu.sh")
def test_every_trainer_trains_through_vllm(wide: Path, tmp_path: Path) -> None:
    policy = vllm(wide)
    policy.save(tmp_path / "start")
    try:
        for trainer in TRAINERS:
            policy.load(tmp_path / "start")  # one that passes always has nothing left to learn
            train(trainer, policy, policy)
    finally:
        policy.close()


@pytest.mark.parametrize("trainer", OFFLINE)
def test_the_offline_ones_learn_from_a_teacher(trainer: str, wide: Path) -> None:
    train(trainer, transformers(wide, **LORA), SeedlingModel(SeedlingConfig()))


def manifest(trainer: str, model: dict[str, Any], **more: Any) -> None:
    rows = {"environment": {"name": "calculation"}, "model": model, "trainer": {"name": trainer}, **more}
    validate(rows, load_plugins())


ENDPOINT = {"name": "openai", "base_url": "http://127.0.0.1:1/v1", "model": "m"}
CANNOT_TRAIN: dict[str, dict[str, Any]] = {
    "an endpoint": ENDPOINT,
    "an endpoint with token ids": {**ENDPOINT, "tokenizer": "somewhere", "context": 512},
    "quantised without adapters": {"name": "transformers", "path": "x", "quantization": "4bit"},
    "vllm that only samples": {"name": "vllm", "path": "x", "train": False},
}
CAN_TRAIN: dict[str, dict[str, Any]] = {
    "seedling": {"name": "seedling"},
    "transformers": {"name": "transformers", "path": "x"},
    "QLoRA": {"name": "transformers", "path": "x", "quantization": "4bit", **LORA},
    "vllm": {"name": "vllm", "path": "x"},
}


@pytest.mark.parametrize(("trainer", "model"), list(itertools.product(TRAINERS, CANNOT_TRAIN)))
def test_what_cannot_train_is_refused_with_the_reason(trainer: str, model: str) -> None:
    with pytest.raises(ManifestError, match=rf"trainer '{trainer}' needs .*gradients.* from the model"):
        manifest(trainer, CANNOT_TRAIN[model])


@pytest.mark.parametrize(("trainer", "model"), list(itertools.product(TRAINERS, CAN_TRAIN)))
def test_what_can_train_is_accepted(trainer: str, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # which pairs fit is asked here, not which packages this machine has
    monkeypatch.setattr(validation, "check_installed", lambda plugins: None)
    manifest(trainer, CAN_TRAIN[model])


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_teacher_is_for_offline_trainers(trainer: str) -> None:
    if trainer in OFFLINE:
        manifest(trainer, CAN_TRAIN["seedling"], teacher=ENDPOINT)
        return
    with pytest.raises(ManifestError, match=r"its own rollouts, so a teacher cannot make them; .*rft"):
        manifest(trainer, CAN_TRAIN["seedling"], teacher=ENDPOINT)
