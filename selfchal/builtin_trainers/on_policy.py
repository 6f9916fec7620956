"""The on-policy loop: roll out, make a batch, step, look, keep the best. An algorithm fills in the rest.

``selfchal.on_policy`` gives its names to whoever writes an algorithm of this kind: docs/write_a_trainer.md
shows how, and examples/selfchal-reinforce is one. An ``Algorithm`` says which episodes an update is made on
and what they are worth, and gives the loss of a micro-batch. Everything else is here: resuming, processes
of a team, validation, checkpoints, and the end of a training that has nothing left to learn from.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from selfchal.builtin_trainers.ahead import Batches, open_batches
from selfchal.builtin_trainers.batch import MicroBatch, agent_tokens, micro_batches
from selfchal.builtin_trainers.checkpoint import (
    Best,
    TrainState,
    end_of_step,
    read_latest,
    restore_best,
    unpack,
    validate_start,
    without_best,
)
from selfchal.builtin_trainers.forward import Scores, is_adapted, score
from selfchal.builtin_trainers.optim import (
    Optimizer,
    Reference,
    adapter_reference,
    frozen_reference,
    rate_fraction,
)
from selfchal.builtin_trainers.options import OnPolicyOptions
from selfchal.builtin_trainers.packing import check_packing, packed_attention
from selfchal.builtin_trainers.parallel import Team
from selfchal.builtin_trainers.rollouts import TaskSampler, rollout_metrics, sampler_for
from selfchal.builtin_trainers.sharding import find_device
from selfchal.builtin_trainers.speed import measure_step
from selfchal.core.episode import Episode, Group
from selfchal.core.trainer import Training
from selfchal.core.updating import updating


@dataclass(frozen=True)
class PolicyBatch:
    """The episodes of one update, B of them, all with a reward and tokens of the agent's own."""

    episodes: list[Episode]
    advantages: Tensor | None = None  # [B] what each is worth; None where tokens have advantages of their own
    learns: Tensor | None = None  # [B] False: there for KL and entropy alone; None: all have a signal
    stale: bool = False  # older weights may have sampled them; the loop says so

    def split(self, parts: int, seed: int) -> list[PolicyBatch]:
        """The episodes dealt at random into so many parts of nearly equal size, or fewer with one each."""
        if parts == 1:
            return [self]
        rows = list(range(len(self.episodes)))
        random.Random(seed).shuffle(rows)
        return [self._select(sorted(rows[first::parts])) for first in range(min(parts, len(rows)))]

    def _select(self, rows: list[int]) -> PolicyBatch:
        advantages, learns = self.advantages, self.learns
        return PolicyBatch(
            [self.episodes[row] for row in rows],
            None if advantages is None else advantages[rows],
            None if learns is None else learns[rows],
            self.stale,
        )


class Prepared(Protocol):
    """A micro-batch with everything about it that is fixed during the epochs."""

    @property
    def batch(self) -> MicroBatch: ...

    @property
    def counts(self) -> bool:
        """False: a repeat that only keeps the other processes company; its loss weighs nothing."""
        ...


@dataclass(frozen=True)
class BatchLoss:
    """What a micro-batch adds to the loss of the whole batch, and to the metrics.

    The sum of ``loss`` over all micro-batches of all processes is the batch's loss. ``sums`` are sums over
    tokens, which the loop divides by the batch's tokens; ``shares`` add up to the metric as they are.
    """

    loss: Tensor  # []
    sums: dict[str, Tensor]  # each []
    shares: dict[str, Tensor] = field(default_factory=dict)  # each []


P = TypeVar("P", bound=Prepared)


@dataclass(frozen=True)
class Preparation:
    """What an algorithm prepares micro-batches with: the network as it is before the first epoch."""

    network: nn.Module
    reference: Reference | None
    team: Team
    options: OnPolicyOptions
    step: int = 1  # the number of the update, from 1

    @property
    def device(self) -> torch.device:
        return find_device(self.network)

    def micro_batches(self, episodes: Sequence[Episode]) -> tuple[list[MicroBatch], int]:
        """This process's micro-batches on the network's device, and how many of them count."""
        options = self.options
        every = micro_batches(episodes, options.micro_batch_tokens, packed=options.packing)
        batches, counting = self.team.shard_batches(every)
        return [batch.to(self.device) for batch in batches], counting

    def score(self, batch: MicroBatch) -> Scores:
        """Without gradient: of the present network."""
        with torch.no_grad():
            return score(self.network, batch, bfloat16=self.options.precision == "bfloat16")

    def score_reference(self, batch: MicroBatch) -> Tensor | None:
        """Log-probabilities [N] of the policy that training began with; None where ``kl`` is 0."""
        if self.reference is None:
            return None
        with torch.no_grad(), self.reference() as frozen, packed_attention(frozen, self.options):
            return score(frozen, batch, bfloat16=self.options.precision == "bfloat16").logprobs


class Algorithm(Protocol[P]):
    """What makes one on-policy algorithm differ from another."""

    @property
    def options(self) -> OnPolicyOptions: ...

    @property
    def resample(self) -> int:
        """How often groups without signal are replaced by groups of further tasks before an update."""
        ...

    @property
    def modules(self) -> Sequence[tuple[nn.Module, float]]:
        """Modules beside the network (a critic), each with its peak learning rate.

        Checkpoints hold all of them. One that has buffers and no parameters, such as a running mean, is not
        stepped on, and its rate has no meaning.
        """
        ...

    def choose(self, groups: Sequence[Group]) -> PolicyBatch | None:
        """The episodes to learn from and what they are worth; None where nothing can be learnt from them.

        Episodes without a reward could not be judged and must be left out. Called in the first process alone.
        """
        ...

    def prepare(self, preparation: Preparation, batch: PolicyBatch) -> list[P]:
        """This process's micro-batches, scored with the weights before the first step.

        Called for each minibatch of an update, which is a batch of its own.
        """
        ...

    def loss(self, scores: Scores, prepared: P, tokens: int) -> BatchLoss:
        """A micro-batch's part of the loss. ``tokens``: the agent's tokens of the whole minibatch."""
        ...


