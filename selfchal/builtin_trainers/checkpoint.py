"""What a training resumes from besides the model's weights, and the best weights so far.

The state is plain numbers, strings and tensors, so that it loads with ``torch.load``'s safe default.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from selfchal.builtin_trainers.learner import put_back, trainable_copy
from selfchal.builtin_trainers.rollouts import Course, judged, mean
from selfchal.core.trainer import Training


@dataclass
class Best:
    """The rule, fixed before any number is seen: of the checkpoints, the one with the highest mean
    reward on the validation tasks, the later of equals. The test set has no part in it."""

    reward: float = -math.inf
    step: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def consider(self, network: nn.Module, reward: float, step: int) -> None:
        if reward >= self.reward:
            self.reward, self.step, self.weights = reward, step, trainable_copy(network)

    def restore(self, network: nn.Module) -> None:
        put_back(network, self.weights)


@dataclass
class Position:
    """Where a training stands: the course, the best so far, and how long nothing was learnt."""

    course: Course
    best: Best = field(default_factory=Best)
    step: int = 0
    silent: int = 0  # updates without signal in a row
    learnt: int = 0  # updates with signal in all


def validate(training: Training, position: Position, samples: int) -> dict[str, float]:
    """Roll out the validation tasks and let the present weights compete for the best."""
    if not (samples and training.validation):
        return {}
    seed = position.course.next_seed()
    reward = mean(
        [e.reward or 0.0 for e in judged(training.collect(training.validation, samples, seed=seed))]
    )
    position.best.consider(training.model.network, reward, position.step)
    return {"validation_reward": reward, "best_step": float(position.best.step)}


def pack(position: Position, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    course, best = position.course, position.best
    return {
        "optimizer": optimizer.state_dict(),
        "rng": torch.get_rng_state(),
        "cuda_rng": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "course": [course.drawn, course.passes, course.calls],
        "best": {"reward": best.reward, "step": best.step, "weights": best.weights},
        "signal": [position.silent, position.learnt],
    }


def unpack(step: int, state: Mapping[str, Any], position: Position, optimizer: torch.optim.Optimizer) -> None:
    """Make ``position``, ``optimizer`` and the random generators what they were after ``step``."""
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["rng"].cpu())
    if state["cuda_rng"]:
        torch.cuda.set_rng_state_all(state["cuda_rng"])
    course = position.course
    course.drawn, course.passes, course.calls = state["course"]
    position.best = Best(**state["best"])
    position.silent, position.learnt = state["signal"]
    position.step = step
