"""What the offline trainers share: all tasks rolled out once, then updates on examples in a fixed order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from selfchal.builtin_trainers.checkpoint import TrainState, pack, save, validate
from selfchal.builtin_trainers.optim import Optimisation
from selfchal.builtin_trainers.rollouts import TaskSampler
from selfchal.core.episode import Episode, Group
from selfchal.core.model import Generation, Message, Model
from selfchal.core.trainer import Training, WriteFiles
from selfchal.core.updating import pausing_update

_LONGEST_END = 8  # ids: one in chat templates, a few where a turn ends with text


class OfflineOptions(Protocol):
    """See ``RftConfig`` and ``DpoConfig`` for their meaning."""

    tasks_per_step: int
    group_size: int
    steps: int | None
    epochs: int
    batch_size: int
    micro_batch_tokens: int
    learning_rate: float
    schedule: Any
    warmup_steps: int
    weight_decay: float
    max_grad_norm: float
    precision: Any
    checkpoint_every: int
    validation_samples: int


def roll_out_all(training: Training, sampler: TaskSampler, options: OfflineOptions) -> list[Group]:
    """Every training task once, with the weights that training begins with; as many as the budget allows."""
    tasks, groups = training.tasks, list[Group]()
    for first in range(0, len(tasks), options.tasks_per_step):
        if groups and training.progress.is_over():
            break
        some = tasks[first : first + options.tasks_per_step]
        groups += training.collect(some, options.group_size, seed=sampler.next_seed())
    if training.off_policy:
        return [
            replace(group, episodes=tuple(in_own_tokens(training.model, e) for e in group.episodes))
            for group in groups
        ]
    return groups


def in_own_tokens(model: Model, episode: Episode) -> Episode:
    """Another model's episode in this model's ids: what was said stays, whatever its tokens were.

    The one place where text is tokenised again, since the sampled ids are of another vocabulary.
    The mask covers what the teacher wrote, and the ids with which this model itself would end such a turn: it
    has to learn when to stop. A turn that max_tokens cut has no such end.
    """
    speaks = [index for index, message in enumerate(episode.messages) if message.role == "assistant"]
    ids = list(model.render_prompt(episode.messages[: speaks[0]]))
    mask = [0] * len(ids)
    for turn, index in enumerate(speaks):
        said = model.encode(episode.messages[index].content)
        if turn not in episode.cut_turns:
            said += _find_end(model, said)
        ids += said
        mask += [1] * len(said)
        if index + 1 < len(episode.messages):
            between = model.render_turn(_write_turn(said), episode.messages[index + 1])
            ids += between
            mask += [0] * len(between)
    return replace(episode, ids=ids, mask=mask, logprobs=[0.0] * len(ids))


def _find_end(model: Model, said: Sequence[int]) -> list[int]:
    """The ids with which the model itself ends a turn: those that its template writes behind what was said,
    and no longer writes where the agent did. Empty where there are none."""
    after = Message("user", ".")
    between = model.render_turn(_write_turn(said), after)
    for size in range(1, min(_LONGEST_END, len(between)) + 1):
        if model.render_turn(_write_turn([*said, *between[:size]]), after) == between[size:]:
            return between[:size]
    return []


def _write_turn(ids: Sequence[int]) -> Generation:
    return Generation(tuple(ids), (0.0,) * len(ids), "", finished=True)


def updates(options: OfflineOptions, examples: int) -> int:
    return options.steps or -(-options.epochs * examples // options.batch_size)


def order(examples: int, length: int, seed: int) -> list[int]:
    """``length`` examples in shuffled passes, the same however often training is resumed."""
    draw, indices = random.Random(seed), list[int]()
    while len(indices) < length:
        indices += draw.sample(range(examples), examples)
    return indices[:length]


@dataclass
class Schedule:
    """The optimiser's options with the number of updates settled."""

    steps: int
    learning_rate: float
    schedule: Any
    warmup_steps: int
    weight_decay: float
    max_grad_norm: float

    @classmethod
    def of(cls, options: Any, steps: int) -> Optimisation:
        names = ("learning_rate", "schedule", "warmup_steps", "weight_decay", "max_grad_norm")
        return cls(steps, *(getattr(options, name) for name in names))


@dataclass
class CheckpointCallback:
    """The end of each offline update: report it, and where a checkpoint is due, validate and save."""

    training: Training
    state: TrainState
    options: Any  # with checkpoint_every and validation_samples
    steps: int

    def __call__(
        self,
        metrics: dict[str, float],
        optimizer: Any,
        write_files: WriteFiles | None = None,
        *,
        last: bool = False,
    ) -> None:
        """``last``: no further update is made, although not all have been."""
        state, network = self.state, self.training.model.network
        state.step += 1
        due = last or state.step == self.steps or state.step % self.options.checkpoint_every == 0
        if due and not self.training.off_policy:
            trains = network.training
            network.eval()
            self.training.model.on_weights_updated()
            with pausing_update(self.training.model):
                metrics |= validate(self.training, state, self.options.validation_samples)
            network.train(trains)
        self.training.progress.log(state.step, metrics)
        if due:
            save(self.training.progress, pack(state, optimizer), state.step, write_files)
