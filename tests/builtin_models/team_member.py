"""What torchrun starts in a test: GRPO over servers that sleep. The first process leads, the others follow."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import torch

from selfchal.builtin_models.config import VllmConfig
from selfchal.builtin_models.vllm_model import VllmModel
from selfchal.builtin_trainers.grpo.config import GrpoConfig
from selfchal.builtin_trainers.plugin import Grpo
from selfchal.core.episode import Group
from selfchal.core.model import Sampling
from selfchal.core.task import Task
from selfchal.core.trainer import Training
from selfchal.pipeline.distributed import END, TRAIN, follow, is_follower, signal_workers
from selfchal.pipeline.manifest import Choice, Manifest
from selfchal.rollout.rollout import Rollout
from tests.builtin_models.test_vllm_loop import TwoTurns, play
from tests.builtin_trainers.toy import ToyProgress, tasks


def train(model: Any, grpo: GrpoConfig) -> None:
    def collect(chosen: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        return play(model, chosen, samples, Sampling(max_tokens=16, seed=seed))

    Grpo(grpo).train(Training(model, tasks(2), [], collect, ToyProgress(model), seed=0))


def main() -> None:
    torch.set_num_threads(1)
    config = VllmConfig.model_validate(json.loads(sys.argv[1]))
    grpo = GrpoConfig(steps=2, tasks_per_step=2, group_size=4, validation_samples=0, checkpoint_every=99)
    if is_follower():
        choices = SimpleNamespace(model=Choice("vllm", VllmModel, config), trainer=Choice("grpo", Grpo, grpo))
        follow(cast(Manifest, choices))
        return
    model = VllmModel(config)
    try:
        signal_workers(TRAIN)
        train(model, grpo)
        Rollout(model, Sampling(max_tokens=16, seed=9)).roll([TwoTurns("a"), TwoTurns("b")])
    finally:
        signal_workers(END)
        model.close()


if __name__ == "__main__":
    assert os.environ["WORLD_SIZE"] == "2"
    main()
