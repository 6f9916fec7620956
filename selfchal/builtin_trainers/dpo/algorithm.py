"""DPO (arXiv 2305.18290) on multi-turn episodes: what passed is preferred to what failed at the same task."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from selfchal.builtin_trainers.dpo.config import DpoConfig
from selfchal.builtin_trainers.offline_loop import Batch, Example, ExampleLoss
from selfchal.builtin_trainers.rollouts import explain_zero_signal, rollout_metrics
from selfchal.core.episode import Episode, Group
from selfchal.core.errors import TrainingError
from selfchal.core.trainer import Training


@dataclass(frozen=True)
class DpoAlgorithm:
    """See ``selfchal.builtin_trainers.offline_loop.OfflineAlgorithm``. An example is (passed, failed)."""

    options: DpoConfig
    compares: bool = True

    def make_examples(self, groups: Sequence[Group], training: Training) -> list[Example]:
        return [Example(pair) for pair in find_pairs(groups, training)]

    def loss(self, logprobs: Tensor, examples: Sequence[Example], batch: Batch) -> ExampleLoss:
        """-log sigmoid of the margin, a mean over the update's pairs."""
        references = torch.tensor([example.references for example in examples], device=logprobs.device)
        gains = logprobs - references  # [b, 2]
        margins = self.options.beta * (gains[:, 0] - gains[:, 1])  # [b]
        shares = {"margin": margins.detach().mean(), "accuracy": (margins.detach() > 0).float().mean()}
        part = len(examples) / batch.examples
        return ExampleLoss(
            -logsigmoid(margins).sum() / batch.examples,
            {name: value * part for name, value in shares.items()},
        )


def find_pairs(groups: Sequence[Group], training: Training) -> list[tuple[Episode, Episode]]:
    """Raises TrainingError where no task has both passed and failed episodes."""
    pairs = preferences(groups, training.seed)
    if not pairs:
        raise TrainingError(
            f"no task has both a passed and a failed episode: {explain_zero_signal(rollout_metrics(groups))}"
        )
    training.progress.note(f"{len(pairs)} pairs of a passed and a failed episode")
    return pairs


def preferences(groups: Sequence[Group], seed: int) -> list[tuple[Episode, Episode]]:
    """Pairs (passed, failed) of one task, every episode in at most one pair."""
    draw, pairs = random.Random(seed), list[tuple[Episode, Episode]]()
    for group in groups:
        usable = [e for e in group.episodes if e.reward is not None and any(e.mask)]
        passed = [e for e in usable if (e.reward or 0.0) >= 1]
        failed = [e for e in usable if (e.reward or 0.0) < 1]
        draw.shuffle(passed)
        draw.shuffle(failed)
        pairs += zip(passed, failed, strict=False)
    return pairs
