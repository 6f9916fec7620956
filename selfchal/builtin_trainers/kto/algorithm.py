"""KTO (arXiv 2402.01306) on multi-turn episodes: each is good or bad by itself, and none lacks a pair.

KTO compares with how far the policy has moved on what it has no reason to say: here what was said in another
episode, after the beginning of this one.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from selfchal.builtin_trainers.batch import useful_length
from selfchal.builtin_trainers.kto.config import KtoConfig, UnpairedOptions
from selfchal.builtin_trainers.offline_loop import Batch, Example, ExampleLoss
from selfchal.builtin_trainers.rollouts import explain_zero_signal, judged, rollout_metrics
from selfchal.core.episode import Episode, Group
from selfchal.core.errors import TrainingError
from selfchal.core.trainer import Training


@dataclass(frozen=True)
class KtoAlgorithm:
    """See ``selfchal.builtin_trainers.offline_loop.OfflineAlgorithm``."""

    options: KtoConfig
    compares: bool = True

    def make_examples(self, groups: Sequence[Group], training: Training) -> list[Example]:
        episodes, passed = find_both(groups, training)
        desirable, undesirable = weigh_sides(self.options, passed, len(episodes))
        mixed = mix_episodes(episodes, training.seed)
        return [
            Example((episode,), desirable if is_passed(episode) else undesirable, other)
            for episode, other in zip(episodes, mixed, strict=True)
        ]

    def loss(self, logprobs: Tensor, examples: Sequence[Example], batch: Batch) -> ExampleLoss:
        """Equation 7: a passed episode gains by being likelier than the drift, a failed one by being less
        likely; a mean over the update's episodes."""
        device = logprobs.device
        references = torch.tensor([example.references[0] for example in examples], device=device)  # [b]
        weights = torch.tensor([example.weight for example in examples], device=device)  # [b]
        passed = torch.tensor([is_passed(example.episodes[0]) for example in examples], device=device)  # [b]
        gains = self.options.beta * (logprobs[:, 0] - references - batch.drift)  # [b]
        losses = weights * (1 - torch.sigmoid(torch.where(passed, gains, -gains)))  # [b]
        drift = torch.tensor(batch.drift * len(examples) / batch.examples)
        return ExampleLoss(losses.sum() / batch.examples, {"drift": drift})


def is_passed(episode: Episode) -> bool:
    return (episode.reward or 0.0) >= 1


def find_both(groups: Sequence[Group], training: Training) -> tuple[list[Episode], int]:
    """The episodes to learn from, and how many passed. Raises TrainingError where all did, or none."""
    episodes = [episode for episode in judged(groups) if any(episode.mask)]
    passed = sum(map(is_passed, episodes))
    if not 0 < passed < len(episodes):
        raise TrainingError(
            "there are not both passed and failed episodes to tell apart: "
            f"{explain_zero_signal(rollout_metrics(groups))}"
        )
    training.progress.note(f"{passed} passed and {len(episodes) - passed} failed episodes")
    return episodes, passed


def weigh_sides(options: UnpairedOptions, passed: int, episodes: int) -> tuple[float, float]:
    """What a passed and a failed episode weigh; the mean over all episodes is 1."""
    if not options.balanced:
        return 1.0, 1.0
    return episodes / (2 * passed), episodes / (2 * (episodes - passed))


def mix_episodes(episodes: Sequence[Episode], seed: int) -> list[Episode]:
    """Each episode up to the agent's first token, followed by what came from there on in another one; no
    longer than the longest of them all."""
    longest = max(map(useful_length, episodes))
    others = list(range(len(episodes)))
    random.Random(seed).shuffle(others)
    follower = dict(zip(others, [*others[1:], others[0]], strict=True))  # nobody follows himself
    mixed = []
    for index, episode in enumerate(episodes):
        other = episodes[follower[index]]
        begin, rest = episode.mask.index(1), slice(other.mask.index(1), useful_length(other))
        ids = [*episode.ids[:begin], *other.ids[rest]][:longest]
        mask = [*episode.mask[:begin], *other.mask[rest]][:longest]
        mixed.append(replace(episode, ids=ids, mask=mask, logprobs=[0.0] * len(ids)))
    return mixed
