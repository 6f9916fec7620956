"""The offline loop: all tasks rolled out once, then updates on examples made of the episodes.

An ``OfflineAlgorithm`` makes the examples and gives their loss; the rest is here: what the policy thought of
each episode at the start, the order of the examples, processes of a team, validation, checkpoints.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from selfchal.builtin_trainers.batch import agent_tokens, batch_units, micro_batches
from selfchal.builtin_trainers.checkpoint import (
    Best,
    TrainState,
    read_latest,
    restore_best,
    unpack,
    validate_start,
    without_best,
)
from selfchal.builtin_trainers.forward import score
from selfchal.builtin_trainers.offline import (
    CheckpointCallback,
    OfflineOptions,
    Schedule,
    order,
    roll_out_all,
    updates,
)
from selfchal.builtin_trainers.optim import Division, Optimizer, rate_fraction
from selfchal.builtin_trainers.packing import PackingOptions, check_packing, packed_attention
from selfchal.builtin_trainers.parallel import Team
from selfchal.builtin_trainers.rollouts import TaskSampler, sampler_for
from selfchal.builtin_trainers.sharding import find_device
from selfchal.core.episode import Episode, Group
from selfchal.core.trainer import Training
from selfchal.core.updating import updating


class Options(OfflineOptions, Division, PackingOptions, Protocol):
    """See ``RftConfig`` and ``DpoConfig`` for their meaning."""


@dataclass(frozen=True)
class Example:
    """What a loss looks at together: k episodes, as many in every example of a training.

    ``references`` are the log-probabilities that the policy gave to each episode at the start. ``other`` is
    scored too, without gradient, for ``Batch.drift``.
    """

    episodes: tuple[Episode, ...]
    weight: float = 1.0
    other: Episode | None = None
    references: tuple[float, ...] = ()  # [k], then the one of ``other``


@dataclass(frozen=True)
class Batch:
    """What a loss may want to know of the whole update that its examples belong to."""

    examples: int
    tokens: int  # of the agent, in all examples
    drift: float  # how much likelier ``other`` has become since the start, on average; 0 at least


@dataclass(frozen=True)
class ExampleLoss:
    """The sum of each over all examples of the update is the update's loss, or metric."""

    loss: Tensor  # []
    shares: dict[str, Tensor]  # each []


class OfflineAlgorithm(Protocol):
    """What makes one offline algorithm differ from another."""

    @property
    def options(self) -> Options: ...

    @property
    def compares(self) -> bool:
        """Whether the loss looks at ``references``."""
        ...

    def make_examples(self, groups: Sequence[Group], training: Training) -> list[Example]:
        """What is learnt from, in the first process alone. Raises TrainingError where there is nothing."""
        ...

    def loss(self, logprobs: Tensor, examples: Sequence[Example], batch: Batch) -> ExampleLoss:
        """Of b ``examples``, whose episodes have the log-probabilities ``logprobs`` [b, k]."""
        ...


def train(algorithm: OfflineAlgorithm, training: Training) -> None:
    """Train in place. Every process of a team calls it; the first one rolls out, reports and saves.

    Raises TrainingError where there is no task, or nothing to learn from (with the reason).
    """
    state = TrainState(sampler_for(training) if Team().is_rank0 else TaskSampler((), 0))
    run = _OfflineRun(algorithm, training, state)
    if not run.team.is_rank0:
        run.team.follow()
        run.end()
        return
    options = algorithm.options
    with run.team.led():
        groups = roll_out_all(training, state.sampler, options)
        examples = algorithm.make_examples(groups, training)
        if algorithm.compares:
            with updating(training.model):
                examples = _add_references(examples, run.score_all)
        schedule = Schedule.of(options, updates(options, len(examples)))
        training.progress.total(schedule.steps)
        checkpoint = read_latest(training.progress)
        run.begin(schedule, without_best(checkpoint))
        if checkpoint is not None:
            state.best = Best(**checkpoint[1]["best"])
        if checkpoint is None:
            validate_start(training, state, options.validation_samples)
        with updating(training.model):  # what is validated within pauses it
            _make_updates(run, training, state, examples, schedule.steps)
    restore_best(training, state)


def _make_updates(
    run: _OfflineRun, training: Training, state: TrainState, examples: Sequence[Example], steps: int
) -> None:
    options = run.algorithm.options
    indices = order(len(examples), steps * options.batch_size, training.seed)
    finish = CheckpointCallback(training, state, options, steps)
    while state.step < steps:
        step = state.step + 1
        some = indices[state.step * options.batch_size : step * options.batch_size]
        due = step == steps or step % options.checkpoint_every == 0
        metrics = run.learn([examples[index] for index in some], step, due)
        finish(metrics, run.optimizer, run.optimizer.write_files)


def _add_references(examples: Sequence[Example], score_all: Any) -> list[Example]:
    others = [example.other for example in examples if example.other is not None]
    scores = score_all([e for example in examples for e in example.episodes] + others)
    each = len(examples[0].episodes)
    rows = [tuple(scores[first : first + each]) for first in range(0, each * len(examples), each)]
    if others:
        rows = [(*row, other) for row, other in zip(rows, scores[-len(others) :], strict=True)]
    return [replace(example, references=row) for example, row in zip(examples, rows, strict=True)]


