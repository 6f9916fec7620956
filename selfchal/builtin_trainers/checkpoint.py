"""What a training resumes from besides the model's weights, and the best weights so far.

The state is plain numbers, strings and tensors, so that it loads with ``torch.load``'s safe default.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from selfchal.builtin_trainers.learner import put_back, trainable_copy
from selfchal.builtin_trainers.rollouts import Course, judged, mean, why_silent
from selfchal.core.errors import TrainingError
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


class Stateful(Protocol):
    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Any) -> None: ...


class Ending(Protocol):
    """The options of a trainer that concern the end of an update; see ``GrpoConfig``."""

    steps: int
    patience: int
    checkpoint_every: int
    validation_samples: int


def conclude(
    training: Training,
    position: Position,
    options: Ending,
    metrics: dict[str, float],
    optimizer: Stateful,
    *parts: nn.Module,
) -> None:
    """The end of an update: report it; where a checkpoint is due, validate and save.

    Raises TrainingError when training ends without a single update that had a signal; a policy that
    learnt until nothing was left to learn from stops early instead, with a note.
    """
    step, progress = position.step, training.progress
    gave_up = position.silent == options.patience
    last = gave_up or step == options.steps
    if last and not position.learnt:
        raise TrainingError(f"no update had any signal to learn from: {why_silent(metrics)}")
    if gave_up:
        progress.note(f"training ends at update {step} of {options.steps}: {why_silent(metrics)}")
    due = last or step % options.checkpoint_every == 0
    checked = validate(training, position, options.validation_samples) if due else {}
    progress.log(step, {**metrics, **checked})
    if due:
        progress.save(step, pack(position, optimizer, *parts))


def pack(position: Position, optimizer: Stateful, *parts: nn.Module) -> dict[str, Any]:
    """``parts`` are trained modules that are not in the model (PPO's critic)."""
    course, best = position.course, position.best
    return {
        "optimizer": optimizer.state_dict(),
        "parts": [part.state_dict() for part in parts],
        "rng": torch.get_rng_state(),
        "cuda_rng": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "course": [course.drawn, course.passes, course.calls],
        "best": {"reward": best.reward, "step": best.step, "weights": best.weights},
        "signal": [position.silent, position.learnt],
    }


def unpack(
    step: int,
    state: Mapping[str, Any],
    position: Position,
    optimizer: Stateful,
    *parts: nn.Module,
) -> None:
    """Make everything, the random generators too, what it was after ``step``."""
    optimizer.load_state_dict(state["optimizer"])
    for part, weights in zip(parts, state["parts"], strict=True):
        part.load_state_dict(weights)
    torch.set_rng_state(state["rng"].cpu())
    if state["cuda_rng"]:
        torch.cuda.set_rng_state_all(state["cuda_rng"])
    course = position.course
    course.drawn, course.passes, course.calls = state["course"]
    position.best = Best(**state["best"])
    position.silent, position.learnt = state["signal"]
    position.step = step