def train(algorithm: Algorithm[P], training: Training) -> None:
    """Train in place. Every process of a team calls it; the first one rolls out, reports and saves.

    Raises TrainingError where there is no task, or no update ever had a signal (with the reason).
    """
    progress, team, options = training.progress, Team(), algorithm.options
    network, extra = training.model.network, [module for module, _ in algorithm.modules]
    team.broadcast_weights(network)
    check_packing(network, options)
    state = TrainState(sampler_for(training) if team.is_rank0 else TaskSampler((), 0))
    reference = None
    if options.kl and not is_adapted(network):
        reference = frozen_reference(network, team, options)
    latest = read_latest(progress) if team.is_rank0 else None
    checkpoint = team.broadcast(without_best(latest))
    team.broadcast_weights(network)
    optimizer = Optimizer(network, options, team, options)
    if options.kl and is_adapted(network):
        reference = adapter_reference(optimizer.network)
    for module, learning_rate in algorithm.modules:
        optimizer.add(module, learning_rate)
    if checkpoint is not None:
        unpack(*checkpoint, state, optimizer, *extra)
    if latest is not None:
        state.best = Best(**latest[1]["best"])

    def learn_from(batch: PolicyBatch, step: int) -> dict[str, float]:
        # The leader has made room before it asks for this; a follower gives back what it used.
        with nullcontext() if team.is_rank0 else updating(training.model):
            optimizer.release()
            with packed_attention(optimizer.network, options):
                metrics = update(algorithm, optimizer, reference, batch, step)
            optimizer.fill()
            return metrics

    learn = team.together(learn_from)
    if not team.is_rank0:
        team.follow()
        optimizer.end()
        return

    progress.total(options.steps)
    with team.led():
        if checkpoint is None:
            validate_start(training, state, options.validation_samples)
        over = state.step >= options.steps or state.zero_signal >= options.patience
        with open_batches(training, options, algorithm.resample, state) as batches:
            while not over:
                metrics = _make_step(algorithm, training, state, batches, learn)
                settle = batches.settle
                over = end_of_step(training, state, options, metrics, optimizer, *extra, settle=settle)
    restore_best(training, state)


def _make_step(
    algorithm: Algorithm[P],
    training: Training,
    state: TrainState,
    batches: Batches,
    learn: Callable[[PolicyBatch, int], dict[str, float]],
) -> dict[str, float]:
    """Take a batch, and update where there is something to learn from; the metrics of both."""
    state.step += 1
    groups, taking = batches.take(state)
    began = time.perf_counter()
    metrics = rollout_metrics(groups)
    batch = algorithm.choose(groups)
    if batch is not None:
        batch = replace(batch, stale=training.ahead is not None)
        state.zero_signal, state.learnt = 0, state.learnt + 1
        with batches.updating():
            with updating(training.model):
                metrics |= learn(batch, state.step)
            training.model.on_weights_updated()
    else:
        state.zero_signal += 1
    metrics |= taking
    metrics["seconds_update"] = time.perf_counter() - began
    learnt = None if batch is None else batch.episodes
    return metrics | measure_step(training.model.network, groups, learnt, metrics, algorithm.options.epochs)


def update(
    algorithm: Algorithm[P],
    optimizer: Optimizer,
    reference: Reference | None,
    batch: PolicyBatch,
    step: int,
) -> dict[str, float]:
    """``epochs`` passes over one batch, an optimiser step for each of its ``minibatches``; means over the
    agent's tokens for the metrics.

    Raises TrainingError where a gradient is not finite.
    """
    options, network = algorithm.options, optimizer.network.train()
    preparation = Preparation(network, reference, optimizer.team, options, step)
    minibatches = batch.split(options.minibatches, step)
    prepared = [(part, algorithm.prepare(preparation, part)) for part in minibatches]
    sums: dict[str, float] = defaultdict(float)
    shares: dict[str, float] = defaultdict(float)
    norm = 0.0
    for _ in range(options.epochs):
        for minibatch, parts in prepared:
            tokens = sum(map(agent_tokens, minibatch.episodes))
            for part in parts:
                scores = score(
                    network,
                    part.batch,
                    bfloat16=options.precision == "bfloat16",
                    entropy_gradient=options.entropy_bonus > 0,
                )
                found = algorithm.loss(scores, part, tokens)
                (found.loss * part.counts).backward()
                _add(sums, found.sums, part.counts)
                _add(shares, found.shares, part.counts)
            norm += optimizer.step(step)
    network.eval()
    steps, tokens = options.epochs * len(prepared), sum(map(agent_tokens, batch.episodes))
    means = {name: total / options.epochs / tokens for name, total in optimizer.team.sum(sums).items()}
    return {
        **{name: total / steps for name, total in optimizer.team.sum(shares).items()},
        **means,
        "grad_norm": norm / steps,
        "learning_rate": options.learning_rate * rate_fraction(options, step),
    }


def _add(totals: dict[str, float], found: dict[str, Tensor], counts: bool) -> None:
    for name, value in found.items():
        totals[name] += float(value) * counts