class _OfflineRun:
    """What all processes do together; the leader calls it."""

    optimizer: Optimizer  # from ``begin`` on

    def __init__(self, algorithm: OfflineAlgorithm, training: Training, state: TrainState) -> None:
        self.algorithm, self.training, self.state, self.team = algorithm, training, state, Team()
        self.network = training.model.network
        self.team.broadcast_weights(self.network)
        check_packing(self.network, algorithm.options)
        self.score_all = self.team.together(self._score_all)
        self.begin = self.team.together(self._begin)
        self.learn = self.team.together(self._learn_with_room)

    def _score_all(self, episodes: Sequence[Episode]) -> list[float]:
        """The log-probability of all agent tokens of each episode, by the weights as they are."""
        network = self.network.eval()
        scores: list[float] = self._score_episodes(network, episodes).tolist()
        return scores

    def _begin(self, schedule: Any, checkpoint: tuple[int, Any] | None) -> None:
        """Make the optimiser, and go on from a checkpoint, whose weights the leader's model has already."""
        self.team.broadcast_weights(self.network)
        self.optimizer = Optimizer(self.network, schedule, self.team, self.algorithm.options)
        if checkpoint is not None:
            unpack(*checkpoint, self.state, self.optimizer)

    def end(self) -> None:
        """When training is over, in a follower; the leader may have found nothing to begin with."""
        if "optimizer" in vars(self):
            self.optimizer.end()

    def _learn_with_room(self, examples: Sequence[Example], step: int, due: bool) -> dict[str, float]:
        # The leader has made room before it asks for this; a follower gives back what it used.
        with nullcontext() if self.team.is_rank0 else updating(self.training.model):
            return self._learn(examples, step, due)

    def _learn(self, examples: Sequence[Example], step: int, due: bool) -> dict[str, float]:
        """One update. The leader has its whole weights again where something is ``due`` behind it.

        Raises TrainingError where a gradient is not finite.
        """
        self.optimizer.release()
        network = self.optimizer.network.train()
        tokens = sum(agent_tokens(episode) for example in examples for episode in example.episodes)
        batch = Batch(len(examples), tokens, self._measure_drift(examples))
        with packed_attention(network, self.algorithm.options):
            sums = self._add_gradients(examples, batch)
        norm = self.optimizer.step(step)
        network.eval()
        if due:
            self.optimizer.fill()
        options = self.optimizer.options
        rate = options.learning_rate * rate_fraction(options, step)
        return {**sums, "grad_norm": norm, "learning_rate": rate}

    def _add_gradients(self, examples: Sequence[Example], batch: Batch) -> dict[str, float]:
        network, each = self.optimizer.network, len(examples[0].episodes)
        options = self.algorithm.options
        units = [example.episodes for example in examples]
        every = batch_units(units, options.micro_batch_tokens, packed=options.packing)
        mine, counting = self.team.shard_batches(every)
        sums: dict[str, float] = defaultdict(float)
        for number, micro in enumerate(mine):
            micro = micro.to(find_device(network))
            scores = score(network, micro, bfloat16=options.precision == "bfloat16")
            totals = scores.logprobs.new_zeros(each * len(examples))  # [B k]
            totals = totals.index_add(0, micro.row_of_token, scores.logprobs)  # [B k]
            some = [examples[row // each] for row in micro.rows[::each].tolist()]
            found = self.algorithm.loss(totals[micro.rows].view(-1, each), some, batch)
            counts = number < counting
            (found.loss * counts).backward()
            shares = {"loss": found.loss, **found.shares, "entropy": scores.entropies.sum() / batch.tokens}
            for name, value in shares.items():
                sums[name] += float(value.detach()) * counts
        return self.team.sum(sums) | {"tokens": float(batch.tokens)}

    def _measure_drift(self, examples: Sequence[Example]) -> float:
        others = [example.other for example in examples if example.other is not None]
        if not others:
            return 0.0
        now = self._score_episodes(self.optimizer.network, others)  # [B]
        then = torch.tensor([example.references[-1] for example in examples])  # [B]
        return max(0.0, float((now - then).mean()))

    def _score_episodes(self, network: Any, episodes: Sequence[Episode]) -> Tensor:
        """[E] on the CPU, in every process; each scores its part."""
        options, device = self.algorithm.options, find_device(network)
        scored = partial(score, network, bfloat16=options.precision == "bfloat16")
        every = micro_batches(episodes, options.micro_batch_tokens, packed=options.packing)
        mine, counting = self.team.shard_batches(every)
        totals = torch.zeros(len(episodes))  # [E]
        with torch.no_grad(), packed_attention(network, options):
            for number, micro in enumerate(mine):
                logprobs = scored(micro.to(device)).logprobs.cpu()  # [N]
                totals.index_add_(0, micro.row_of_token, logprobs * (number < counting))
        return torch.stack(self.team.everyones(totals)).sum(0)
