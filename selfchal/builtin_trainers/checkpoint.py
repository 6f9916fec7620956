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

from selfchal.builtin_trainers.optim import IN_FILES, put_back, trainable_copy
from selfchal.builtin_trainers.rollouts import TaskSampler, explain_zero_signal, judged, mean
from selfchal.core.errors import TrainingError
from selfchal.core.trainer import Progress, Training, WriteFiles


@dataclass
class Best:
    """The rule, fixed before any number is seen: of the start and the checkpoints, the one with the highest
    mean reward on the validation tasks, the later of equals. The test set has no part in it."""

    reward: float = -math.inf
    step: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def consider(self, network: nn.Module, reward: float, step: int) -> None:
        if reward >= self.reward:
            self.reward, self.step, self.weights = reward, step, trainable_copy(network)

    def restore(self, network: nn.Module) -> None:
        put_back(network, self.weights)


@dataclass
class TrainState:
    """Where a training stands: the course, the best so far, and how long nothing was learnt."""

    sampler: TaskSampler
    best: Best = field(default_factory=Best)
    step: int = 0
    zero_signal: int = 0  # updates without signal in a row
    learnt: int = 0  # updates with signal in all
    validation_seed: int | None = None  # of the next validation, where it is drawn ahead


def validate(training: Training, state: TrainState, samples: int) -> dict[str, float]:
    """Roll out the validation tasks and let the present weights compete for the best."""
    if not (samples and training.validation):
        return {}
    seed = state.validation_seed or state.sampler.next_seed()
    reward = mean(
        [e.reward or 0.0 for e in judged(training.collect(training.validation, samples, seed=seed))]
    )
    state.best.consider(training.model.network, reward, state.step)
    return {"validation_reward": reward, "best_step": float(state.best.step)}


def validate_start(training: Training, state: TrainState, samples: int) -> None:
    """Let the weights that training begins with compete, so that one that only did harm is undone.

    Not where another model rolled out: there no checkpoint is validated.
    """
    if not training.off_policy:
        validate(training, state, samples)


def restore_best(training: Training, state: TrainState) -> None:
    """Give the model the best weights, and say so where they are those that training began with."""
    best = state.best
    if best.weights and best.step == 0:
        training.progress.note(
            f"no checkpoint did better on the validation tasks than the start ({best.reward:.3f}): "
            "the weights stay as they were"
        )
    best.restore(training.model.network)
    training.model.on_weights_updated()


class Stateful(Protocol):
    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Any) -> None: ...


class SavedOptimizer(Stateful, Protocol):
    @property
    def write_files(self) -> WriteFiles | None:
        """Writes a state that several processes hold in parts; None where ``state_dict`` is all of it."""
        ...


class Settle(Protocol):
    def __call__(self, *, last: bool) -> None: ...


class Ending(Protocol):
    """The options of a trainer that concern the end of an update; see ``GrpoConfig``."""

    steps: int
    patience: int
    checkpoint_every: int
    validation_samples: int


def end_of_step(
    training: Training,
    state: TrainState,
    options: Ending,
    metrics: dict[str, float],
    optimizer: SavedOptimizer,
    *parts: nn.Module,
    settle: Settle | None = None,
) -> bool:
    """The end of an update: report it; where a checkpoint is due, validate and save. Was it the last one?

    ``settle`` is called before a checkpoint, where something else is under way.

    Raises TrainingError when training ends without a single update that had a signal; a policy that
    learnt until nothing was left to learn from stops early instead, with a note. So does a run whose budget
    is used up.
    """
    step, progress = state.step, training.progress
    gave_up = state.zero_signal == options.patience
    done = gave_up or step == options.steps
    last = done or progress.is_over()
    if done and not state.learnt:
        raise TrainingError(f"no update had any signal to learn from: {explain_zero_signal(metrics)}")
    if gave_up:
        progress.note(f"training ends at update {step} of {options.steps}: {explain_zero_signal(metrics)}")
    due = last or step % options.checkpoint_every == 0
    if due and settle is not None:
        settle(last=last)
    checked = validate(training, state, options.validation_samples) if due else {}
    progress.log(step, {**metrics, **checked})
    if due:
        save(progress, pack(state, optimizer, *parts), step, optimizer.write_files)
    return last


def save(progress: Progress, packed: Any, step: int, write_files: WriteFiles | None) -> None:
    """A trainer of somebody's whose progress knows no files is asked for none where there are none."""
    if write_files is None:
        progress.save(step, packed)
    else:
        progress.save(step, packed, write_files)


def read_latest(progress: Progress) -> tuple[int, Any] | None:
    """The newest checkpoint, and where the optimiser's files are if it has any."""
    found = progress.latest()
    if found is not None and IN_FILES in found[1]["optimizer"]:
        found[1]["optimizer"][IN_FILES] = str(progress.files_of(found[0]))
    return found


def without_best(checkpoint: tuple[int, Any] | None) -> tuple[int, Any] | None:
    """What a follower needs of it: only the leader keeps the best weights."""
    if checkpoint is None:
        return None
    return checkpoint[0], {**checkpoint[1], "best": {"reward": -math.inf, "step": 0, "weights": {}}}


def pack(state: TrainState, optimizer: Stateful, *parts: nn.Module) -> dict[str, Any]:
    """``parts`` are trained modules that are not in the model (PPO's critic)."""
    sampler, best = state.sampler, state.best
    return {
        "optimizer": optimizer.state_dict(),
        "parts": [part.state_dict() for part in parts],
        "rng": torch.get_rng_state(),
        "cuda_rng": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "sampler": [sampler.drawn, sampler.passes, sampler.calls],
        "best": {"reward": best.reward, "step": best.step, "weights": best.weights},
        "signal": [state.zero_signal, state.learnt],
    }


def unpack(
    step: int,
    saved: Mapping[str, Any],
    state: TrainState,
    optimizer: Stateful,
    *parts: nn.Module,
) -> None:
    """Make everything, the random generators too, what it was after ``step``."""
    optimizer.load_state_dict(saved["optimizer"])
    for part, weights in zip(parts, saved["parts"], strict=True):
        part.load_state_dict(weights)
    torch.set_rng_state(saved["rng"].cpu())
    if saved["cuda_rng"]:
        torch.cuda.set_rng_state_all(saved["cuda_rng"])
    sampler = state.sampler
    sampler.drawn, sampler.passes, sampler.calls = saved["sampler"]
    state.best = Best(**saved["best"])
    state.zero_signal, state.learnt = saved["signal"]
    state.step = step
